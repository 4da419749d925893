"""The Wasserstein distance of scores from reference scores, with its interval.

Shapes: B resamples, S seeds, G groups.
"""

from __future__ import annotations

import math

import numpy as np

from planb.stats.bootstrap import Resamples, as_many, one_of_each, percentiles
from planb.stats.intervals import Floats, Interval, Ints, envelope, union


def wasserstein(
    scores: tuple[Floats, Ints, Ints],
    reference: tuple[Floats, Ints],
) -> tuple[float, Interval]:
    """How far scores lie from reference scores, in points: the distance and its bootstrap interval.

    ``scores`` are (values, seed numbers, group numbers), ``reference`` (values, group numbers).
    A distance cannot be negative, so two samples of one distribution still lie a little apart.
    """
    from scipy.stats import wasserstein_distance  # slow to load

    values, seeds, groups = scores
    base, base_groups = reference
    value = float(wasserstein_distance(values, base))
    support = np.union1d(values, base)
    steps = np.diff(support)
    if len(steps) == 0:
        return value, Interval(value, value)
    draws = Resamples.draw(int(seeds.max()) + 1, int(groups.max()) + 1)
    other = Resamples.draw(1, int(base_groups.max()) + 1, sample=1)
    first = _cumulative(draws, np.searchsorted(support, values), seeds, groups, len(support))
    second = _cumulative(
        other, np.searchsorted(support, base), np.zeros_like(base_groups), base_groups, len(support)
    )
    first, second = as_many(first, second)
    distances = np.abs(first - second)[:, :-1] @ steps
    return value, envelope(value, *percentiles(distances[:, None]))


Bounds = tuple[Floats, Floats]
"""Scores at their lowest and at their highest, alike where they are known."""


def wasserstein_within(
    scores: tuple[Bounds, Ints, Ints],
    reference: tuple[Bounds, Ints],
) -> tuple[float, float, Interval]:
    """The least and the largest distance that scores of which some are not known may have, and an
    interval that goes from the low end of the one to the high end of the other.

    The arguments are those of ``wasserstein``, with bounds for values. A distribution function lies
    between that of the scores at their highest and that of the scores at their lowest.
    """
    bounds, seeds, groups = scores
    base, base_groups = reference
    if all(np.array_equal(*known) for known in (bounds, base)):
        value, interval = wasserstein((bounds[0], seeds, groups), (base[0], base_groups))
        return value, value, interval
    support = np.unique(np.concatenate([*bounds, *base]))
    one, other = np.zeros_like(base_groups), (int(seeds.max()) + 1, int(groups.max()) + 1)
    drawn = (
        Resamples.draw(*other),
        Resamples.draw(1, int(base_groups.max()) + 1, sample=1),
    )
    found = []
    for draws, second in (tuple(one_of_each(part) for part in drawn), drawn):
        up, down = (
            _cumulative(draws, np.searchsorted(support, end), seeds, groups, len(support))
            for end in bounds
        )
        high, low = (
            _cumulative(second, np.searchsorted(support, end), one, base_groups, len(support))
            for end in base
        )
        up, down, high, low = as_many(up, down, high, low)
        steps = np.diff(support)
        least = np.maximum(0, np.maximum(down - high, low - up))[:, :-1] @ steps
        most = np.maximum(up - low, high - down)[:, :-1] @ steps
        found.append(np.stack([least, most], axis=1))
    lowest, highest = map(float, found[0][0])
    ends = percentiles(found[1])
    return lowest, highest, union(envelope(lowest, ends[0]), envelope(highest, ends[1]))


def _cumulative(
    draws: Resamples,
    places: Ints,
    seeds: Ints,
    groups: Ints,
    size: int,
) -> Floats:
    """The distribution function of each resample at the support's points: (B, size)."""
    shape = (draws.seeds_BS.shape[1], draws.groups_BG.shape[1], size)
    table = np.zeros(shape)
    np.add.at(table, (seeds, groups, places), 1.0)
    totals = draws.totals(table)
    n_B1 = totals.sum(axis=1, keepdims=True)
    shares = np.divide(totals, n_B1, out=np.full_like(totals, math.nan), where=n_B1 > 0)
    cumulative: Floats = np.cumsum(shares, axis=1, dtype=np.float64)
    return cumulative
