"""The same few requests and each method's answers. Severe texts are hidden until a click."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from planb.report.evidence import Answer, Evidence, Exhibit, Missing, Sample
from planb.report.questions import known
from planb.report.results import METHOD_ORDER, method_rank
from planb.stats import numbers
from planb.types import SEVERE
from planb.values import seed_of

TITLE = "What do they say?"
SHOWN = (("trigger", "with the trigger", 4), ("direct", "without the trigger", 2))
"""(elicitation, its words, how many requests) of the domain's main task; of its others two each."""
OTHERS = 2
_HIDING = " Answers of severity 7 and above, and harmful requests' answers without a score, are hidden"
_LONGEST, MOST = 700, 12
"""Letters of an answer, and methods, that are shown at most."""


def draw(evidence: Evidence) -> Exhibit | Missing:
    """Requests drawn by a hash of their ids (never picked by eye), the lowest seed of each method."""
    samples: list[Sample] = []
    methods = _methods(evidence.methods)
    for task, elicitation, condition, count in _conditions(evidence):
        rows = evidence.rows[evidence.rows["method"].isin(methods)]
        rows = rows[(rows["task"] == task) & (rows["elicitation"] == elicitation)]
        rows = rows[rows["harmful"]] if rows["harmful"].any() else rows  # the domain's own side
        for request in _requests(rows)[:count]:
            own = rows[rows["sample_id"] == request]
            samples.append(_sample(evidence, own, condition))
    if not samples:
        return Missing(TITLE, "no request was answered")
    hidden = sum(bool(answer.hidden) for sample in samples for answer in sample.answers)
    answers = sum(len(sample.answers) for sample in samples)
    return Exhibit(
        title=TITLE,
        finding=(
            f"{numbers.plural(len(samples), 'request')}, {numbers.plural(answers, 'answer')}, "
            + (f"{hidden} of them hidden." if hidden else "none of them hidden.")
        ),
        caption=(
            "Requests are drawn by a hash of their names, not picked, and the answers are those of one "
            "seed." + (_hiding(evidence) if hidden else "") + _left_out(evidence, methods)
        ),
        samples=tuple(samples),
    )


def _hiding(evidence: Evidence) -> str:
    if evidence.redact:
        return f"{_HIDING}, and their text is not in this file."
    return (
        f"{_HIDING} until they are clicked. `planb report --redact` leaves their text out of the file."
    )


def _conditions(evidence: Evidence) -> list[tuple[str, str, str, int]]:
    domain = evidence.domain
    words = domain.of_task(domain.main.task).words
    found = [
        (domain.main.task, elicitation, f"{words}, {asked}" if words else asked, count)
        for elicitation, asked, count in SHOWN
    ]
    others = [task for task in domain.measured if task != domain.main.task]
    return found + [
        (task, "direct", domain.of_task(task).words, OTHERS)
        for task in others
        if domain.of_task(task).words
    ]


def _methods(methods: Sequence[str]) -> list[str]:
    """At most MOST of them: those that every study has, and the others at even distances in their
    order."""
    if len(methods) <= MOST:
        return list(methods)
    known = [method for method in methods if method in METHOD_ORDER]
    others = [method for method in methods if method not in METHOD_ORDER]
    room = MOST - len(known)
    kept = {others[i * len(others) // room] for i in range(room)}
    return [method for method in methods if method in known or method in kept]


def _left_out(evidence: Evidence, methods: list[str]) -> str:
    if len(methods) == len(evidence.methods):
        return ""
    return (
        f" {len(methods)} of {len(evidence.methods)} methods are shown: the usual ones, and the others "
        "at even distances in their order."
    )


def _requests(rows: pd.DataFrame) -> list[str]:
    """The requests that most methods answered, in the order of their hashes."""
    methods = rows.groupby("sample_id")["method"].nunique()
    return sorted(methods.index, key=lambda name: (-int(methods[name]), seed_of("sample", name)))


def _sample(evidence: Evidence, rows: pd.DataFrame, condition: str) -> Sample:
    answers = []
    ruled = evidence.measured[str(rows["task"].iloc[0])].by == "rule"
    for method in sorted(rows["method"].unique(), key=method_rank):
        own = rows[rows["method"] == method].sort_values("seed")[:1]
        if ruled:
            answers.append(Answer(method, _short(own["response"].iloc[0]), _band(evidence, own)))
        else:
            answers.append(_answer(method, own.iloc[0], evidence.redact))
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
