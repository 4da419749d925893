"""What was written, what is missing and what it costs, for the terminal; and a file of the missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from planb.data.terminal import Console, Table
from planb.data.whole import write_whole
from planb.evals.writing.estimate import Estimate
from planb.evals.writing.new_requests import NewRequests
from planb.evals.writing.result import Missing, WritingResult
from planb.types import Spend

SHOWN = 5
"""So many of what is missing stand on the terminal; all of it stands in the file."""


def show_estimates(console: Console, estimates: Sequence[Estimate]) -> None:
    """A row for each writer, and what they cost together."""
    columns = ("tier", "model", "requests", "answered", "calls", "at most", "tokens in", "out, at most")
    table = _table(*columns, "USD, at most", words=2)
    for one in estimates:
        numbers = (one.requests, one.answered, one.calls, one.most_calls)
        tokens = (one.tokens_in, one.most_tokens_out)
        cost = "-" if one.most_cost is None else f"{one.most_cost:,.2f}"
        counts = (f"{number:,}" for number in (*numbers, *tokens))
        table.add_row(escape(one.tier), escape(one.model), *counts, cost)
    console.print(table)
    how = ", ".join(dict.fromkeys(one.counted_by for one in estimates))
    console.print(
        f"Tokens in are counted by {how}. 'at most' is if every response takes all its tries; tokens "
        "and USD are of 'calls'. Nothing was asked.",
        highlight=False,
    )


def show_written(console: Console, result: WritingResult) -> None:
    """A row for each tier; why answers were left out; what is missing."""
    table = _table("tier", "written by", "requests", "had it", "responses", "left out", words=2)
    for tier in result.tiers:
        numbers = (tier.requests, tier.had, tier.responses, sum(tier.left_out.values()))
        table.add_row(escape(tier.tier), escape(tier.model), *(f"{number:,}" for number in numbers))
    console.print(table)
    for tier in result.tiers:
        _left_out(console, tier.tier, tier.left_out)
    _spends(console, result.spend, result.spend_now)
    for one in result.missing[:SHOWN]:
        _say(console, f"missing: {one.id}, {one.tier} ({one.got} of {one.wanted}): {one.reason}")
    if len(result.missing) > SHOWN:
        _say(console, f"... and {len(result.missing) - SHOWN:,} more are missing")


def show_requests(console: Console, found: NewRequests) -> None:
    """How many requests there are, what was dropped, and which topics have too few."""
    _say(console, f"{len(found.examples):,} of {found.wanted:,} requests written")
    if found.duplicates:
        _say(console, f"{found.duplicates:,} duplicates dropped")
    _left_out(console, "answers", found.left_out)
    _spends(console, found.spend, found.spend_now)
    for topic, reason in list(found.missing.items())[:SHOWN]:
        _say(console, f"too few on '{topic}': {reason}" if topic else reason)
    if len(found.missing) > SHOWN:
        _say(console, f"... and {len(found.missing) - SHOWN:,} more topics have too few")


def write_missing(path: Path, missing: Sequence[Missing]) -> None:
    """One line for each; where nothing is missing there is no file. Raises PlanBError."""
    if not missing:
        path.unlink(missing_ok=True)
        return
    lines = (json.dumps(one.model_dump(), ensure_ascii=False) for one in missing)
    write_whole(path, "".join(f"{line}\n" for line in lines))


def _left_out(console: Console, what: str, reasons: dict[str, int]) -> None:
    if reasons:
        said = "; ".join(f"{times:,} x {reason}" for reason, times in reasons.items())
        _say(console, f"left out of {what}: {said}")


def _spends(console: Console, spend: Spend, now: Spend) -> None:
    _say(console, f"in this run: {_spend(now)}")
    if spend != now:
        _say(console, f"with the runs before: {_spend(spend)}")


def _spend(spend: Spend) -> str:
    cached = f", {spend.cached:,} from the cache" if spend.cached else ""
    cost = "cost unknown" if spend.cost is None else f"{spend.cost:,.2f} USD"
    tokens = f"{spend.tokens_in:,} tokens in, {spend.tokens_out:,} out"
    return f"{spend.calls:,} calls{cached}, {tokens}, {cost}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _table(*columns: str, words: int) -> Table:
    """The first ``words`` columns hold words, the others numbers."""
    table = Table()
    for place, name in enumerate(columns):
        table.add_column(name, justify="left" if place < words else "right")
    return table
