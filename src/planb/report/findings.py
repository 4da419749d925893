"""The claims of all studies in one table of Markdown, made from their ``claims.csv``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from planb.report import wording
from planb.report.claim_words import MARKS, told_figure, told_gap, wanted
from planb.report.gaps import Gap
from planb.report.readme_table import markdown
from planb.report.results import Figure
from planb.stats import numbers

_HEADS = ("Claim", "The talk", "Found", "Held if", "Verdict", "Once more")


def findings_markdown(tables: Sequence[pd.DataFrame]) -> str:
    """A line a claim, in the order of the tables (``claims.read_claims``), ending with a newline.

    A claim that was held against several models or organisms has a line each, named.
    """
    lines: list[tuple[str, ...]] = []
    for table in tables:
        claimed = table.to_dict("records")
        several = Counter(str(line["claim"]) for line in claimed)
        lines += [_line(line, several[str(line["claim"])] > 1) for line in claimed]
    return markdown(_HEADS, lines, texts=len(_HEADS))


def counted(tables: Sequence[pd.DataFrame]) -> str:
    """``Of 20 claims, 12 held, 5 did not hold, 3 are undecided and 0 were not measured.``"""
    verdicts = Counter(str(verdict) for table in tables for verdict in table["verdict"])
    return (
        f"Of {numbers.plural(verdicts.total(), 'claim')}, {verdicts['held']} held, "
        f"{verdicts['not held']} did not hold, {verdicts['undecided']} are undecided and "
        f"{verdicts['not measured']} were not measured."
    )


def _line(line: dict[Any, Any], named: bool) -> tuple[str, ...]:
    rate, compared = line["unit"] == "share", bool(line["against"])
    where = f" ({line['model']}, {wording.organism(line['organism'])})" if named else ""
    verdict = str(line["verdict"])
    return (
        *(f"{line['claim']}{where}", line["said"] or numbers.NOTHING, _found(line, rate)),
        wanted(line["expected"], line["by"], rate, compared),
        f"{MARKS[verdict]}{numbers.SPACE}{verdict.replace(' ', numbers.SPACE)}",
        f"`planb run {line['study']}`",
    )


def _found(line: dict[Any, Any], rate: bool) -> str:
    parts = []
    for what, prefix in (("figure", ""), ("against", "against_")):
        figure = _figure(line, prefix)
        if figure is not None:
            parts.append(told_figure(line[what], figure, rate))
    gap = Gap(*(line[f"difference{end}"] for end in ("", "_low", "_high", "", "")))
    if gap.given:
        parts.append(told_gap(gap, rate))
    if line["reason"]:
        parts.append(line["reason"])
    return "; ".join(parts)


def _figure(line: dict[Any, Any], prefix: str) -> Figure | None:
    value, low, high = (float(line[f"{prefix}{name}"]) for name in ("value", "low", "high"))
    if math.isnan(low):
        return None
    counts = (int(line[f"{prefix}n"]), int(line[f"{prefix}unscored"]), None)
    return Figure(*counts, value, low, high, value, value)
