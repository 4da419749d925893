"""The percentile bootstrap over seeds and groups of requests. The same rows have the same interval.

Pooled figures resample twice: the seeds (each a training run of its own, from a base of its own where
the study draws one), and the groups of requests. The seeds answer the same requests, so one draw of
groups serves every seed drawn with it; drawing anew for each seed would count a hard request met by
three seeds as three independent ones. Where seeds have groups of their own, the same code draws from
their union.

Of S seeds S - 1 are drawn with replacement: drawing S would understate the variance between seeds by
1/S, a third of it with three (Rao and Wu 1988, "Resampling inference with complex survey data", JASA
83, section 2). Three seeds is few all the same: look at them singly beside the pooled figure.

Draws depend on how many seeds and groups there are, and on nothing else: no name of a study, no order
of figures.

Shapes: B resamples, S seeds, G groups, M measures, N rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from planb.stats.intervals import LEVEL, Floats, Interval, Ints
from planb.values import seed_of

RESAMPLES = 10_000
"""Enough that the digits that are printed do not hang on which draws they are."""
FEW = 1000
"""Draws where each costs a calculation of its own, and the least that there are of many groups."""
CELLS = 10_000_000
"""Resamples x groups at most: 80 MB."""


@dataclass(frozen=True)
class Resamples:
    """How often each seed and each group is drawn: ``seeds_BS``, ``groups_BG`` (read only)."""

    seeds_BS: Floats
    groups_BG: Floats

    @staticmethod
    def draw(seeds: int, groups: int, sample: int = 0) -> Resamples:
        """RESAMPLES draws with replacement (fewer of very many groups). ``sample`` numbers the samples
        that one figure draws apart from each other."""
        return _drawn(seeds, groups, sample)

    def totals(self, table_SGM: Floats) -> Floats:
        """The sums of each resample, (B, M), of a table of sums by seed and group."""
        total_BM = np.zeros((len(self.groups_BG), table_SGM.shape[2]))
        for s, table_GM in enumerate(table_SGM):
            total_BM += self.seeds_BS[:, s : s + 1] * (self.groups_BG @ table_GM)
        return total_BM

    def means(self, sums_SGM: Floats, counts_SGM: Floats) -> Floats:
        """The mean of each resample, (B, M); NaN where a resample has an empty denominator."""
        totals_BM, n_BM = self.totals(sums_SGM), self.totals(counts_SGM)
        mean_BM: Floats = np.full_like(n_BM, math.nan)
        np.divide(totals_BM, n_BM, out=mean_BM, where=n_BM > 0)
        return mean_BM


@lru_cache(maxsize=4)
def _drawn(seeds: int, groups: int, sample: int) -> Resamples:
    resamples = min(RESAMPLES, max(FEW, CELLS // groups))
    rng = np.random.default_rng(seed_of("bootstrap", seeds, groups, sample))
    picked = (
        rng.integers(0, seeds, (resamples, max(seeds - 1, 1))),
        rng.integers(0, groups, (resamples, groups)),
    )
    found = [times_drawn(one, size) for one, size in zip(picked, (seeds, groups), strict=True)]
    for table in found:
        table.setflags(write=False)
    return Resamples(*found)


def as_many(*drawn_B: Floats) -> tuple[Floats, ...]:
    """What was computed of several draws, over as many resamples as the fewest of them have: of very
    many groups there are fewer."""
    least = min(map(len, drawn_B))
    return tuple(one[:least] for one in drawn_B)


def one_of_each(draws: Resamples) -> Resamples:
    """The resample that is the sample itself."""
    return Resamples(np.ones_like(draws.seeds_BS[:1]), np.ones_like(draws.groups_BG[:1]))


def group_picks(groups: int, resamples: int = FEW) -> Ints:
    """(B, G) the numbers of the groups that each resample draws."""
    rng = np.random.default_rng(seed_of("bootstrap", groups))
    return rng.integers(0, groups, (resamples, groups))


def times_drawn(picked_BG: Ints, size: int) -> Floats:
    """(B, size) how often each of ``size`` groups is among a resample's picks."""
    flat = picked_BG + size * np.arange(len(picked_BG))[:, None]
    counts = np.bincount(flat.ravel(), minlength=len(picked_BG) * size)
    return counts.reshape(len(picked_BG), size).astype(np.float64)


def of_resampled_rows(
    statistic: Callable[[Ints], Sequence[float]],
    groups: ArrayLike,
    resamples: int = FEW,
) -> Floats:
    """(B, M) statistics that cannot be had from sums: ``statistic`` takes the numbers of the rows
    drawn, all rows of a group together."""
    of_row = numbered(groups)
    members = [np.flatnonzero(of_row == group) for group in range(of_row.max(initial=-1) + 1)]
    picked_BG = group_picks(len(members), resamples)
    return np.array([statistic(np.concatenate([members[g] for g in some])) for some in picked_BG])


def numbered(names: ArrayLike) -> Ints:
    """The names numbered in their sorted order, so that draws do not depend on the rows' order."""
    return np.unique(np.asarray(names, dtype=str), return_inverse=True)[1].astype(np.int64)


def sums_by_cell(seeds: ArrayLike, groups: ArrayLike, columns_NM: Floats) -> Floats:
    """(S, G, M) the sums of each column by the rows' seeds and groups."""
    s, g = numbered(seeds), numbered(groups)
    table = np.zeros((s.max() + 1, g.max() + 1, columns_NM.shape[1]))
    np.add.at(table, (s, g), columns_NM)
    return table


def percentiles(resampled_BM: Floats) -> list[Interval]:
    """The percentile interval of each column; NaN where no resample gave a number."""
    tail = (1 - LEVEL) / 2
    found = []
    for column in resampled_BM.T:
        column = column[np.isfinite(column)]
        low, high = np.quantile(column, [tail, 1 - tail]) if len(column) else (math.nan, math.nan)
        found.append(Interval(float(low), float(high)))
    return found
