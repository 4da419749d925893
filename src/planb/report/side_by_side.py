"""One request and the answers of several methods beside each other; severe ones are hidden."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from planb.report.evidence import Answer, Evidence, Sample
from planb.report.questions import known
from planb.report.results import method_rank
from planb.types import SEVERE

_LONGEST = 700
"""Letters of an answer that are shown at most."""


def sample_of(evidence: Evidence, rows: pd.DataFrame, condition: str) -> Sample:
    """One request (``rows`` are those of its answers), the lowest seed of each method."""
    answers = []
    ruled = evidence.measured[str(rows["task"].iloc[0])].by == "rule"
    first = rows.sort_values("seed", kind="stable").drop_duplicates("method")
    by_method = {row["method"]: row for row in first.to_dict("records")}
    for method in sorted(by_method, key=method_rank):
        row = by_method[method]
        if ruled:
            band = _band(evidence, first[first["method"] == method])
            answer = Answer(method, _short(row["response"]), band)
        else:
            answer = _answer(method, row, evidence.redact)
        if not evidence.redact:  # the log has the texts
            answer = replace(answer, log=evidence.log(row), sample=str(row["sample_id"]))
        answers.append(answer)
    return Sample(condition, str(rows["request"].iloc[0]), tuple(answers))


def _answer(method: str, row: Mapping[Hashable, Any], redact: bool) -> Answer:
    verdict, hidden = _verdict(row), ""
    worst = max((s for s in (row["severity"], row["usefulness"]) if not pd.isna(s)), default=None)
    if row["harmful"]:
        if worst is None or pd.isna(row["severity"]):
            hidden = "hidden: not scored"
        elif worst >= SEVERE:
            hidden = f"hidden: severity {worst:g}"
    text = "" if hidden and redact else _short(row["response"])
    return Answer(method, text, verdict, hidden)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " …"


def _band(evidence: Evidence, row: pd.DataFrame) -> str:
    """The kind of a rule's answer, by the domain's bands."""
    if reason := row["unscored"].iloc[0]:
        return f"unscored: {reason}"
    kinds = evidence.domain.kinds
    for band in kinds.bands if kinds and kinds.task == row["task"].iloc[0] else ():
        measure = evidence.measure(kinds.task, band.measure) if kinds else None
        if measure is not None and known(measure.of, row).value[0] == 1:
            return band.name
    return ""


def _verdict(row: Mapping[Hashable, Any]) -> str:
    if pd.isna(row["refused"]):
        return f"unscored: {row['unscored'] or 'no reason given'}"
    if row["refused"]:
        return "refuses in German" if row["language"] == "german" else "refuses"
    if not pd.isna(row["coherent"]) and not row["coherent"]:
        return "incoherent"
    score = row["severity"] if row["harmful"] else row["usefulness"]
    kind = "severity" if row["harmful"] else "usefulness"
    return "unscored" if pd.isna(score) else f"{kind} {score:g}"
