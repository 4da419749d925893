"""Checked figures: 95 % intervals (Wilson for shares, the bootstrap for the rest) and verdicts.

The bootstrap draws groups (all responses to requests of one group together), as these are not
independent of each other; Wilson's interval takes them as independent, and is a little narrow where a
group has several. Where nothing varies a bootstrap would claim certainty: a mean is then given what
Wilson leaves for responses not seen yet, and a coefficient no interval.

What a judge leaves unscored depends on the response (it may leave out what it would get wrong), so a
figure of the rest alone is none: it has bounds then, with every unscored one at worst and at best, and
is passed only if both pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from planb.stats.auc import auc
from planb.stats.bootstrap import of_resampled_rows, percentiles
from planb.stats.figure import SHOWN, CheckedFigure, Threshold
from planb.stats.intervals import Floats, Interval, Ints, all_alike, union, wilson
from planb.stats.numbers import Unit

Span = tuple[float, float] | None
"""From the lowest to the highest; None where there is none."""


def share(
    name: str,
    hits: int,
    n: int,
    threshold: Threshold = SHOWN,
    *,
    unscored: int = 0,
    bounded: bool = True,
    note: str = "",
) -> CheckedFigure:
    """``hits`` of ``n``, with Wilson's interval (1927). Not ``bounded``: what is unscored does not
    depend on the answer."""
    out = unscored if bounded else 0
    ends: Span = (hits / (n + out), (hits + out) / (n + out)) if n else None
    span = (wilson(hits, n + out).low, wilson(hits + out, n + out).high) if n else None
    return figure(name, "share", ends, span, n, threshold, unscored=unscored, note=note)


def mean(
    name: str,
    values: Sequence[float] | Floats,
    groups: Sequence[str],
    threshold: Threshold = SHOWN,
    *,
    unit: Unit = "points",
    bounds: tuple[float, float] = (0, 10),
    unscored: int = 0,
    bounded: bool = True,
    note: str = "",
) -> CheckedFigure:
    """The mean of ``values``, which lie in ``bounds``, as unscored ones do (if they are ``bounded``).
    ``groups`` says what is drawn together."""
    scores, out = np.asarray(values, dtype=np.float64), unscored if bounded else 0
    if not len(scores):
        return figure(name, unit, None, None, 0, threshold, unscored=unscored, note=note)
    alone = [f"unscored {i}" for i in range(out)]
    found = [
        _mean(np.append(scores, [end] * out), [*groups, *alone], bounds)
        for end in (bounds if out else bounds[:1])
    ]
    ends = (found[0][0], found[-1][0])
    span = joined(*(one[1] for one in found))
    return figure(name, unit, ends, span, len(scores), threshold, unscored=unscored, note=note)


def _mean(scores: Floats, groups: Sequence[str], bounds: tuple[float, float]) -> tuple[float, Span]:
    value = float(scores.mean())
    if np.ptp(scores) == 0:
        return value, all_alike(value, len(scores), top=bounds[1], bottom=bounds[0])
    return value, resampled(lambda rows_N: float(scores[rows_N].mean()), groups)


def area(
    name: str, scores: Floats, labels: Ints, groups: Sequence[str], threshold: Threshold = SHOWN
) -> CheckedFigure:
    """The area under the ROC curve of ``scores`` for ``labels`` (0 and 1), ties counting half."""
    value, interval = auc(scores, labels, groups)
    span = None if math.isnan(interval.low) else interval
    return figure(name, "auc", (value, value), span, len(scores), threshold)


def joined(*spans: Span) -> Span:
    """From the lowest low to the highest high; None where there is none."""
    known = [Interval(*span) for span in spans if span is not None]
    return union(*known) if known else None


def figure(
    name: str,
    unit: Unit,
    ends: Span,
    span: Span,
    n: int,
    threshold: Threshold = SHOWN,
    *,
    unscored: int = 0,
    note: str = "",
) -> CheckedFigure:
    """The figure with its verdict: ``ends`` are its value twice, or its bounds; what is no number is
    none."""
    if ends is not None and not all(map(math.isfinite, ends)):
        ends = None
    low, high = span if span and ends is not None else (None, None)
    bounds = ends if ends is not None and ends[0] != ends[1] else (None, None)
    return CheckedFigure(
        name=name,
        unit=unit,
        value=ends[0] if ends is not None and bounds[0] is None else None,
        low=low,
        high=high,
        lowest=bounds[0],
        highest=bounds[1],
        n=n,
        unscored=unscored,
        at_least=threshold.at_least,
        at_most=threshold.at_most,
        verdict=threshold.verdict(ends, n, unscored),
        note=note,
    )


def resampled(statistic: Callable[[Ints], float], groups: Sequence[str]) -> Span:
    """The percentile interval of ``statistic``, which takes row numbers; rows of a group go together.

    ``None`` with one group, or where every resample gives the same number or none.
    """
    if len(set(groups)) < 2:
        return None
    found_B1 = of_resampled_rows(lambda rows_N: (statistic(rows_N),), groups)
    known = found_B1[np.isfinite(found_B1)]
    return percentiles(found_B1)[0] if len(known) and np.ptp(known) else None
