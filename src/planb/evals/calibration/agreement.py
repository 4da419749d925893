"""How far two agree on the same responses: judge and people, judge and judge, person and person.

Compared is the severity (0 for a refusal, else the usefulness), which is what planb reports, and
whether they call it a refusal. As agreement on severity may come from the refusals alone, it is also
shown for what both take for compliance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from statistics import fmean
from typing import NamedTuple

import numpy as np

from planb.evals.calibration.judgements import Answer, Judged
from planb.evals.calibration.labels import Label, by_answer
from planb.evals.calibration.result import JudgeFigure, Part, of_part
from planb.evals.calibration.thresholds import JudgeThresholds
from planb.stats.agreement import kappa, nearest_and_furthest, spearman, weighted_kappa
from planb.stats.estimates import Span, figure, joined, mean, resampled, share
from planb.stats.figure import SHOWN, CheckedFigure, Threshold, threshold
from planb.stats.intervals import Floats, Ints

Coefficient = Callable[[Floats, Floats], float]


class Opinion(NamedTuple):
    refused: bool | None
    severity: float | None
    coherent: bool | None


class Both(NamedTuple):
    """Two judgements of one response. ``pair`` says whose: coefficients are taken for each pair of
    raters by itself, and averaged by how many responses they share."""

    first: Opinion
    other: Opinion
    group: str
    pair: int = 0


class Compared(NamedTuple):
    """Numbers of both, row by row."""

    first: Floats
    other: Floats
    groups: list[str]
    pair: Ints


def judge_and_labels(labels: Sequence[Label], judged: Judged) -> list[Both]:
    """The judge beside the raters' mean severity, and their majority on the rest (none if halved)."""
    return [
        Both(said_of(judged, some[0].answer), of_raters(some), some[0].answer.group)
        for some in by_answer(labels)
    ]


def judge_and_judge(answers: Sequence[Answer], judged: Judged, second: Judged) -> list[Both]:
    return [Both(said_of(judged, a), said_of(second, a), a.group) for a in _once(answers)]


def agreement_figures(
    part: Part, both: Sequence[Both], thresholds: JudgeThresholds, *, refusals: bool = True
) -> list[JudgeFigure]:
    """Spearman, weighted kappa, error and bias of the severity; kappa of refused (if ``refusals`` were
    asked about); what is shown only.

    What people say of each other (``raters``), and the judge beside each of them (``person``), is
    shown, without a threshold.
    """
    asked = part not in ("raters", "person")

    def need(at_least: float | None = None, at_most: float | None = None) -> Threshold:
        return threshold(thresholds, at_least=at_least, at_most=at_most) if asked else SHOWN

    ends = _severities(_comparable(part, both, "severity"))
    rows, gone = ends.scored, ends.unscored
    gap, error = rows.first - rows.other, need(at_most=thresholds.error)
    figures = [
        coefficient("Spearman", spearman, ends, need(thresholds.spearman)),
        coefficient("weighted kappa", weighted_kappa, ends, need(thresholds.kappa)),
        mean("mean absolute error", np.abs(gap), rows.groups, error, unscored=gone),
    ]
    if part != "raters":
        bias = need(-thresholds.bias, thresholds.bias)
        figures += [mean("bias", gap, rows.groups, bias, bounds=(-10, 10), unscored=gone)]
    if refusals:
        calls = _refusals(_comparable(part, both, "refused"))
        figures += [coefficient("refused: kappa", kappa, calls, need(thresholds.refused_kappa))]
    return of_part(part, [*figures, *_complied(part, both), *_coherent(part, both)])


def _comparable(part: Part, both: Sequence[Both], question: str) -> list[Both]:
    """Those that can be compared at all: people who are halved have no word to compare with, and of two
    judges one at least must have spoken."""
    known = [(getattr(b.first, question), getattr(b.other, question)) for b in both]
    if part == "second":
        kept = [first is not None or other is not None for first, other in known]
    else:
        kept = [other is not None for _, other in known]
    return [b for b, there in zip(both, kept, strict=True) if there]


def coefficient(name: str, of: Coefficient, ends: Ends, need: Threshold) -> CheckedFigure:
    """The coefficient over all pairs of raters. Undefined, it is a failure if only the judge is
    constant, and no verdict if the others are."""
    rows, n = ends.scored, len(ends.scored.first)
    found = [_value(of, end) for end in ends.both] if n else []
    values = [value for value, _ in found]
    bounds = (min(values), max(values)) if n else None
    span = joined(*(span for _, span in found))
    note = "" if span or not n else "no interval: every resample gives the same"
    made = figure(name, "coefficient", bounds, span, n, need, unscored=ends.unscored, note=note)
    if n and not made.given:
        stuck = np.ptp(rows.first) == 0 and np.ptp(rows.other) > 0
        note = "undefined: the judge gives one answer to all" if stuck else "undefined: nothing varies"
        fails = stuck and made.verdict is not None and n >= need.least_n
        return made.but(note=note, verdict="failed" if fails else made.verdict)
    return made


def _value(of: Coefficient, rows: Compared) -> tuple[float, Span]:
    def statistic(some_N: Ints) -> float:
        return _averaged(of, rows, some_N)

    return statistic(np.arange(len(rows.first))), resampled(statistic, rows.groups)


def _averaged(of: Coefficient, rows: Compared, some_N: Ints) -> float:
    found = []
    for pair in np.unique(rows.pair[some_N]):
        mine_N = some_N[rows.pair[some_N] == pair]
        value = of(rows.first[mine_N], rows.other[mine_N])
        if np.isfinite(value):
            found.append((value, len(mine_N)))
    if not found:
        return float("nan")
    return float(np.average([v for v, _ in found], weights=[n for _, n in found]))


def _complied(part: Part, both: Sequence[Both]) -> list[CheckedFigure]:
    willing = [b for b in both if not b.first.refused and b.other.refused is False]
    ends = _severities(_comparable(part, willing, "severity"))
    rows = ends.scored
    if len(rows.first) < 2:
        return []
    gaps = np.abs(rows.first - rows.other)
    return [
        coefficient("complied: Spearman", spearman, ends, SHOWN),
        mean("complied: mean abs. error", gaps, rows.groups, unscored=ends.unscored),
    ]


def _coherent(part: Part, both: Sequence[Both]) -> list[CheckedFigure]:
    asked = _comparable(part, both, "coherent")
    known = [b for b in asked if b.first.coherent is not None and b.other.coherent is not None]
    if not known:
        return []
    same = sum(b.first.coherent == b.other.coherent for b in known)
    return [share("coherent: the same", same, len(known), unscored=len(asked) - len(known))]


class Ends(NamedTuple):
    """What both scored, and all rows with what one left unscored as near to the other as it can be and
    as far: once, the same, where nothing is unscored."""

    scored: Compared
    both: tuple[Compared, ...]
    unscored: int


def _severities(both: Sequence[Both]) -> Ends:
    return _ends(both, lambda said: said.severity, 10.0)


def _refusals(both: Sequence[Both]) -> Ends:
    return _ends(both, lambda said: None if said.refused is None else float(said.refused), 1.0)


def _ends(both: Sequence[Both], number: Callable[[Opinion], float | None], top: float) -> Ends:
    said = [(number(b.first), number(b.other)) for b in both]
    return ends_of(both, np.array(said, dtype=np.float64).reshape(-1, 2), top)  # None is NaN


def ends_of(both: Sequence[Both], numbers_N2: Floats, top: float) -> Ends:
    """What both said as numbers of 0 to ``top``, NaN where one is unscored."""
    x, y = numbers_N2.T
    known = ~np.isnan(x) & ~np.isnan(y)
    scored = _rows(list(compress(both, known)), x[known], y[known])
    ends = tuple(_rows(both, *pair) for pair in nearest_and_furthest(x, y, top))
    return Ends(scored, ends, int((~known).sum()))


def _rows(some: Sequence[Both], first: Floats, other: Floats) -> Compared:
    return Compared(
        first,
        other,
        [b.group for b in some],
        np.array([b.pair for b in some], dtype=np.int64),
    )


def said_of(judged: Judged, answer: Answer) -> Opinion:
    found = judged.of(answer)
    return Opinion(found.refused, found.severity, found.coherent)


def of_raters(some: Sequence[Label]) -> Opinion:
    refused = _majority([label.refused for label in some if label.refused is not None])
    coherent = _majority([label.coherent for label in some if label.coherent is not None])
    severities = [label.severity for label in some if label.severity is not None]
    return Opinion(refused, fmean(severities) if severities else None, coherent)


def _majority(votes: Sequence[bool]) -> bool | None:
    if not votes or sum(votes) * 2 == len(votes):
        return None
    return sum(votes) * 2 > len(votes)


def _once(answers: Sequence[Answer]) -> list[Answer]:
    return list({answer.key: answer for answer in answers}.values())
