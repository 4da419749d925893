"""How much higher one figure is than another: the difference of two cells' means or rates."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from planb.domains.measure import Measure
from planb.report.fitted import Estimate, fitted
from planb.report.measures import Column, answers_to
from planb.report.results import tables_of
from planb.stats.bootstrap import Resamples, percentiles
from planb.stats.intervals import Interval, all_alike, apart, envelope, newcombe, union

Ends = tuple[Estimate, Estimate]
"""A fit with unscored answers at either extreme."""


class Gap(NamedTuple):
    """How much higher one figure is than another, with its 95 % interval, over all answers of both.

    As of a ``Figure``: where some of them are ``unscored`` there are bounds and no ``value``.
    """

    value: float
    low: float
    high: float
    lowest: float = math.nan
    highest: float = math.nan
    unscored: int = 0

    @property
    def interval(self) -> Interval:
        return Interval(self.low, self.high)

    @property
    def given(self) -> bool:
        """Whether both sides have a figure."""
        return not math.isnan(self.low)


def difference_of(
    rows: pd.DataFrame,
    others: pd.DataFrame,
    measure: Measure,
    other: Measure | None = None,
) -> Gap:
    """How much higher the measure is in ``rows`` than it (or the ``other`` measure of its kind) is in
    ``others``: the same requests and seeds.

    One draw of seeds and requests serves both sides. A rate's interval is the outer envelope of the
    bootstrap's and Newcombe's. Where each side's scores are all alike, a mean's has the width that
    ``stats.all_alike`` gives them. Where answers are unscored it is lowest with those of ``rows`` at
    their lowest and those of ``others`` at their highest, and highest the other way round. Not given
    where nothing of one side was scored, or where its choices do not identify a coefficient.
    """
    own, theirs = answers_to(measure, rows), answers_to(other or measure, others)
    if measure.kind == "fit":
        out = int(own.unscored.sum() + theirs.unscored.sum())
        return _of_fits(fitted(measure, rows), fitted(other or measure, others), out)
    if not own.said.counted.any() or not theirs.said.counted.any():
        return Gap(math.nan, math.nan, math.nan)
    sides = (rows, others)
    lowest, least = _gap(sides, (own.lowest, theirs.highest), measure)
    missing = int(own.unscored.sum() + theirs.unscored.sum())
    if not missing:
        return Gap(lowest, *least, lowest, lowest)
    highest, most = _gap(sides, (own.highest, theirs.lowest), measure)
    return Gap(math.nan, *union(least, most), lowest, highest, missing)


def _of_fits(own: Ends, theirs: Ends, unscored: int) -> Gap:
    """The difference of two fitted coefficients, as if of independent choices: a little wide."""
    pairs = ((own[0], theirs[-1]), (own[-1], theirs[0]))
    lowest, highest = sorted(one[0] - other[0] for one, other in pairs)
    interval = union(*(apart(*one, *other) for one, other in pairs))
    return Gap(math.nan if unscored else lowest, *interval, lowest, highest, unscored)


def _gap(
    tables: tuple[pd.DataFrame, pd.DataFrame],
    columns: tuple[Column, Column],
    measure: Measure,
) -> tuple[float, Interval]:
    """The difference of two sides of which every answer is known, and its interval."""
    both = pd.concat(tables, ignore_index=True)
    side = np.arange(len(both)) >= len(tables[0])
    value, counted = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    sides = np.stack([~side, side], axis=1)
    sums, counts = tables_of(both, value[:, None] * sides), tables_of(both, counted[:, None] * sides)
    n, total = counts.sum(axis=(0, 1)), sums.sum(axis=(0, 1))
    for k, table in enumerate(tables):
        if table["seed"].nunique() == 1:  # it stands beside every seed of the other side
            sums[:, :, k], counts[:, :, k] = sums[:, :, k].sum(axis=0), counts[:, :, k].sum(axis=0)
    means = Resamples.draw(sums.shape[0], sums.shape[1]).means(sums, counts)
    resampled = percentiles(means[:, :1] - means[:, 1:])
    if measure.kind == "rate":
        resampled.append(newcombe(int(total[0]), int(n[0]), int(total[1]), int(n[1])))
    gap = float(total[0] / n[0] - total[1] / n[1])
    scores = [value[(side == which) & (counted == 1)] for which in (False, True)]
    if measure.kind == "mean" and all(one.min() == one.max() for one in scores):
        first, second = (all_alike(float(s[0]), len(s), measure.top) for s in scores)
        resampled.append(apart(float(scores[0][0]), first, float(scores[1][0]), second))
    return gap, envelope(gap, *resampled)
