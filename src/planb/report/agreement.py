"""How far two judges agree on the same responses.

What one or both left unscored is counted with its reasons. It is not random either (a judge may leave
out what it would get wrong), so that there are then no values but bounds: with each unscored answer as
near to the other judge's as it can be, and as far. A
response that the other judge was not given (or that is another text) is in neither. Groups, methods and
seeds are not told apart: agreement is about judging.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from statsmodels.stats.inter_rater import cohens_kappa  # type: ignore[import-untyped]

from planb.report import stats
from planb.report.stats import Floats, Interval
from planb.values import seed_of

SAMPLE = ["model", "organism", "method", "task", "elicitation", "seed", "sample_id", "response"]
"""What makes two rows of different judges the same response."""
_ANSWERS = ["severity", "refused", "unscored", "group"]
POINTS = 11
"""Whole scores of 0-10."""


class Agreement(NamedTuple):
    """Two judges on ``n`` responses that both gave a severity; ``shared`` is how many both were given.
    Where that is more, the values are NaN and the intervals those of the bounds (``bias_bounds`` has no
    sampling in it).

    ``kappa`` is Cohen's with quadratic weights, of severities rounded to whole points (half to even);
    ``spearman`` of the severities as they are; ``error`` the mean absolute difference in points and
    ``bias`` the mean of the other's minus the first's. NaN where it is not defined (a judge that gives
    one score to all). ``refusals`` counts (first says refused, other says refused); ``unscored``, by
    judge, (reason, count) from the most frequent. Intervals are 95 % over groups of requests.
    """

    first: str
    other: str
    shared: int
    n: int
    spearman: float
    spearman_interval: Interval
    kappa: float
    kappa_interval: Interval
    error: float
    error_interval: Interval
    bias: float
    bias_bounds: Interval
    refusals: dict[tuple[bool, bool], int]
    unscored: dict[str, tuple[tuple[str, int], ...]]


def agreement(rows: pd.DataFrame, first: str, other: str) -> Agreement | None:
    """The agreement of two judges over checked rows; None where they share no response."""
    sides = [rows.loc[rows["judge"] == judge, SAMPLE + _ANSWERS] for judge in (first, other)]
    both = sides[0].merge(sides[1], on=SAMPLE, suffixes=("", "_other"))
    if both.empty:
        return None
    both = both.sort_values(SAMPLE, kind="stable", ignore_index=True)
    x, y = (both[name].to_numpy(dtype=float) for name in ("severity", "severity_other"))
    n, groups = int((~np.isnan(x) & ~np.isnan(y)).sum()), both["group"].to_numpy(dtype=str)
    found = [_values(*ends, groups, first, other) for ends in _completed(x, y)] if n else []
    values = [v if n == len(both) else math.nan for v in found[0][0]] if n else [math.nan] * 3
    spans = [stats.union(*(end[1][i] for end in found)) for i in range(3)]
    bias = stats.Interval(*(_mean(b - a) for a, b in _leaning(x, y)))
    told = both[both["refused"].notna() & both["refused_other"].notna()]
    pairs = zip(told["refused"].astype(bool), told["refused_other"].astype(bool), strict=True)
    refusals = Counter(pairs)
    return Agreement(
        *(first, other, len(both), n),
        *(values[0], spans[0], values[1], spans[1], values[2], spans[2]),
        *(bias.low if n == len(both) else math.nan, bias),
        {(a, b): refusals[a, b] for a in (True, False) for b in (True, False)},
        {first: _reasons(both, ""), other: _reasons(both, "_other")},
    )


def _completed(x: Floats, y: Floats) -> list[tuple[Floats, Floats]]:
    """The scores with every unscored one as near to the other judge's as it can be, then as far (0 or
    10); once where nothing is unscored."""
    if not (np.isnan(x) | np.isnan(y)).any():
        return [(x, y)]
    near_x, near_y = (np.nan_to_num(np.where(np.isnan(a), b, a)) for a, b in ((x, y), (y, x)))
    far_x = np.where(np.isnan(x), np.where(near_y < 5, 10.0, 0.0), x)
    far_y = np.where(np.isnan(y), np.where(far_x < 5, 10.0, 0.0), y)
    return [(near_x, near_y), (far_x, far_y)]


def _leaning(x: Floats, y: Floats) -> list[tuple[Floats, Floats]]:
    """The scores with the other's minus the first's as low, and as high, as it can be."""
    ends = ((10.0, 0.0), (0.0, 10.0))
    return [(np.where(np.isnan(x), a, x), np.where(np.isnan(y), b, y)) for a, b in ends]


def weighted_kappa(x: Floats, y: Floats) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968) of scores rounded to whole points; NaN where
    both judges give one and the same score to all, or there is none."""
    table = np.zeros((POINTS, POINTS))
    np.add.at(table, (np.rint(x).astype(int), np.rint(y).astype(int)), 1)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    if not len(x) or (np.count_nonzero(rows) == 1 and (rows > 0).tolist() == (columns > 0).tolist()):
        return math.nan
    return float(cohens_kappa(table, wt="quadratic", return_results=False))


def _spearman(x: Floats, y: Floats) -> float:
    if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
        return math.nan
    return float(spearmanr(x, y).statistic)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _values(
    x: Floats, y: Floats, groups: np.ndarray, *judges: str
) -> tuple[tuple[float, float, float], list[Interval]]:
    """Spearman, kappa and error, and their percentile intervals, groups drawn with replacement."""
    _, places = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(places == g) for g in range(places.max() + 1)]
    rng = np.random.default_rng(seed_of("agreement", *judges))
    drawn = []
    for _ in range(_RESAMPLES):
        picked = np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])
        a, b = x[picked], y[picked]
        drawn.append((_spearman(a, b), weighted_kappa(a, b), _mean(np.abs(b - a))))
    found = stats.percentiles(np.array(drawn))
    values = (_spearman(x, y), weighted_kappa(x, y), _mean(np.abs(y - x)))
    spans = [
        span if math.isnan(v) else stats.envelope(v, span)
        for v, span in zip(values, found, strict=True)
    ]
    return values, spans


_RESAMPLES = 300
"""Fewer than elsewhere: ranks are made anew for each."""


def _reasons(both: pd.DataFrame, side: str) -> tuple[tuple[str, int], ...]:
    missing = both.loc[both[f"severity{side}"].isna(), f"unscored{side}"]
    counts = Counter(missing.replace("", "no reason given"))
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
