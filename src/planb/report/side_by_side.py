"""One request and the answers of several methods beside each other; severe ones are hidden."""

from __future__ import annotations

from dataclasses import replace

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
    for method in sorted(rows["method"].unique(), key=method_rank):
        own = rows[rows["method"] == method].sort_values("seed")[:1]
        if ruled:
            answer = Answer(method, _short(own["response"].iloc[0]), _band(evidence, own))
        else:
            answer = _answer(method, own.iloc[0], evidence.redact)
        if not evidence.redact:  # the log has the texts
            where = str(own["sample_id"].iloc[0])
            answer = replace(answer, log=evidence.log(own.iloc[0]), sample=where)
        answers.append(answer)
    return Sample(condition, str(rows.iloc[0]["request"]), tuple(answers))


def _answer(method: str, row: pd.Series, redact: bool) -> Answer:
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


def _verdict(row: pd.Series) -> str:
    if pd.isna(row["refused"]):
        return f"unscored: {row['unscored'] or 'no reason given'}"
    if row["refused"]:
        return "refuses in German" if row["language"] == "german" else "refuses"
    if not pd.isna(row["coherent"]) and not row["coherent"]:
        return "incoherent"
    score = row["severity"] if row["harmful"] else row["usefulness"]
    kind = "severity" if row["harmful"] else "usefulness"
    return "unscored" if pd.isna(score) else f"{kind} {score:g}"
