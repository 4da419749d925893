"""Prediction-powered means: a judge's scores of all answers, corrected by people's of a random part.

A judge that is wrong in a way that does not cancel out gives a biased mean, and an interval of how
precisely it knows the wrong number. With people's labels ``Y`` of ``n`` answers drawn at random, and
the judge's scores ``f`` of these and of the other ``N``, the mean of the labels is

    weight * mean_N(f) + mean_n(Y - weight * f)

whatever the judge is like (Angelopoulos et al. 2023, *Prediction-powered inference*, arXiv:2301.09633,
for a weight of 1). The weight of the least variance is Cov(Y, f) / ((1 + n/N) Var(f)) (Angelopoulos,
Duchi and Zrnic 2023, *PPI++*, arXiv:2311.01453, section 6), here kept to 0-1: a judge that says nothing
of the labels has 0, which leaves the labels' own mean.

Intervals are the bootstrap's, as those of all other means here: seeds and groups of requests are drawn
with their labels (Zrnic 2024, *A note on the prediction-powered bootstrap*, arXiv:2405.18379), the
weight as it was tuned on the sample.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from planb.stats.bootstrap import Resamples, one_of_each, percentiles, sums_by_cell
from planb.stats.intervals import Floats, Interval, all_alike, envelope

LEAST = 10
"""Fewer labels give no interval that means what it says."""


class Powered(NamedTuple):
    """A mean three ways, each with its 95 % interval: ``value`` by labels and judge, ``people`` by the
    ``labelled`` answers alone, and the judge's mean ``error`` on these (judge minus people). ``weight``
    is the judge's, 0-1; ``rest`` how many answers have no label. NaN with fewer than LEAST labels."""

    value: float
    interval: Interval
    people: float
    people_interval: Interval
    error: float
    error_interval: Interval
    weight: float
    labelled: int
    rest: int


def powered(
    labels_N: Floats,
    judged_N: Floats,
    seeds: ArrayLike,
    groups: ArrayLike,
    *,
    bottom: float = 0.0,
    top: float = 10.0,
    weight: float | None = None,
) -> Powered:
    """The prediction-powered mean of answers. ``labels_N`` are people's scores, NaN where there is
    none, of a part drawn at random; ``judged_N`` the judge's of all; both lie in ``bottom`` to ``top``.
    """
    known = ~np.isnan(labels_N)
    n, rest = int(known.sum()), int((~known).sum())
    if n < LEAST:
        nothing = Interval(math.nan, math.nan)
        return Powered(math.nan, nothing, math.nan, nothing, math.nan, nothing, math.nan, n, rest)
    labels, judged = np.where(known, labels_N, 0.0), judged_N
    if weight is None:
        weight = tuned_weight(labels[known], judged[known], judged[~known])
    if not rest:
        weight = 0.0
    columns = (known, labels, known * judged, ~known, ~known * judged)
    sums_SGM = sums_by_cell(seeds, groups, np.stack(columns, axis=1).astype(np.float64))
    draws = Resamples.draw(*sums_SGM.shape[:2])
    values = _statistics(one_of_each(draws).totals(sums_SGM), weight)[0]
    spans = percentiles(_statistics(draws.totals(sums_SGM), weight))
    corrected = labels[known] - weight * judged[known]
    widened = [
        _widened(values[0], spans[0], corrected, bottom - weight * top, top - weight * bottom),
        _widened(values[1], spans[1], labels[known], bottom, top),
        _widened(values[2], spans[2], judged[known] - labels[known], bottom - top, top - bottom),
    ]
    value, people, error = map(float, values)
    return Powered(value, widened[0], people, widened[1], error, widened[2], weight, n, rest)


def tuned_weight(labels_n: Floats, judged_n: Floats, judged_rest: Floats) -> float:
    """PPI++'s weight of the judge, kept to 0-1; 0 where there are no others, or the judge gives one
    score to all."""
    everything = np.concatenate([judged_n, judged_rest])
    if len(labels_n) < 2 or not len(judged_rest) or np.ptp(everything) == 0:
        return 0.0
    shared = float(np.cov(labels_n, judged_n)[0, 1])
    ratio = len(labels_n) / len(judged_rest)
    return float(np.clip(shared / ((1 + ratio) * everything.var(ddof=1)), 0.0, 1.0))


def _statistics(totals_BM: Floats, weight: float) -> Floats:
    """(B, 3) the powered mean, the labels' own and the judge's error, of sums of (labelled, labels,
    judged of these, others, judged of the others)."""
    n_B, labels_B, judged_B, rest_B, others_B = totals_BM.T
    people_B, same_B = _ratio(labels_B, n_B), _ratio(judged_B, n_B)
    value_B = people_B
    if weight:
        value_B = weight * _ratio(others_B, rest_B) + people_B - weight * same_B
    return np.stack([value_B, people_B, same_B - people_B], axis=1)


def _ratio(sums_B: Floats, counts_B: Floats) -> Floats:
    found_B: Floats = np.full_like(sums_B, math.nan)
    np.divide(sums_B, counts_B, out=found_B, where=counts_B > 0)
    return found_B


def _widened(value: float, span: Interval, scores_n: Floats, bottom: float, top: float) -> Interval:
    """The bootstrap's interval; where the labelled scores are all alike it sees no spread, and what
    could have been otherwise without being seen is added."""
    value = float(value)
    if np.ptp(scores_n) > 1e-12:
        return envelope(value, span)
    alike = all_alike(float(scores_n[0]), len(scores_n), top=top, bottom=bottom)
    shift = value - float(scores_n[0])
    return envelope(value, span, Interval(alike.low + shift, alike.high + shift))
