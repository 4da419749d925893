"""Fitted coefficients: by hand, recovered from simulated choosers, and not given where choices do not
say what they are."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest

from planb.domains import DOMAINS
from planb.domains.choices.cells import NEW, Cell
from planb.domains.choices.domain import ChoiceDomain
from planb.domains.choices.pages import TASK
from planb.domains.risk import CELLS
from planb.domains.spite import Game
from planb.stats import coefficients
from planb.stats.attitudes import credence, equivalent, required
from planb.stats.choosers import ABSENT, CHOOSERS
from planb.stats.coefficients import Choices

CRRA = CHOOSERS["crra"]
REPLICATES = 200


def cells_of(domain: str) -> list[Cell]:
    """One offer a cell of the study: fewer than it asks."""
    found = DOMAINS[domain]
    assert isinstance(found, ChoiceDomain)
    known = found.cells.by_split()
    return [*known["evaluation"], *known[NEW]]


def offers_of(domain: str) -> Choices:
    (chooser, *_) = [CHOOSERS[m.model] for m in DOMAINS[domain].of_task(TASK).measures if m.model]
    told = [cell.offer() for cell in cells_of(domain)]
    offer = np.array([[one.get(name, math.nan) for name in chooser.offer] for one in told])
    return Choices(chooser, offer, np.zeros(len(told)))


ASKED = cells_of("risk")
OFFERS = offers_of("risk")


def tables(offers: Choices) -> list[np.ndarray]:
    """The likelihoods of each act, taken of every offer."""
    acts = 1 + offers.chooser.gaps(np.zeros(1), offers.offer).shape[2]
    every = [offers._replace(taken=np.full(len(offers.taken), float(act))) for act in range(acts)]
    return [coefficients.log_likelihoods(one) for one in every]


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
    asked = [required(r, 40, 10, 90) for r in CRRA.coefficients]
    assert asked[0] > 0
    assert all(a < b for a, b in pairwise(asked))
    assert asked[-1] < 1


def test_the_fit_has_the_same_formula_for_many() -> None:
    together = 0.5 - CRRA.gaps(CRRA.coefficients, np.array([[0.5, 40.0, 10.0, 90.0]]))[0, :, 0]
    assert together == pytest.approx([required(r, 40, 10, 90) for r in CRRA.coefficients], abs=1e-12)


@pytest.mark.parametrize(
    ("domain", "truths", "temperatures"),
    [
        ("risk", (-2.0, 0.0, 1.0), (0.05, 0.15)),
        ("spite", (-1.0, 0.0, 0.7), (2.0, 4.0)),
        ("newcomb", (0.0, 0.5, 1.0), (0.05, 0.2)),
        ("anthropics", (0.0, 0.6, 1.0), (0.05, 0.1)),
        ("porous", (0.0, 0.5, 1.0), (2.0, 4.0)),
    ],
)
def test_simulated_choosers_are_found_within_their_intervals(
    domain: str, truths: tuple[float, ...], temperatures: tuple[float, ...]
) -> None:
    """At fewer choices than the study has: 95 of 100 replicates, around the true value."""
    offers = offers_of(domain)
    every, n, covered = tables(offers), len(offers.taken), list[float]()
    for place, (truth, temperature) in enumerate(product(truths, temperatures)):
        rng = np.random.default_rng(place)
        drawn = [coefficients.simulated(offers, truth, temperature, rng) for _ in range(REPLICATES)]
        total = sum((np.stack(drawn) == act) @ table for act, table in enumerate(every))
        found = coefficients.fits(offers.chooser, np.asarray(total), n)
        known = [one for one in found if not one.reason]
        assert len(known) >= 0.99 * REPLICATES
        covered.append(float(np.mean([one.low <= truth <= one.high for one in known])))
        assert np.mean([one.value for one in known]) == pytest.approx(truth, abs=0.06)
        assert np.median([one.temperature for one in known]) == pytest.approx(temperature, rel=0.1)
    assert 0.935 <= np.mean(covered) <= 0.965, covered
    assert min(covered) >= 0.9
    assert max(covered) <= 0.99


def test_a_weight_and_a_power_by_hand() -> None:
    """Burning pays 2 to take 6, a gift pays 1 to give 4: at a = -1 they are worth 4 and -5."""
    game = Game(price=2, takes=6, cost=1, gives=4)
    assert game.gaps(-1.0) == (4, -5, 2)
    chooser = CHOOSERS["weight"]
    offer = np.array([[game.offer()[name] for name in chooser.offer]])
    assert chooser.gaps(np.array([-1.0]), offer)[0, 0] == pytest.approx((4, -5, 2))
    alone = np.where(np.arange(6) < 2, offer, math.nan)
    assert chooser.gaps(np.array([-1.0]), alone)[0, 0] == pytest.approx((4, ABSENT, ABSENT))
    assert "at least two acts" in chooser.fault(np.full((1, 6), math.nan))
    assert credence(1.0, 0.5, 3.0) == 0.75, "a thirder with two further awakenings"
    assert credence(0.0, 0.5, 3.0) == 0.5
    assert CHOOSERS["observers"].fault(np.array([[0.5, 1.0, 0.5]]))


def test_a_sure_amount_is_as_good_as_its_lottery() -> None:
    for r in (-2.0, 0.0, 1.0, 2.0):
        sure = equivalent(r, 0.3, 10, 90)
        assert required(r, sure, 10, 90) == pytest.approx(0.3, abs=1e-5)


def test_one_chooser_is_fitted_as_the_replicates_are() -> None:
    gambled = coefficients.simulated(OFFERS, 0.5, 0.1, np.random.default_rng(0))
    declined, taken = tables(OFFERS)
    total = (gambled @ (taken - declined) + declined.sum(axis=0))[None]
    one = coefficients.fit(OFFERS._replace(taken=gambled))
    (other,) = coefficients.fits(CRRA, total, len(ASKED))
    assert one == pytest.approx(other)
    assert one.low < one.value < one.high
    (value,) = coefficients.values(CRRA, total)
    assert value == pytest.approx(one.value)


def test_who_never_errs_is_between_the_offers_that_part_takers_from_decliners() -> None:
    gambled = np.array([float(CELLS.takes(cell, "bold")) for cell in ASKED])
    found = coefficients.fit(OFFERS._replace(taken=gambled))
    assert found.low < -2 < found.high
    assert found.high - found.low < 1
    assert found.temperature == CRRA.temperatures[0]


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
    found = coefficients.fit(OFFERS._replace(taken=gambled))
    assert why in found.reason
    assert all(map(math.isnan, found[1:5]))
    assert found.n == len(ASKED)


def test_no_choice_is_no_fit_and_an_offer_that_is_none_is_refused() -> None:
    none = Choices(CRRA, OFFERS.offer[:0], OFFERS.taken[:0])
    assert "no choice" in coefficients.fit(none).reason
    for column, value, fault in ((1, 999.0, "0 < low < sure < high"), (0, 4.0, "between 0 and 1")):
        offer = OFFERS.offer.copy()
        offer[:, column] = value
        with pytest.raises(ValueError, match=fault):
            coefficients.fit(OFFERS._replace(offer=offer))
    with pytest.raises(ValueError, match="number of an act"):
        coefficients.fit(OFFERS._replace(taken=OFFERS.taken + 2))


def test_unknown_choices_are_completed_both_ways() -> None:
    gambled = np.array([float(CELLS.takes(cell, "plain")) for cell in ASKED])
    gambled[::9] = math.nan
    most, least = coefficients.completed(OFFERS._replace(taken=gambled))
    assert coefficients.fit(most).value < 0 < coefficients.fit(least).value
    assert not np.isnan([most.taken, least.taken]).any()


def test_an_unknown_choice_of_several_acts_is_completed_by_those_it_has() -> None:
    """The kindest act is the gift (2); in a game without it, to pass. The most spiteful is to burn."""
    offers = offers_of("spite")
    two_acts = np.where(np.arange(6) < 2, offers.offer[:1], math.nan)
    made = Choices(offers.chooser, np.concatenate([offers.offer[:1], two_acts]), np.full(2, math.nan))
    low, high = coefficients.completed(made)
    assert low.taken.tolist() == [1, 1]
    assert high.taken.tolist() == [2, 0]
