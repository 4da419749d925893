"""How far two judges agree on the same responses.

What one or both left unscored is counted with its reasons. It is not random either (a judge may leave
out what it would get wrong), so that there are then no values but bounds: with each unscored answer as
near to the other judge's as it can be, and as far. A
response that the other judge was not given (or that is another text) is in neither. Groups, methods and
seeds are not separated: agreement is about judging.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from planb.stats.agreement import nearest_and_furthest, spearman, weighted_kappa
from planb.stats.bootstrap import of_resampled_rows, percentiles
from planb.stats.intervals import Floats, Interval, Ints, envelope, union

SAMPLE = ["model", "organism", "method", "task", "elicitation", "seed", "sample_id", "response"]
"""What makes two rows of different judges the same response."""
_ANSWERS = ["severity", "refused", "unscored", "group"]


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
    found = [_values(*ends, groups) for ends in nearest_and_furthest(x, y, 10.0)] if n else []
    values = [v if n == len(both) else math.nan for v in found[0][0]] if n else [math.nan] * 3
    spans = [union(*(end[1][i] for end in found)) for i in range(3)]
    bias = Interval(*(_mean(b - a) for a, b in _leaning(x, y)))
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


def _leaning(x: Floats, y: Floats) -> list[tuple[Floats, Floats]]:
    """The scores with the other's minus the first's as low, and as high, as it can be."""
    ends = ((10.0, 0.0), (0.0, 10.0))
    return [(np.where(np.isnan(x), a, x), np.where(np.isnan(y), b, y)) for a, b in ends]


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _values(
    x: Floats, y: Floats, groups: np.ndarray
) -> tuple[tuple[float, float, float], list[Interval]]:
    """Spearman, kappa and error, and their percentile intervals, groups drawn with replacement."""

    def statistics(rows_N: Ints) -> tuple[float, float, float]:
        a, b = x[rows_N], y[rows_N]
        return spearman(a, b), weighted_kappa(a, b), _mean(np.abs(b - a))

    values = statistics(np.arange(len(x)))
    drawn = of_resampled_rows(statistics, groups, resamples=_RESAMPLES)
    spans = [
        span if math.isnan(v) else envelope(v, span)
        for v, span in zip(values, percentiles(drawn), strict=True)
    ]
    return values, spans


_RESAMPLES = 300
"""Fewer than elsewhere: ranks are made anew for each."""


def _reasons(both: pd.DataFrame, side: str) -> tuple[tuple[str, int], ...]:
    missing = both.loc[both[f"severity{side}"].isna(), f"unscored{side}"]
    counts = Counter(missing.replace("", "no reason given"))
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
