"""The claims of all studies as tables of Markdown, made from their ``claims.csv``."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import pandas as pd

from planb.report import wording
from planb.report.certificate import Certificate
from planb.report.claim_words import MARKS, told_gap, wanted
from planb.report.gaps import Gap
from planb.report.readme_table import markdown
from planb.report.results import Figure
from planb.stats import numbers

_TALK = ("Claim", "The talk", "Found", "Verdict", "Study")
_STUDY = ("Claim", "Found", "Held if", "Verdict")
_TASK = re.compile(r" \(\w+\)$")
"""A task's name after its measure: the claim says what it is about."""


FAILED = "†"
"""Marks the verdicts on organisms that do not pass their certificate."""


def findings_markdown(
    tables: Sequence[pd.DataFrame],
    heads: Mapping[str, str],
    certificates: Mapping[str, Sequence[Certificate]] | None = None,
) -> str:
    """Claims for which the talk gives a result, then a section a study with the others.

    ``tables`` are as ``claims.read_claims`` reads them, one a study; ``heads`` has what stands above
    a study's table, and ``certificates`` those of its organisms. Ends with a newline. A claim that was
    held against several models or organisms has a line each, named; the verdict on an organism that
    does not pass is marked.
    """
    failed = {
        (one.study, one.model, one.organism)
        for some in (certificates or {}).values()
        for one in some
        if one.verdict == "does not pass"
    }
    talk: list[tuple[str, ...]] = []
    sections: list[str] = []
    for table in tables:
        claimed, several = table.to_dict("records"), table["model"].nunique() > 1
        repeated = Counter(str(line["claim"]) for line in claimed)
        others = []
        for line in claimed:
            claim = str(line["claim"])
            claim += _where(line, several) if repeated[claim] > 1 else ""
            on = (line["study"], line["model"], line["organism"])
            verdict = _verdict(line) + f" {FAILED}" * (on in failed)
            if line["said"]:
                talk.append((claim, line["said"], _found(line), verdict, f"`{line['study']}`"))
            else:
                others.append((claim, _found(line), _held_if(line), verdict))
        if others:
            study = str(table["study"].iloc[0])
            head = f"{heads[study]}{certified((certificates or {}).get(study, ()))}"
            sections.append(f"{head}\n\n{markdown(_STUDY, others, texts=len(_STUDY))}")
    first = markdown(_TALK, talk, texts=len(_TALK))
    return "\n".join([f"## Results that the talk gives\n\n{first}"] * bool(talk) + sections)


def certified(certificates: Sequence[Certificate]) -> str:
    """``. Organism: does not pass (robustness: ...)``; nothing without certificates."""
    several = len(certificates) > 1
    told = [
        f"{wording.organism(one.organism)} {one.words}" if several else one.words
        for one in certificates
    ]
    return ".\n" + fill(f"Organism: {'; '.join(told)}", 100) if told else ""


def counted(tables: Sequence[pd.DataFrame]) -> str:
    """``Of 20 claims, 12 held, 5 did not hold, 3 are undecided and 0 were not measured.``"""
    verdicts = Counter(str(verdict) for table in tables for verdict in table["verdict"])
    return (
        f"Of {numbers.plural(verdicts.total(), 'claim')}, {verdicts['held']} held, "
        f"{verdicts['not held']} did not hold, {verdicts['undecided']} are undecided and "
        f"{verdicts['not measured']} were not measured."
    )


def changes_markdown(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """How the verdicts of the same claims changed: counts, and each claim whose verdict is another.

    Both are as ``claims.read_claims`` reads them; claims that only one of them has are left out.
    Ends with a newline.
    """
    key = ["study", "model", "organism", "claim"]
    lines = {tuple(line[name] for name in key): line for line in before.to_dict("records")}
    pairs = [
        (lines[place], line)
        for line in after.to_dict("records")
        if (place := tuple(line[name] for name in key)) in lines
    ]
    moves = Counter((str(old["verdict"]), str(new["verdict"])) for old, new in pairs)
    changed = [(old, new) for old, new in pairs if old["verdict"] != new["verdict"]]
    counts = [
        (f"{MARKS[old]}{numbers.SPACE}{old}", *(str(moves[old, new] or "") for new in MARKS))
        for old in MARKS
    ]
    heads = ("Before", *(f"now {verdict}" for verdict in MARKS))
    rows = [
        (str(new["claim"]), *(f"{_verdict(x)}: {_found(x)}" for x in (old, new)), f"`{new['study']}`")
        for old, new in changed
    ]
    have = "has" if len(changed) == 1 else "have"
    told = f"Of {numbers.plural(len(pairs), 'claim')}, {len(changed)} {have} another verdict."
    tables = [markdown(heads, counts)]
    if rows:
        tables.append(markdown(("Claim", "Before", "Now", "Study"), rows, texts=4))
    return "\n".join([f"{told}\n", *tables])


def _where(line: dict[Any, Any], several: bool) -> str:
    organism = wording.organism(line["organism"])
    return f" ({line['model']}, {organism})" if several else f" ({organism})"


def _verdict(line: dict[Any, Any]) -> str:
    verdict = str(line["verdict"])
    return f"{MARKS[verdict]}{numbers.SPACE}{verdict.replace(' ', numbers.SPACE)}"


def _held_if(line: dict[Any, Any]) -> str:
    return wanted(line["expected"], line["by"], line["unit"] == "share", bool(line["against"]))


def _found(line: dict[Any, Any]) -> str:
    """``mean severity 3.6 against 10.0: difference −6.4 [−8.3, −5.1]``, or why there is no verdict."""
    rate, parts = line["unit"] == "share", []
    write = wording.rated if rate else wording.scored
    own, against = _figure(line, ""), _figure(line, "against_")
    gap = Gap(*(line[f"difference{end}"] for end in ("", "_low", "_high", "", "")))
    measure = _TASK.sub("", str(line["figure"]).rpartition(": ")[2])
    if own and against and gap.given:
        value, other = (write(figure).partition(" [")[0] for figure in (own, against))
        parts.append(f"{measure} {value} against {other}: {told_gap(gap, rate)}")
    elif own:
        parts.append(f"{measure} {write(own)}")
    if line["reason"]:
        parts.append(line["reason"])
    return "; ".join(parts)


def _figure(line: dict[Any, Any], prefix: str) -> Figure | None:
    value, low, high = (float(line[f"{prefix}{name}"]) for name in ("value", "low", "high"))
    if math.isnan(low):
        return None
    counts = (int(line[f"{prefix}n"]), int(line[f"{prefix}unscored"]), None)
    return Figure(*counts, value, low, high, value, value)
