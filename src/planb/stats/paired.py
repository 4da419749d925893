"""Paired differences of two methods on the same requests, response by response.

A pair is one request answered by both at one seed (the organism, the methods: one training run each).
The untouched base has a single seed, so its answers are paired with those of every seed. An answer
that has no partner is left out and counted. A pair that the judge left unscored on either side is
counted, and stands in the interval as it would be at its lowest and at its highest: leaving it out
would compare the methods on what the judge could answer, which depends on the answer.

Shapes: P pairs, S seeds, G groups of requests.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planb.stats.bootstrap import Resamples, percentiles, sums_by_cell
from planb.stats.intervals import Floats, Interval, all_alike, envelope, union
from planb.stats.known import Known
from planb.stats.randomisation import sign_flip


class Difference(NamedTuple):
    """How much higher the first method is over ``n`` pairs that are scored on both sides and
    ``left_out`` that are not; its interval over seeds and groups; ``p`` by flipping the groups' signs
    (``randomisation.sign_flip``), not yet corrected.

    ``first``, ``second`` and their difference ``value`` are NaN where pairs are unscored; ``lowest``
    and ``highest`` are then the difference with those at their lowest and at their highest, the
    interval goes from the low end of the one to the high end of the other, and ``p`` is the largest
    that any scores of these pairs would give. ``unpaired``: answers of either without a partner.
    """

    n: int
    left_out: int
    unpaired: int
    groups: int
    seeds: int
    first: float
    second: float
    value: float
    low: float
    high: float
    p: float
    lowest: float = math.nan
    highest: float = math.nan


class Pairs(NamedTuple):
    """Each pair's two answers (P,), with its seed and its group of requests: NaN where unscored, and
    what they would be at their ``lowest`` and ``highest``."""

    first: Known
    second: Known
    seeds: NDArray[np.str_]
    groups: NDArray[np.str_]
    unpaired: int

    @property
    def scored(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.first.value) & ~np.isnan(self.second.value)

    @property
    def lowest(self) -> Floats:
        """The difference of each pair at its lowest, (P,)."""
        return self.first.low - self.second.high

    @property
    def highest(self) -> Floats:
        return self.first.high - self.second.low


def difference(pairs: Pairs, top: float) -> Difference:
    """The paired difference, first minus second; ``top`` is the measure's. All NaN without a pair that
    is scored on both sides.

    Where all pairs differ alike the bootstrap has no width: ``intervals.all_alike`` then bounds how
    many groups could have differed otherwise without one being seen.
    """
    n, left_out = int(pairs.scored.sum()), int((~pairs.scored).sum())
    if not n:
        nothing = (math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
        return Difference(0, left_out, pairs.unpaired, 0, 0, *nothing)
    seeds, groups, _ = sums_of(pairs, pairs.lowest)[0].shape
    ends = (pairs.lowest,) if not left_out else (pairs.lowest, pairs.highest)
    found = [_interval(pairs, apart, top) for apart in ends]
    low, high = union(*(interval for _, interval in found))
    lowest, highest = found[0][0], found[-1][0]
    first, second = float(pairs.first.low.mean()), float(pairs.second.low.mean())
    told = (math.nan, math.nan, math.nan) if left_out else (first, second, lowest)
    p = _largest_p(pairs)
    return Difference(
        *(n, left_out, pairs.unpaired, groups, seeds, *told, low, high, p, lowest, highest)
    )


def sums_of(pairs: Pairs, apart: Floats) -> tuple[Floats, Floats]:
    """Sums and counts of the pairs' differences ``apart`` (P,): (S, G, 1) each."""
    table = sums_by_cell(pairs.seeds, pairs.groups, np.stack([apart, np.ones(len(apart))], axis=1))
    return table[:, :, :1], table[:, :, 1:]


def _interval(pairs: Pairs, apart: Floats, top: float) -> tuple[float, Interval]:
    """The mean of differences of which every one is known, and its interval."""
    value = float(apart.mean())
    sums_SG1, counts_SG1 = sums_of(pairs, apart)
    seeds, groups, _ = sums_SG1.shape
    if apart.min() == apart.max():
        return value, all_alike(value, groups, top, -top)
    draws = Resamples.draw(seeds, groups)
    return value, envelope(value, *percentiles(draws.means(sums_SG1, counts_SG1)))


def _largest_p(pairs: Pairs) -> float:
    """The largest p that any scores of the unscored pairs would give.

    Of a sum above 0 a set of flips reaches it where the totals that it flips, or those that it leaves,
    sum to 0 or less: the lower the totals, the more sets do. So p is largest with all pairs at their
    lowest; below 0 at their highest; and 1 where the sum may be 0.
    """
    low_G, high_G = (sums_of(pairs, a)[0].sum(axis=(0, 2)) for a in (pairs.lowest, pairs.highest))
    if low_G.sum() <= 0 <= high_G.sum() and not pairs.scored.all():
        return 1.0
    return sign_flip(low_G if low_G.sum() > 0 else high_G)
