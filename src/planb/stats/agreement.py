"""Agreement of raters: Spearman's rank correlation and Cohen's kappa of two, Krippendorff's alpha of
any number.

Arrays are (N,) scores of the same responses, without NaN, if nothing else is said. A coefficient that
is not defined is NaN.
"""

from __future__ import annotations

import math

import numpy as np

from planb.stats.intervals import Floats

POINTS = 11
"""Whole scores of 0-10."""


def spearman(first: Floats, other: Floats) -> float:
    """Spearman's rank correlation; NaN where either does not vary, or there are fewer than two."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(other) == 0:
        return math.nan
    return float(spearman_by_row(first[None], other[None])[0])


def spearman_by_row(x_BT: Floats, y_BT: Floats) -> Floats:
    """(B,) Spearman's rank correlation along the last axis; NaN where a side does not vary."""
    from scipy.stats import rankdata  # slow to load

    ranks = [rankdata(side, axis=1) for side in (x_BT, y_BT)]
    x, y = (side - side.mean(axis=1, keepdims=True) for side in ranks)
    scale_B = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    found_B: Floats = np.full(len(x), math.nan)
    np.divide((x * y).sum(axis=1), scale_B, out=found_B, where=scale_B > 0)
    return found_B


def weighted_kappa(first: Floats, other: Floats) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968) of scores of 0-10 rounded to whole points, half
    to even; NaN where both give one and the same score to all, or there is none."""
    return _kappa(first, other, POINTS, 2)


def kappa(first: Floats, other: Floats) -> float:
    """Cohen's kappa (1960) of two yes-or-no answers (0 and 1); NaN where both give one answer only."""
    return _kappa(first, other, 2, 1)


def _kappa(first: Floats, other: Floats, size: int, power: int) -> float:
    """1 - observed over expected disagreement, weighted by the distance to a ``power``. (By the
    formula: intervals take it of a thousand resamples, and statsmodels takes most of a millisecond.)"""
    if not len(first):
        return math.nan
    x, y = np.rint(first).astype(int), np.rint(other).astype(int)
    seen = np.bincount(size * x + y, minlength=size * size).reshape(size, size) / len(x)
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0))
    apart = np.abs(np.arange(size)[:, None] - np.arange(size)) ** power
    by_chance = float((apart * expected).sum())
    return 1 - float((apart * seen).sum()) / by_chance if by_chance > 0 else math.nan


def ordinal_alpha(scores_NR: Floats) -> float:
    """Krippendorff's alpha of ordinal scores (*Content Analysis*, 4th ed. 2019, section 12.3), of any
    number of raters (R); NaN is a score that a rater did not give.

    NaN where no two raters scored one response, or where all scores are alike. By the formula: the
    library of that name is under the GPL, and statsmodels has it from 0.15.1 on.
    """
    values = np.unique(scores_NR[~np.isnan(scores_NR)])
    counts_NV = (scores_NR[:, :, None] == values).sum(axis=1).astype(np.float64)
    counts_NV = counts_NV[counts_NV.sum(axis=1) > 1]
    weighted_NV = counts_NV / (counts_NV.sum(axis=1, keepdims=True) - 1)
    observed_VV = weighted_NV.T @ counts_NV - np.diag(weighted_NV.sum(axis=0))
    n_V = observed_VV.sum(axis=0)
    expected_VV = (np.outer(n_V, n_V) - np.diag(n_V)) / max(n_V.sum() - 1, 1)
    ranks_V = n_V.cumsum() - n_V / 2
    apart_VV = (ranks_V[:, None] - ranks_V) ** 2
    expected = float((expected_VV * apart_VV).sum())
    return 1 - float((observed_VV * apart_VV).sum()) / expected if expected > 0 else math.nan


def nearest_and_furthest(x: Floats, y: Floats, top: float) -> list[tuple[Floats, Floats]]:
    """Both raters' scores of 0 to ``top`` with every unscored one (NaN) as near to the other's as it
    can be, then as far; once, as they are, where nothing is unscored."""
    if not (np.isnan(x) | np.isnan(y)).any():
        return [(x, y)]
    near_x, near_y = (np.nan_to_num(np.where(np.isnan(a), b, a)) for a, b in ((x, y), (y, x)))
    far_x = np.where(np.isnan(x), np.where(near_y < top / 2, top, 0.0), x)
    far_y = np.where(np.isnan(y), np.where(far_x < top / 2, top, 0.0), y)
    return [(near_x, near_y), (far_x, far_y)]
