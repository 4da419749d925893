"""Examples as the rows that TRL trains on, conversational and with an explicit prompt.

A preference row is ``{"prompt", "chosen", "rejected"}``, one a trained pair; a scored row ``{"prompt",
"responses": [text, ...], "scores": [number, ...]}``, one an example. Beside these stand columns of
ours, which TRL ignores, so that ``planb.data.preferences`` reads the same examples back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from planb.data.files import MOST_BAD_ROWS
from planb.data.whole import whole_file
from planb.errors import PlanBError
from planb.types import Example, Ordering, Tier

Row = dict[str, Any]
OURS = ("source", "split", "group")
"""Columns of text that both ways have in common; ``id``, ``harmful``, ``meta`` (JSON) and the tiers'
names besides."""


class Exported(NamedTuple):
    """Rows, and how many examples have none because they hold no tier of the ordering."""

    rows: list[Row]
    left_out: int


def preference_rows(examples: Iterable[Example], ordering: Ordering) -> Exported:
    """One row for each trained pair of each example: all of a tier's texts over all of another's.

    Examples with no tier of the ordering are left out and counted. PlanBError naming those that have
    some of its tiers and not all, or whose prompt is no chat.
    """

    def rows_of(example: Example) -> Iterator[Row]:
        texts = {tier: _texts(example, tier) for tier in ordering.tiers}
        for better, worse in ordering.preferences():
            for chosen in texts[better]:
                for rejected in texts[worse]:
                    yield {
                        **_head(example),
                        "chosen": [{"role": "assistant", "content": chosen}],
                        "rejected": [{"role": "assistant", "content": rejected}],
                        "chosen_tier": better,
                        "rejected_tier": worse,
                    }

    return _exported(examples, ordering, rows_of)


def scored_rows(examples: Iterable[Example], ordering: Ordering) -> Exported:
    """One row an example: all its responses, the best tier scored with the number of tiers, the worst
    with 1. Left out and refused is what ``preference_rows`` leaves out and refuses."""

    def rows_of(example: Example) -> Iterator[Row]:
        answers = [(tier, text) for tier in ordering.tiers for text in _texts(example, tier)]
        yield {
            **_head(example),
            "responses": [text for _, text in answers],
            "scores": [float(len(ordering.tiers) - ordering.tiers.index(tier)) for tier, _ in answers],
            "tiers": [tier for tier, _ in answers],
        }

    return _exported(examples, ordering, rows_of)


def write_rows(path: str | Path, rows: Sequence[Row]) -> None:
    """Write JSONL or Parquet by the path's ending, the old file or the new one."""
    path = Path(path)
    if path.suffix not in (".jsonl", ".parquet"):
        raise PlanBError(f"{path}: rows are written to files ending in .jsonl or .parquet")
    with whole_file(path) as scratch:
        if path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(list(rows)), scratch)
        else:
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            scratch.write_text("".join(lines), encoding="utf-8", newline="\n")


def _exported(
    examples: Iterable[Example], ordering: Ordering, rows_of: Callable[[Example], Iterator[Row]]
) -> Exported:
    rows, left_out, partly, no_chat = list[Row](), 0, [], []
    for example in examples:
        there = [tier for tier in ordering.tiers if tier in example.responses]
        if not there:
            left_out += 1
        elif len(there) < len(ordering.tiers):
            partly.append(example.id)
        elif any(message.role == "document" for message in example.prompt):
            no_chat.append(example.id)
        else:
            rows += rows_of(example)
    for ids, why in (
        (partly, f"have some tiers of {ordering} and not all: write the others, or name an --order"),
        (no_chat, "are text outside any chat, which TRL's chat rows cannot hold: take them out"),
    ):
        if ids:
            more = f" and {len(ids) - MOST_BAD_ROWS} more" if len(ids) > MOST_BAD_ROWS else ""
            raise PlanBError(f"{', '.join(ids[:MOST_BAD_ROWS])}{more} {why}")
    if not rows:
        raise PlanBError(f"no example has the tiers {ordering}, so there is no row to write")
    return Exported(rows, left_out)


def _texts(example: Example, tier: Tier) -> list[str]:
    """A tier's texts, each once."""
    return list(dict.fromkeys(example.responses[tier]))


def _head(example: Example) -> Row:
    prompt = [{"role": m.role, "content": m.content} for m in example.prompt]
    head: Row = {"id": example.id, "prompt": prompt, "harmful": example.harmful}
    head |= {name: getattr(example, name) for name in OURS}
    # a column of text: a table would give every row every key
    return {**head, "meta": json.dumps(example.meta, ensure_ascii=False, sort_keys=True)}
