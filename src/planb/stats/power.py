"""How many requests a study needs, from how much its paired differences vary.

A difference of seed s and group g is taken as ``mean + seed_s + group_g + rest_sg``, seeds and groups
drawn at random; the variances are the moment estimates of a two-way table with one value a cell
(Searle, Casella and McCulloch 1992, ch. 4), never below 0. More requests make the parts of groups and
of the rest small, but not that of the seeds: how training runs differ, only more runs show.

Shapes: S seeds, G groups of requests.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from planb.stats.paired import Pairs, sums_of

ALPHA, POWER = 0.05, 0.8


class Spread(NamedTuple):
    """Standard deviations of paired differences, in the measure's unit: between seeds, between groups,
    and of what is left (a seed's own way with a group, and the noise of sampling).

    ``pairs`` is how many pairs a group has at one seed, on average.
    """

    seeds: int
    groups: int
    pairs: float
    between_seeds: float
    between_groups: float
    rest: float

    @property
    def of_a_group(self) -> float:
        """The standard deviation of a group's difference, averaged over the study's seeds."""
        return math.sqrt(self.between_groups**2 + self.rest**2 / self.seeds)


def spread_of(pairs: Pairs) -> Spread | None:
    """The spread of the pairs, over the groups that every seed has; None below two such groups, or
    where no pair is scored.

    An unscored pair is taken as far from the mean of the scored ones as it can be: no scores of it
    spread further about that mean, so that the spread is rather too large. With one seed the seeds'
    own spread cannot be known (NaN), and groups and rest cannot be separated: all is then between
    groups.
    """
    if not pairs.scored.any():
        return None
    low, high, scored = pairs.lowest, pairs.highest, pairs.scored
    middle = float(low[scored].mean())
    apart = np.where(high - middle > middle - low, high, low)
    sums, counts = (table[:, :, 0] for table in sums_of(pairs, apart))
    whole = (counts > 0).all(axis=0)
    if whole.sum() < 2:
        return None
    cells_SG = sums[:, whole] / counts[:, whole]
    seeds, groups = cells_SG.shape
    per_cell = float(counts[:, whole].mean())
    of_groups_G, of_seeds_S = cells_SG.mean(axis=0), cells_SG.mean(axis=1)
    between = float(of_groups_G.var(ddof=1))
    if seeds == 1:
        return Spread(seeds, groups, per_cell, math.nan, math.sqrt(between), 0.0)
    left_SG = cells_SG - of_groups_G - of_seeds_S[:, None] + cells_SG.mean()
    rest = float((left_SG**2).sum()) / ((seeds - 1) * (groups - 1))
    seeds_part = max(0.0, float(of_seeds_S.var(ddof=1)) - rest / groups)
    groups_part = max(0.0, between - rest / seeds)
    return Spread(seeds, groups, per_cell, *map(math.sqrt, (seeds_part, groups_part, rest)))


def groups_needed(spread: Spread, difference: float = 1.0) -> int:
    """How many groups of requests show ``difference`` between these trained models (two-sided paired t
    at 5 %, with the study's seeds): at least 2."""
    if difference <= 0:
        raise ValueError(f"a difference to be seen is above 0, not {difference}")
    return _count(spread.of_a_group, difference)


def seeds_needed(spread: Spread, difference: float = 1.0) -> int | None:
    """How many seeds show ``difference`` between training runs at large, however many the requests; at
    least 2. None where one seed says nothing of how runs differ."""
    if math.isnan(spread.between_seeds):
        return None
    return _count(spread.between_seeds, difference)


def _count(deviation: float, difference: float) -> int:
    """The least n whose paired t test of standard deviation ``deviation`` has a power of ``POWER``."""
    from statsmodels.stats.power import TTestPower  # type: ignore[import-untyped]  # slow to load

    test = TTestPower()

    def seen(n: int) -> float:
        effect = difference / deviation
        found = float(test.power(effect, nobs=n, alpha=ALPHA, alternative="two-sided"))
        return 1.0 if math.isnan(found) else found  # scipy's noncentral t gives up where it is 1

    if deviation == 0:
        return 2
    low, high = 1, 2
    while high < 1 << 30 and seen(high) < POWER:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if seen(middle) >= POWER else (middle, high)
    return high
