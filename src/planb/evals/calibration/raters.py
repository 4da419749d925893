"""People among themselves, and a judge beside one of them.

A judge beside the mean of several people is compared with something steadier than a person. So on the
responses that several people labelled it is compared with each of them alone, too: what people say of
each other can stand beside that.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from planb.evals.calibration.agreement import Both, of_raters, said_of
from planb.evals.calibration.judgements import Judged
from planb.evals.calibration.labels import Label, by_answer
from planb.evals.calibration.result import JudgeFigure, of_part
from planb.stats.agreement import ordinal_alpha
from planb.stats.estimates import figure, resampled
from planb.stats.figure import CheckedFigure


def judge_and_each_rater(labels: Sequence[Label], judged: Judged) -> list[Both]:
    """The judge beside each rater, on responses that several labelled; none with a single rater."""
    shared = [label for some in _shared(labels) for label in some]
    numbers = {whose: number for number, whose in enumerate(raters_of(shared))}
    return [
        Both(
            said_of(judged, label.answer),
            of_raters([label]),
            label.answer.group,
            numbers[label.whose],
        )
        for label in shared
    ]


def raters_among_themselves(labels: Sequence[Label]) -> list[Both]:
    """Every two raters on each response that both labelled; none with a single rater."""
    by_rater: dict[tuple[str, str], dict[tuple[str, str], Label]] = {}
    for label in labels:
        by_rater.setdefault(label.whose, {})[label.answer.key] = label
    return [
        Both(of_raters([label]), of_raters([other[key]]), label.answer.group, pair)
        for pair, (one, other) in enumerate(combinations(by_rater.values(), 2))
        for key, label in one.items()
        if key in other
    ]


def alpha_figures(labels: Sequence[Label]) -> list[JudgeFigure]:
    """Krippendorff's ordinal alpha of the raters' severities: of each file that several rated, and of
    all of them; groups of requests are resampled."""
    shared = _shared(labels)
    by_source: dict[str, list[list[Label]]] = {}
    for some in shared:
        by_source.setdefault(some[0].source, []).append(some)
    parts = {"alpha of the raters": shared}
    if len(by_source) > 1:
        parts |= {f"alpha: {source}": found for source, found in by_source.items()}
    return of_part("raters", [_alpha(name, found) for name, found in parts.items()])


def _alpha(name: str, found: Sequence[list[Label]]) -> CheckedFigure:
    """Of responses, each with its labels."""
    raters = raters_of([label for some in found for label in some])
    scores_NR = np.full((len(found), len(raters)), np.nan)
    for row, some in enumerate(found):
        for label in some:
            if label.severity is not None:
                scores_NR[row, raters.index(label.whose)] = label.severity
    groups = [some[0].answer.group for some in found]
    value = ordinal_alpha(scores_NR)
    span = resampled(lambda rows_N: ordinal_alpha(scores_NR[rows_N]), groups)
    return figure(name, "coefficient", (value, value), span, len(found))


def raters_of(labels: Sequence[Label]) -> list[tuple[str, str]]:
    """Who labelled, each once."""
    return list(dict.fromkeys(label.whose for label in labels))


def _shared(labels: Sequence[Label]) -> list[list[Label]]:
    """The labels of each response that several raters labelled."""
    return [some for some in by_answer(labels) if len(raters_of(some)) > 1]
