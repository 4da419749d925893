"""Kinds of chooser that choices are fitted with: by how much each prefers every act to the first.

Shapes: N choices, C columns of an offer, R coefficients, K acts beside the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from planb.stats.attitudes import LEAST, LIMITS, OFFERS, credence
from planb.stats.intervals import Floats

ABSENT = -1e6
"""How much better an act is that a choice does not have."""


class Chooser(NamedTuple):
    """A kind of chooser. ``gaps`` of coefficients (R,) and offers (N, C) are (N, R, K), in the unit of
    the ``temperatures``; ``fault`` says what is wrong with offers, in words; ``about`` is what the
    coefficient is of."""

    name: str
    gaps: Callable[[Floats, Floats], Floats]
    fault: Callable[[Floats], str]
    temperatures: Floats
    about: str

    @property
    def offer(self) -> tuple[str, ...]:
        """The columns of an offer."""
        return OFFERS[self.name]

    @property
    def limit(self) -> float:
        return LIMITS[self.name]

    @property
    def coefficients(self) -> Floats:
        """(R,) those that are searched."""
        return np.linspace(-self.limit, self.limit, 121)


def _crra(r_R: Floats, offer_NC: Floats) -> Floats:
    """How much likelier the higher amount is than a chooser with that coefficient requires
    (``attitudes.required`` for many): Wilcox's contextual utility (2011, Journal of Econometrics 162),
    where the difference of two utilities is divided by that of the best and the worst amount of the
    choice, so that a temperature means the same at every r and every stake."""
    chance_N, sure_N, low_N, high_N = offer_NC.T
    e = 1.0 - r_R
    e = np.where(np.abs(e) < LEAST, LEAST, e)
    s, least = np.log(sure_N / high_N)[:, None] * e, np.log(low_N / high_N)[:, None] * e
    gap_NR = chance_N[:, None] - (np.expm1(s) - np.expm1(least)) / -np.expm1(least)
    found: Floats = gap_NR[:, :, None]
    return found


def _crra_fault(offer_NC: Floats) -> str:
    chance, sure, low, high = offer_NC.T
    if not ((low > 0) & (low < sure) & (sure < high)).all():
        return "an offer needs 0 < low < sure < high: what is better either way says nothing of r"
    return "" if ((chance > 0) & (chance < 1)).all() else "a chance lies between 0 and 1"


def _weight(w_R: Floats, offer_NC: Floats) -> Floats:
    """``own + w * other`` of each act, both relative to the first act; of an act that a choice does not
    have they are NaN."""
    own_NK, other_NK = offer_NC[:, ::2], offer_NC[:, 1::2]
    gaps = own_NK[:, None] + w_R[:, None] * other_NK[:, None]
    return np.where(np.isnan(gaps), ABSENT, gaps)


def _weight_fault(offer_NC: Floats) -> str:
    first, pairs = offer_NC[:, :2], np.isnan(offer_NC)
    if np.isnan(first).any() or (pairs[:, ::2] != pairs[:, 1::2]).any():
        return "an offer needs what an act gives oneself and the other, and at least two acts"
    return ""


def _observers(k_R: Floats, offer_NC: Floats) -> Floats:
    """By how much the credence that the ticket wins exceeds its price, per unit of the prize."""
    prior, many, odds = (column[:, None] for column in offer_NC.T)
    found: Floats = (credence(k_R, prior, many) - odds)[:, :, None]
    return found


def _observers_fault(offer_NC: Floats) -> str:
    prior, many, odds = offer_NC.T
    if not ((prior > 0) & (prior < 1) & (many > 1) & (odds > 0) & (odds < 1)).all():
        return "a ticket needs a prior and odds between 0 and 1, and more than one observer"
    return ""


CHOOSERS = {
    one.name: one
    for one in (
        Chooser("crra", _crra, _crra_fault, np.geomspace(0.01, 3.0, 26), "attitude to risk"),
        Chooser("weight", _weight, _weight_fault, np.geomspace(0.02, 30.0, 32), "weight"),
        Chooser(
            "observers",
            _observers,
            _observers_fault,
            np.geomspace(0.01, 3.0, 26),
            "number of observers",
        ),
    )
}
