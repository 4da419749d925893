"""What a page says of answers that are unscored or cut off: how many, why, and what that leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from planb.domains.measure import Measured
from planb.report import wording
from planb.report.evidence import Table
from planb.report.results import ALL, method_rank
from planb.stats import numbers

_ANSWERS = ["refused", "complied", "usefulness", "severity", "score"]
"""An answer without any of these is unscored."""
_LISTED = 5
"""So many reasons are listed."""


def counts(rows: pd.DataFrame) -> str:
    """How many answers were judged, how many could not be and why, and how many were cut off."""
    missing = rows[rows[_ANSWERS].isna().all(axis=1) | (rows["unscored"] != "")]
    text = f"{numbers.plural(len(rows), 'answer')} judged; {len(missing):,} unscored"
    if not missing.empty:
        reasons = missing["unscored"].replace("", "no reason given").value_counts()
        listed = sorted(reasons.items(), key=lambda pair: (-int(pair[1]), str(pair[0])))
        text += " (" + ", ".join(f"{reason}: {count}" for reason, count in listed[:_LISTED])
        text += ", and other reasons)" if len(listed) > _LISTED else ")"
    cut, unknown = int(rows["truncated"].sum()), int(rows["truncated"].isna().sum())
    text += f"; {cut:,} cut off at the length limit"
    return text + (f"; of {unknown:,} it is not known whether they were." if unknown else ".")


def judged(rows: pd.DataFrame) -> Table:
    """Answers, unscored and truncated ones of each method under each condition; where some are
    unscored also why, and what is known of them."""
    lines, methods = list[tuple[str, ...]](), list[str]()
    nothing = rows[["refused", "complied", "score"]].isna().all(axis=1)
    table = rows.assign(missing=(rows["unscored"] != "") | nothing)
    why = bool(table["missing"].any())
    key = ["model", "organism", "task", "elicitation", "judge", "method"]
    parts = [(tuple(map(str, names)), own) for names, own in table.groupby(key)]
    for names, own in sorted(parts, key=lambda part: (part[0][:5], method_rank(part[0][5]))):
        task, elicitation, judge, method = names[2:]
        cut = "not known" if own["truncated"].isna().any() else str(own["truncated"].sum())
        numbers = (own["seed"].nunique(), len(own), own["missing"].sum())
        reasons = (_reasons(own[own["missing"]]),) if why else ()
        who = (wording.name(method), task, elicitation, judge)
        lines.append((*who, *map(str, numbers), cut, *reasons))
        methods.append(method)
    head = ("Method", "Task", "Elicitation", "Judge", "Seeds", "Answers", "Unscored", "Cut off")
    more, texts = (("Unscored: why, and what is known of them",), (len(head),)) if why else ((), ())
    return Table((*head, *more), tuple(lines), methods=tuple(methods), texts=texts)


def notes(
    rows: pd.DataFrame, results: pd.DataFrame, measured: Mapping[str, Measured]
) -> tuple[str, ...]:
    """What stands under the headline where answers are unscored: which measures a judge does not give,
    and how to read a figure with bounds. Nothing where all are scored."""
    pooled = results[(results["seed"] == ALL) & (results["unscored"] > 0)]
    found = []
    by_judges = [task for task, own in measured.items() if own.by == "judges"]
    requests = pooled[pooled["task"].isin(by_judges)]
    for (task, judge), own in requests.groupby(["task", "judge"]):
        given = results[(results["task"] == task) & (results["judge"] == judge) & (results["n"] > 0)]
        missing = [
            one.told
            for one in measured[str(task)].measures
            if one.name in set(own["measure"]) - set(given["measure"])
            and not one.forms
            and one.among.of != "kind_told"  # judges of real models give none: nobody misses them
        ]
        if missing:
            asked = rows[(rows["task"] == task) & (rows["judge"] == judge)]
            what = ", ".join(missing)
            found.append(
                f"Left out, because the judge “{judge}” does not give it of any answer to "
                f"{task}: {what} ({_reasons(asked[asked['unscored'] != ''], known=False)})."
            )
    if (pooled["n"] > 0).any():
        found.append(
            "Which answers a judge leaves unscored is not random. Where some are, as in “400 (+20)” "
            "(400 scored, 20 unscored), a figure like 3.4–3.9 goes from all of the unscored ones at "
            "their lowest to all at their highest, and its interval is that of both ends together; "
            "claims, differences and pictures are made so too."
        )
    return tuple(found)


def _reasons(missing: pd.DataFrame, known: bool = True) -> str:
    """Reasons with their counts, the most frequent first: ``only refusals: 21 not refused; ...``."""
    if missing.empty:
        return "no reason given" if not known else ""
    reason = missing["unscored"].replace("", "no reason given")
    said = ["" if pd.isna(one) else " refused" if one else " not refused" for one in missing["refused"]]
    found = Counter(zip(reason, said if known else [""] * len(said), strict=True))
    listed = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    text = "; ".join(f"{reason}: {count}{told}" for (reason, told), count in listed[:_LISTED])
    return text + ("; and other reasons" if len(listed) > _LISTED else "")
