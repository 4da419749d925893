"""Intervals, all of 95 %: Wilson for a rate of one seed, the bootstrap for means and pooled figures.
P-values: signs flipped by group, corrected by Holm.

Pooled figures resample twice: the seeds (each a training run of its own), and the groups of requests.
The seeds answer the same requests, so one draw of groups serves every seed drawn with it; drawing
anew for each seed would count a hard request met by three seeds as three independent ones. Where
seeds have groups of their own, the same code draws from their union.

Three seeds is few. A bootstrap of three has only ten different draws and understates the spread
between seeds by about a fifth, so a pooled interval says more of the requests than of the training:
look at the seeds singly beside it.

Shapes: B resamples, S seeds, G groups, M measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, permutation_test, wasserstein_distance
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from planb.values import seed_of

RESAMPLES = 1000
FLIPS = 9999
LEVEL = 0.95

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    low: float
    high: float


@lru_cache(maxsize=65536)
def wilson(successes: int, n: int) -> Interval:
    """Wilson's score interval of ``successes`` in ``n`` (Wilson 1927), NaN where ``n`` is 0.

    It takes the trials as independent: where several requests share a group it is a little narrow.
    """
    if n == 0:
        return Interval(math.nan, math.nan)
    found = binomtest(successes, n).proportion_ci(confidence_level=LEVEL, method="wilson")
    return Interval(float(found.low), float(found.high))


def newcombe(successes: int, n: int, others: int, n_others: int) -> Interval:
    """Newcombe's hybrid score interval of the difference of two rates (Newcombe 1998, method 10)."""
    if n == 0 or n_others == 0:
        return Interval(math.nan, math.nan)
    p, q = successes / n, others / n_others
    return apart(p, wilson(successes, n), q, wilson(others, n_others))


def apart(value: float, interval: Interval, other: float, others: Interval) -> Interval:
    """The interval of ``value - other`` from each one's own (Zou and Donner 2008)."""
    down = math.hypot(value - interval.low, others.high - other)
    up = math.hypot(interval.high - value, other - others.low)
    return Interval(value - other - down, value - other + up)


def all_alike(value: float, n: int, top: float = 10.0, bottom: float = 0.0) -> Interval:
    """The interval of a mean whose ``n`` scores (of ``bottom`` to ``top``) are all ``value``.

    A bootstrap sees no spread there and would claim certainty. Wilson bounds how many responses could
    still have scored otherwise without one being seen; they might have scored anything.
    """
    unseen = 1 - wilson(n, n).low
    return Interval(value - unseen * (value - bottom), value + unseen * (top - value))


def sign_flip(totals_G: Floats, *purpose: object) -> float:
    """The two-sided p-value of differences summed by group, against none (Fisher's randomisation test).

    If two methods were the same, each group's difference might as well have the other sign. Groups are
    flipped whole, so seeds that answer one request count once. All 2^G flips are tried where they are
    at most FLIPS, else FLIPS of them are drawn (p is then at least 2 / (FLIPS + 1)). It speaks of these
    trained models on requests like these; that other training runs might differ, only the interval
    says. NaN where there is no group.
    """
    if len(totals_G) == 0:
        return math.nan
    # Sums in another order differ in their last digits; rounded, a tie with what was seen is a tie.
    # scipy asks for two groups: a zero beside a single one changes no sum.
    tested = permutation_test(
        (totals_G if len(totals_G) > 1 else np.append(totals_G, 0.0),),
        lambda flipped, axis: np.round(flipped.sum(axis=axis), 9),
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        batch=1000,
        rng=np.random.default_rng(seed_of("flips", *purpose)),
    )
    return float(tested.pvalue)


def holm(p_values: Floats) -> Floats:
    """P-values corrected for their number (Holm 1979); a NaN is no test and stays NaN."""
    corrected = np.full(len(p_values), math.nan)
    tested = ~np.isnan(p_values)
    if tested.any():
        corrected[tested] = multipletests(p_values[tested], method="holm")[1]
    return corrected


@dataclass(frozen=True)
class Resamples:
    """How often each seed and each group is drawn: ``seeds_BS`` and ``groups_BG``."""

    seeds_BS: Floats
    groups_BG: Floats

    @staticmethod
    def draw(seeds: int, groups: int, *purpose: object) -> Resamples:
        """RESAMPLES draws with replacement, seeded by what they are for."""
        rng = np.random.default_rng(seed_of("bootstrap", *purpose))
        return Resamples(_counts(rng, seeds), _counts(rng, groups))

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


def _counts(rng: np.random.Generator, size: int) -> Floats:
    draws = rng.integers(0, size, (RESAMPLES, size)) + size * np.arange(RESAMPLES)[:, None]
    counts = np.bincount(draws.ravel(), minlength=RESAMPLES * size)
    return counts.reshape(RESAMPLES, size).astype(np.float64)


def percentiles(resampled_BM: Floats) -> list[Interval]:
    """The percentile interval of each column; NaN where no resample gave a number."""
    tail = (1 - LEVEL) / 2
    found = []
    for column in resampled_BM.T:
        column = column[~np.isnan(column)]
        low, high = np.quantile(column, [tail, 1 - tail]) if len(column) else (math.nan, math.nan)
        found.append(Interval(float(low), float(high)))
    return found


def envelope(value: float, *intervals: Interval) -> Interval:
    """The outer envelope: the lowest low and the highest high, with the value itself inside."""
    lows = [i.low for i in intervals if not math.isnan(i.low)]
    highs = [i.high for i in intervals if not math.isnan(i.high)]
    return Interval(min([value, *lows]), max([value, *highs]))


def union(*intervals: Interval) -> Interval:
    """From the lowest low to the highest high; NaN where there is none."""
    lows = [i.low for i in intervals if not math.isnan(i.low)]
    highs = [i.high for i in intervals if not math.isnan(i.high)]
    return Interval(min(lows, default=math.nan), max(highs, default=math.nan))


def wasserstein(
    scores: tuple[Floats, NDArray[np.int64], NDArray[np.int64]],
    reference: tuple[Floats, NDArray[np.int64]],
    *purpose: object,
) -> tuple[float, Interval]:
    """How far scores lie from reference scores, in points: the distance and its bootstrap interval.

    ``scores`` are (values, seed numbers, group numbers), ``reference`` (values, group numbers).
    A distance cannot be negative, so two samples of one distribution still lie a little apart.
    """
    values, seeds, groups = scores
    base, base_groups = reference
    value = float(wasserstein_distance(values, base))
    support = np.union1d(values, base)
    steps = np.diff(support)
    if len(steps) == 0:
        return value, Interval(value, value)
    draws = Resamples.draw(int(seeds.max()) + 1, int(groups.max()) + 1, "scores", *purpose)
    other = Resamples.draw(1, int(base_groups.max()) + 1, "reference", *purpose)
    first = _cumulative(draws, np.searchsorted(support, values), seeds, groups, len(support))
    second = _cumulative(
        other, np.searchsorted(support, base), np.zeros_like(base_groups), base_groups, len(support)
    )
    distances = np.abs(first - second)[:, :-1] @ steps
    return value, envelope(value, *percentiles(distances[:, None]))


Spread = tuple[Floats, Floats]
"""Scores as they are at their lowest and at their highest, alike where they are known."""


def wasserstein_within(
    scores: tuple[Spread, NDArray[np.int64], NDArray[np.int64]],
    reference: tuple[Spread, NDArray[np.int64]],
    *purpose: object,
) -> tuple[float, float, Interval]:
    """The least and the largest distance that scores of which some are not known may have, and an
    interval that goes from the low end of the one to the high end of the other.

    The arguments are those of ``wasserstein``, with spreads for values. A distribution function lies
    between that of the scores at their highest and that of the scores at their lowest.
    """
    spread, seeds, groups = scores
    base, base_groups = reference
    if all(np.array_equal(*known) for known in (spread, base)):
        value, interval = wasserstein((spread[0], seeds, groups), (base[0], base_groups), *purpose)
        return value, value, interval
    support = np.unique(np.concatenate([*spread, *base]))
    one, other = np.zeros_like(base_groups), (int(seeds.max()) + 1, int(groups.max()) + 1)
    drawn = (
        Resamples.draw(*other, "scores", *purpose),
        Resamples.draw(1, int(base_groups.max()) + 1, "reference", *purpose),
    )
    found = []
    for draws, second in (tuple(one_of_each(part) for part in drawn), drawn):
        up, down = (
            _cumulative(draws, np.searchsorted(support, end), seeds, groups, len(support))
            for end in spread
        )
        high, low = (
            _cumulative(second, np.searchsorted(support, end), one, base_groups, len(support))
            for end in base
        )
        steps = np.diff(support)
        least = np.maximum(0, np.maximum(down - high, low - up))[:, :-1] @ steps
        most = np.maximum(up - low, high - down)[:, :-1] @ steps
        found.append(np.stack([least, most], axis=1))
    lowest, highest = map(float, found[0][0])
    ends = percentiles(found[1])
    return lowest, highest, union(envelope(lowest, ends[0]), envelope(highest, ends[1]))


def one_of_each(draws: Resamples) -> Resamples:
    """The resample that is the sample itself."""
    return Resamples(np.ones_like(draws.seeds_BS[:1]), np.ones_like(draws.groups_BG[:1]))


def _cumulative(
    draws: Resamples,
    places: NDArray[np.int64],
    seeds: NDArray[np.int64],
    groups: NDArray[np.int64],
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
