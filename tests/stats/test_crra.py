"""The coefficient of relative risk aversion: by hand, recovered from simulated choosers, and not given
where choices do not say what it is."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest

from planb.domains.lotteries.cells import DRAWS, cells
from planb.stats import crra
from planb.stats.indifference import required

ASKED = [cell for split in ("evaluation", "new amounts") for cell in cells()[split]]
"""One offer a cell of the study: fewer than it asks."""
REPLICATES = 250
OFFERS = crra.Choices(
    *np.array([(cell.chance / DRAWS, cell.sure, cell.low, cell.high) for cell in ASKED]).T,
    np.zeros(len(ASKED)),
)


def table() -> tuple[np.ndarray, np.ndarray]:
    """The likelihoods of every offer declined, and of every one taken."""
    taken = OFFERS._replace(gambled=np.ones(len(ASKED)))
    return crra.log_likelihoods(OFFERS), crra.log_likelihoods(taken)


@pytest.mark.parametrize(
    ("r", "chance"),
    [
        (0.0, (40 - 10) / (90 - 10)),  # linear
        (1.0, math.log(40 / 10) / math.log(90 / 10)),
        (-1.0, (40**2 - 10**2) / (90**2 - 10**2)),
        (2.0, (1 / 10 - 1 / 40) / (1 / 10 - 1 / 90)),
    ],
)
def test_the_chance_that_a_chooser_requires_by_hand(r: float, chance: float) -> None:
    assert required(r, 40, 10, 90) == pytest.approx(chance, abs=1e-5)


def test_who_is_more_averse_requires_more() -> None:
    asked = [required(r, 40, 10, 90) for r in crra.R]
    assert asked[0] > 0
    assert all(a < b for a, b in pairwise(asked))
    assert asked[-1] < 1


def test_the_fit_has_the_same_formula_for_many() -> None:
    _, sure, low, high = (np.array([x]) for x in (0.5, 40.0, 10.0, 90.0))
    together = crra._required(crra.R, sure, low, high)[0]
    assert together == pytest.approx([required(r, 40, 10, 90) for r in crra.R], abs=1e-12)


def test_simulated_choosers_are_found_within_their_intervals() -> None:
    """At fewer choices than the study has: 95 of 100 replicates, around the true value."""
    declined, taken = table()
    covered = []
    for place, (r, temperature) in enumerate(product((-2.0, 0.0, 1.0), (0.05, 0.15))):
        rng = np.random.default_rng(place)
        gambled = np.stack([crra.simulated(OFFERS, r, temperature, rng) for _ in range(REPLICATES)])
        found = crra.fits(gambled @ (taken - declined) + declined.sum(axis=0), len(ASKED))
        known = [one for one in found if not one.reason]
        assert len(known) >= 0.99 * REPLICATES
        covered.append(np.mean([one.low <= r <= one.high for one in known]))
        assert np.mean([one.value for one in known]) == pytest.approx(r, abs=0.06)
        assert np.median([one.temperature for one in known]) == pytest.approx(temperature, rel=0.1)
    assert 0.935 <= np.mean(covered) <= 0.965
    assert min(covered) >= 0.9
    assert max(covered) <= 0.99


def test_one_chooser_is_fitted_as_the_replicates_are() -> None:
    gambled = crra.simulated(OFFERS, 0.5, 0.1, np.random.default_rng(0))
    declined, taken = table()
    one = crra.fit(OFFERS._replace(gambled=gambled))
    (other,) = crra.fits((gambled @ (taken - declined) + declined.sum(axis=0))[None], len(ASKED))
    assert one == pytest.approx(other)
    assert one.low < one.value < one.high
    (value,) = crra.values((gambled @ (taken - declined) + declined.sum(axis=0))[None])
    assert value == pytest.approx(one.value)


def test_who_never_errs_is_between_the_offers_that_part_takers_from_decliners() -> None:
    gambled = np.array([float(cell.takes("bold")) for cell in ASKED])
    found = crra.fit(OFFERS._replace(gambled=gambled))
    assert found.low < -2 < found.high
    assert found.high - found.low < 1
    assert found.temperature == crra.TEMPERATURES[0]


@pytest.mark.parametrize(
    ("gambled", "why"),
    [
        (np.zeros(len(ASKED)), "above"),
        (np.ones(len(ASKED)), "below"),
        (np.full(len(ASKED), 0.5), "no attitude"),
        (np.arange(len(ASKED)) % 2.0, "no attitude"),
    ],
    ids=["always sure", "always the lottery", "always either", "by turns"],
)
def test_choices_that_do_not_identify_it_have_no_value(gambled: np.ndarray, why: str) -> None:
    found = crra.fit(OFFERS._replace(gambled=gambled))
    assert why in found.reason
    assert all(map(math.isnan, found[1:5]))
    assert found.n == len(ASKED)


def test_no_choice_is_no_fit_and_an_offer_that_is_none_is_refused() -> None:
    assert "no choice" in crra.fit(crra.Choices(*(column[:0] for column in OFFERS))).reason
    with pytest.raises(ValueError, match="0 < low < sure < high"):
        crra.fit(OFFERS._replace(sure=OFFERS.high))
    with pytest.raises(ValueError, match="between 0 and 1"):
        crra.fit(OFFERS._replace(chance=OFFERS.chance * 10))


def test_unknown_choices_are_completed_both_ways() -> None:
    gambled = np.array([float(cell.takes("plain")) for cell in ASKED])
    gambled[::9] = math.nan
    most, least = crra.completed(OFFERS._replace(gambled=gambled))
    assert crra.fit(most).value < 0 < crra.fit(least).value
    assert not np.isnan([most.gambled, least.gambled]).any()
