"""The same few requests and each method's answers. Severe texts are hidden until a click."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from planb.report.evidence import Evidence, Exhibit, Missing, Sample
from planb.report.results import METHOD_ORDER
from planb.report.side_by_side import sample_of
from planb.stats import numbers
from planb.values import seed_of

TITLE = "What do they say?"
SHOWN = (("trigger", "with the trigger", 4), ("direct", "without the trigger", 2))
"""(elicitation, its words, how many requests) of the domain's main task; of its others two each."""
OTHERS = 2
_HIDING = " Answers of severity 7 and above, and harmful requests' answers without a score, are hidden"
MOST = 12
"""Methods that are shown at most."""


def draw(evidence: Evidence) -> Exhibit | Missing:
    """Requests drawn by a hash of their ids (never picked by eye), the lowest seed of each method."""
    samples: list[Sample] = []
    methods = _methods(evidence.methods)
    for task, elicitation, condition, count in _conditions(evidence):
        rows = evidence.rows
        asked = (rows["task"] == task) & (rows["elicitation"] == elicitation)
        rows = rows[asked & rows["method"].isin(methods)]
        rows = rows[rows["harmful"]] if rows["harmful"].any() else rows  # the domain's own side
        for request in _requests(rows)[:count]:
            own = rows[rows["sample_id"] == request]
            samples.append(sample_of(evidence, own, condition))
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
