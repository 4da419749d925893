"""The area under the ROC curve (the Mann-Whitney statistic), and its bootstrap over groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from planb.stats.bootstrap import group_picks, numbered, percentiles, times_drawn
from planb.stats.intervals import Floats, Interval, Ints


def auc(scores: Floats, labels: Ints, groups: Sequence[str]) -> tuple[float, Interval]:
    """The AUC of ``scores`` for ``labels`` (0 and 1), ties counting half, and its interval over groups.

    The value is NaN without both labels, the interval NaN with fewer than two groups."""
    area, of_row = _area(scores, labels), numbered(groups)
    value, number = float(area(np.ones((1, len(scores))))[0]), int(of_row.max(initial=-1)) + 1
    if number < 2:
        return value, Interval(math.nan, math.nan)
    drawn_BG = times_drawn(group_picks(number), number)
    found_B = np.concatenate([area(part_BG[:, of_row]) for part_BG in np.array_split(drawn_BG, 5)])
    return value, percentiles(found_B[:, None])[0]


def _area(scores: Floats, labels: Ints) -> Callable[[Floats], Floats]:
    """The area as a function of the rows' weights (B, N): pairs in order and half of the ties, of all
    pairs."""
    order = np.argsort(scores, kind="stable")
    ones = labels[order].astype(bool)
    _, starts, sizes = np.unique(scores[order], return_index=True, return_counts=True)
    first, last = np.repeat(starts, sizes), np.repeat(starts + sizes, sizes)

    def area(weights_BN: Floats) -> Floats:
        sorted_BN = weights_BN[:, order]
        zeros_BN = np.where(ones, 0.0, sorted_BN)
        below = np.concatenate([np.zeros((len(zeros_BN), 1)), np.cumsum(zeros_BN, axis=1)], axis=1)
        worse_BN = (below[:, first] + below[:, last]) / 2
        ones_BN = np.where(ones, sorted_BN, 0.0)
        pairs_B = ones_BN.sum(axis=1) * zeros_BN.sum(axis=1)
        found: Floats = np.full(len(pairs_B), math.nan)
        np.divide((ones_BN * worse_BN).sum(axis=1), pairs_B, out=found, where=pairs_B > 0)
        return found

    return area
