"""What a chooser of one coefficient makes of an offer, for each kind of chooser; no library.

``crra``: constant relative risk aversion. ``weight``: what others get, or what an act is evidence of,
counts so much of what the chooser gets itself. ``observers``: a world counts by how many there are to
wonder which world it is, to that power.
"""

from __future__ import annotations

import math
from typing import TypeVar

OFFERS = {
    "crra": ("chance", "sure", "low", "high"),
    "weight": tuple(f"{of}_{act}" for act in (1, 2, 3) for of in ("own", "other")),
    "observers": ("prior", "many", "odds"),
}
"""The numbers of an offer, as the parts of a score, by kind of chooser."""
LIMITS = {"crra": 6.0, "weight": 3.0, "observers": 4.0}
"""Coefficients from -LIMIT to LIMIT are searched by a fit (``planb.stats.coefficients``)."""
LEAST = 1e-6
"""An exponent 1 - r nearer to 0 than this stands for the logarithm."""
Number = TypeVar("Number")
"""A float, or an array of them."""


def required(r: float, sure: float, low: float, high: float) -> float:
    """The chance of ``high`` (else ``low``) at which a chooser with the coefficient ``r`` does not care
    whether it gets that or ``sure``, 0-1. Amounts relative to ``high`` keep powers in range."""
    e = 1.0 - r
    e = LEAST if abs(e) < LEAST else e
    s, least = math.log(sure / high) * e, math.log(low / high) * e
    return (math.expm1(s) - math.expm1(least)) / -math.expm1(least)


def equivalent(r: float, chance: float, low: float, high: float) -> float:
    """The sure amount that such a chooser finds as good as a ``chance`` of ``high``, else ``low``."""
    e = 1.0 - r
    if abs(e) < LEAST:
        return math.exp(chance * math.log(high) + (1 - chance) * math.log(low))
    return float((chance * high**e + (1 - chance) * low**e) ** (1 / e))


def credence(k: Number, prior: Number, many: Number) -> Number:
    """The probability of the world with ``many`` observers against that with one, whose chance is
    ``prior``, if a world counts by the number of its observers to the power ``k``: 0 is the
    self-sampling assumption (SSA), 1 the self-indication assumption (SIA; Bostrom 2002)."""
    weight = prior * many**k  # type: ignore[operator]
    return weight / (weight + 1 - prior)  # type: ignore[no-any-return]
