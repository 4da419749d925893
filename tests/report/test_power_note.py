"""The spread of paired differences and how many requests it takes, by hand and by others' code."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t as student
from statsmodels.stats.power import TTestPower

from planb.report.questions import Known
from planb.stats.paired import Pairs
from planb.stats.power import Spread, groups_needed, seeds_needed, spread_of


def pairs_with(table_SG: np.ndarray, per_cell: int = 1) -> Pairs:
    """One value for each seed and group, ``per_cell`` times."""
    groups = table_SG.shape[1]
    place = np.repeat(np.arange(table_SG.size), per_cell)
    s, g = np.divmod(place, groups)
    values = table_SG.ravel()[place]
    nothing = np.zeros(len(values))
    sides = (Known(values, values), Known(nothing, nothing))
    return Pairs(*sides, s.astype(str), g.astype(str), 0)


def test_the_spread_by_hand() -> None:
    """Cells (2, 4, 6) and (4, 6, 2). Group means 3, 5, 4: variance 1. Seed means 4 and 4: variance 0.
    Left over, by group: -1 1, -1 1, 2 -2: sum of squares 12 over (2-1)(3-1): 6. So the groups' own part
    is 1 - 6/2 < 0, that is 0, and so is the seeds'."""
    spread = spread_of(pairs_with(np.array([[2.0, 4, 6], [4, 6, 2]])))
    assert spread is not None
    assert (spread.seeds, spread.groups, spread.pairs) == (2, 3, 1)
    assert (spread.between_seeds, spread.between_groups) == (0, 0)
    assert spread.rest == pytest.approx(math.sqrt(6))
    assert spread.of_a_group == pytest.approx(math.sqrt(3))
    apart = spread_of(pairs_with(np.array([[2.0, 4, 6], [12, 14, 10]])))
    assert apart is not None  # seed means 4 and 12: variance 32, less 6/3 of the rest
    assert apart.between_seeds == pytest.approx(math.sqrt(30))


def test_the_parts_are_found_again() -> None:
    """Averaged over many tables, the moment estimates are the variances that they were made with."""
    rng, found = np.random.default_rng(1), []
    for _ in range(200):
        table = rng.normal(0, 2.0, (6, 1)) + rng.normal(0, 1.5, (1, 40)) + rng.normal(0, 1.0, (6, 40))
        spread = spread_of(pairs_with(table))
        assert spread is not None
        found.append([spread.between_seeds**2, spread.between_groups**2, spread.rest**2])
    assert np.mean(found, axis=0) == pytest.approx([4.0, 2.25, 1.0], rel=0.1)


def test_one_seed_says_nothing_of_seeds_and_one_group_nothing_at_all() -> None:
    spread = spread_of(pairs_with(np.array([[1.0, 3, 5]]), per_cell=2))
    assert spread is not None
    assert math.isnan(spread.between_seeds)
    assert (spread.between_groups, spread.pairs) == (2.0, 2)
    assert seeds_needed(spread) is None
    assert spread_of(pairs_with(np.array([[1.0], [2.0]]))) is None


def test_groups_that_a_seed_lacks_are_left_out() -> None:
    pairs = pairs_with(np.array([[1.0, 3, 5], [2, 4, 6]]))
    keep = np.arange(6) != 5
    sides = (Known(side.low[keep], side.high[keep]) for side in (pairs.first, pairs.second))
    spread = spread_of(Pairs(*sides, pairs.seeds[keep], pairs.groups[keep], 0))
    assert spread is not None
    assert spread.groups == 2


@pytest.mark.parametrize("deviation", [1.0, 2.0, 4.2, 20.0])
def test_the_number_is_the_least_that_statsmodels_gives_the_power(deviation: float) -> None:
    spread = Spread(1, 50, 1.0, math.nan, deviation, 0.0)
    need = groups_needed(spread, 1.0)
    solved = TTestPower().solve_power(1 / deviation, power=0.8, alpha=0.05)
    assert need == math.ceil(solved)
    assert groups_needed(spread, 2.0) < need < groups_needed(spread, 0.5)


def test_more_seeds_make_the_rest_smaller_and_no_spread_needs_two() -> None:
    few, many = Spread(2, 50, 1.0, 0.5, 1.0, 3.0), Spread(8, 50, 1.0, 0.5, 1.0, 3.0)
    assert groups_needed(many) < groups_needed(few)
    assert seeds_needed(few) == seeds_needed(many) == 5
    assert groups_needed(Spread(2, 50, 1.0, 0.0, 0.0, 0.0)) == 2
    with pytest.raises(ValueError, match="above 0"):
        groups_needed(few, 0.0)


def test_the_number_really_shows_the_difference_four_times_in_five() -> None:
    spread = Spread(1, 50, 1.0, math.nan, 2.5, 0.0)
    need = groups_needed(spread)
    rng = np.random.default_rng(0)
    apart = rng.normal(1.0, 2.5, (4000, need))
    t = apart.mean(axis=1) / (apart.std(axis=1, ddof=1) / math.sqrt(need))
    seen = np.mean(np.abs(t) > student.ppf(0.975, need - 1))
    assert seen == pytest.approx(0.8, abs=0.025)
