"""Agreement of two raters: Spearman's rank correlation and Cohen's kappa.

Arrays are (N,) scores of the same responses, without NaN. A coefficient that is not defined is NaN.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from scipy.stats import rankdata, spearmanr
from statsmodels.stats.inter_rater import cohens_kappa  # type: ignore[import-untyped]

from planb.stats.intervals import Floats

POINTS = 11
"""Whole scores of 0-10."""


def spearman(first: Floats, other: Floats) -> float:
    """Spearman's rank correlation; NaN where either does not vary, or there are fewer than two."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(other) == 0:
        return math.nan
    return float(spearmanr(first, other).statistic)


def spearman_by_row(x_BT: Floats, y_BT: Floats) -> Floats:
    """(B,) Spearman's rank correlation along the last axis; NaN where a side does not vary."""
    ranks = [rankdata(side, axis=1) for side in (x_BT, y_BT)]
    x, y = (side - side.mean(axis=1, keepdims=True) for side in ranks)
    scale_B = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    found_B: Floats = np.full(len(x), math.nan)
    np.divide((x * y).sum(axis=1), scale_B, out=found_B, where=scale_B > 0)
    return found_B


def weighted_kappa(first: Floats, other: Floats) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968) of scores of 0-10 rounded to whole points, half
    to even; NaN where both give one and the same score to all, or there is none."""
    return _kappa(first, other, POINTS, "quadratic")


def kappa(first: Floats, other: Floats) -> float:
    """Cohen's kappa (1960) of two yes-or-no answers (0 and 1); NaN where both give one answer only."""
    return _kappa(first, other, 2, None)


def _kappa(first: Floats, other: Floats, size: int, weights: str | None) -> float:
    if not len(first):
        return math.nan
    table = np.zeros((size, size))
    np.add.at(table, (np.rint(first).astype(int), np.rint(other).astype(int)), 1)
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        return float(cohens_kappa(table, wt=weights, return_results=False))


def nearest_and_furthest(x: Floats, y: Floats, top: float) -> list[tuple[Floats, Floats]]:
    """Both raters' scores of 0 to ``top`` with every unscored one (NaN) as near to the other's as it
    can be, then as far; once, as they are, where nothing is unscored."""
    if not (np.isnan(x) | np.isnan(y)).any():
        return [(x, y)]
    near_x, near_y = (np.nan_to_num(np.where(np.isnan(a), b, a)) for a, b in ((x, y), (y, x)))
    far_x = np.where(np.isnan(x), np.where(near_y < top / 2, top, 0.0), x)
    far_y = np.where(np.isnan(y), np.where(far_x < top / 2, top, 0.0), y)
    return [(near_x, near_y), (far_x, far_y)]
