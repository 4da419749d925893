"""A coefficient fitted to choices, with its interval and a temperature, for any kind of chooser.

A chooser of one kind (``planb.stats.choosers``) prefers each act to the first by a gap that depends on
its coefficient; it takes an act with a probability that is logistic in the gaps (of several acts,
McFadden's multinomial logit), in units of a temperature.

The fit is by maximum likelihood, and its 95 % interval that of the profile likelihood: every
coefficient whose likelihood, at its own best temperature, is within 1.92 of the best. A *range* is
searched. Where the interval reaches an end of it, the choices do not say what the coefficient is
(always the same act, at random): then there is no value, and the reason says so.

Shapes: N choices, C columns of an offer, K acts beside the first, B resamples or replicates,
R coefficients, T temperatures.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from planb.stats.choosers import ABSENT, Chooser
from planb.stats.intervals import LEVEL, Floats

FLAT = 0.005
"""What lies within it of the best likelihood is as good: its middle is the value."""


class Choices(NamedTuple):
    """``offer`` (N, C) in the columns of the chooser's kind, and what was ``taken`` (N,): the number of
    the act; of two acts also what lies between, 0.5 where the chooser left it to chance; NaN where it
    is not known."""

    chooser: Chooser
    offer: Floats
    taken: Floats


class Fit(NamedTuple):
    """A fitted coefficient with its interval and its temperature; all NaN, with a ``reason``, where the
    ``n`` choices do not identify it."""

    n: int
    value: float
    low: float
    high: float
    temperature: float
    reason: str = ""


def log_likelihoods(choices: Choices) -> Floats:
    """(N, R * T) of each choice at every coefficient and temperature."""
    chooser = choices.chooser
    gaps_NRK = chooser.gaps(chooser.coefficients, choices.offer)
    shares_NK = _shares(choices.taken, gaps_NRK.shape[2])
    taken_NR = (shares_NK[:, None] * gaps_NRK).sum(axis=2)
    found = np.empty((*taken_NR.shape, len(chooser.temperatures)))
    for t, temperature in enumerate(chooser.temperatures):
        z_NRK = gaps_NRK / temperature
        best_NR = np.maximum(z_NRK.max(axis=2), 0.0)
        all_NR = np.exp(z_NRK - best_NR[:, :, None]).sum(axis=2) + np.exp(-best_NR)
        found[:, :, t] = taken_NR / temperature - np.log(all_NR) - best_NR
    return found.reshape(len(found), -1)


def fit(choices: Choices) -> Fit:
    """The coefficient of one chooser's independent choices, all of them known. Raises ValueError for
    offers that are none."""
    if fault := _fault(choices):
        raise ValueError(fault)
    if not len(choices.taken):
        return _none(0, "there is no choice")
    return fits(choices.chooser, log_likelihoods(choices).sum(axis=0)[None], len(choices.taken))[0]


def completed(choices: Choices) -> tuple[Choices, Choices]:
    """The choices with every unknown one the act that a low coefficient speaks for most, and with every
    one that which a high coefficient does."""
    chooser, unknown = choices.chooser, np.isnan(choices.taken)
    ends = np.array([-chooser.limit, chooser.limit])
    gaps_N2K = chooser.gaps(ends, choices.offer)
    slope_NK = np.where(gaps_N2K[:, 0] == ABSENT, math.nan, gaps_N2K[:, 1] - gaps_N2K[:, 0])
    slope_NK = np.pad(slope_NK, ((0, 0), (1, 0)))
    acts = (np.nanargmin(slope_NK, axis=1), np.nanargmax(slope_NK, axis=1))
    low, high = (choices._replace(taken=np.where(unknown, act, choices.taken)) for act in acts)
    return low, high


@cache
def _drop() -> float:
    """How far below the best likelihood a coefficient of the interval may lie."""
    from scipy.stats import chi2  # slow to load

    return float(chi2.ppf(LEVEL, 1)) / 2


def fits(chooser: Chooser, total_BRT: Floats, n: int) -> list[Fit]:
    """The fit of each row of summed ``log_likelihoods``, (B, R * T)."""
    profile_BR, warmth_BR = _profiles(chooser, total_BRT)
    ends_B2, best_B = _span(chooser, profile_BR, _drop()), _best(chooser, profile_BR)
    found = []
    for b, (low, high) in enumerate(ends_B2):
        value, at = float(best_B[b]), int(profile_BR[b].argmax())
        if low > -chooser.limit and high < chooser.limit:
            found.append(Fit(n, value, float(low), float(high), float(warmth_BR[b, at])))
        else:
            found.append(_none(n, _told(chooser, float(low), float(high))))
    return found


def values(chooser: Chooser, total_BRT: Floats) -> Floats:
    """(B,) the best coefficient of each row of summed ``log_likelihoods``, in the range."""
    return _best(chooser, _profiles(chooser, total_BRT)[0])


def simulated(
    choices: Choices, coefficient: float, temperature: float, rng: np.random.Generator
) -> Floats:
    """(N,) what a chooser with that coefficient takes of the same offers: the number of each act."""
    from scipy.special import softmax  # slow to load

    gaps_NK = choices.chooser.gaps(np.array([coefficient]), choices.offer)[:, 0] / temperature
    shares_NK = softmax(np.pad(gaps_NK, ((0, 0), (1, 0))), axis=1)[:, :0:-1]
    drawn_N = rng.random(len(shares_NK))
    passed_N = (drawn_N[:, None] >= np.cumsum(shares_NK, axis=1)).sum(axis=1)
    taken: Floats = (shares_NK.shape[1] - passed_N).astype(np.float64)
    return taken


def _shares(taken_N: Floats, acts: int) -> Floats:
    """(N, K) how much of each act beside the first was taken."""
    if acts == 1:
        return taken_N[:, None]
    found: Floats = (taken_N[:, None] == np.arange(1, acts + 1)).astype(np.float64)
    return found


def _profiles(chooser: Chooser, total_BRT: Floats) -> tuple[Floats, Floats]:
    """(B, R) the likelihood at each coefficient's best temperature, between those of the grid by a
    parabola, and that temperature."""
    table = total_BRT.reshape(len(total_BRT), len(chooser.coefficients), len(chooser.temperatures))
    at = table.argmax(axis=2)
    inside = np.clip(at, 1, len(chooser.temperatures) - 2)
    left, mid, right = (
        np.take_along_axis(table, (inside + step)[:, :, None], axis=2)[:, :, 0] for step in (-1, 0, 1)
    )
    bend = left - 2 * mid + right
    step = np.where((at == inside) & (bend < 0), 0.5 * (left - right) / np.where(bend < 0, bend, -1), 0)
    best = table.max(axis=2) + np.where(at == inside, -0.125 * (left - right) ** 2 / _below(bend), 0)
    ratio = chooser.temperatures[1] / chooser.temperatures[0]
    return best, chooser.temperatures[at] * ratio**step


def _below(bend: Floats) -> Floats:
    """Curvatures that can be divided by."""
    found: Floats = np.where(bend < 0, bend, -np.inf)
    return found


def _best(chooser: Chooser, profile_BR: Floats) -> Floats:
    """(B,) the coefficient of the highest likelihood, between those of the grid by a parabola; the
    middle of a top that is flat."""
    searched = chooser.coefficients
    at = np.clip(profile_BR.argmax(axis=1), 1, len(searched) - 2)
    left, mid, right = (profile_BR[np.arange(len(at)), at + step] for step in (-1, 0, 1))
    bend = left - 2 * mid + right
    peaked = (
        (mid >= np.maximum(left, right)) & (np.minimum(mid - left, mid - right) > 0) & (bend < -FLAT)
    )
    vertex = searched[at] + (searched[1] - searched[0]) * 0.5 * (left - right) / _below(bend)
    found: Floats = np.where(peaked, vertex, _span(chooser, profile_BR, FLAT).mean(axis=1))
    return found


def _span(chooser: Chooser, profile_BR: Floats, drop: float) -> Floats:
    """(B, 2) the outermost coefficients whose likelihood is within ``drop`` of the best, between those
    of the grid by a straight line."""
    over_BR = profile_BR - profile_BR.max(axis=1, keepdims=True) + drop
    ends, searched = [], chooser.coefficients
    for flipped in (False, True):
        over, r = (over_BR[:, ::-1], searched[::-1]) if flipped else (over_BR, searched)
        first = (over >= 0).argmax(axis=1)
        before, rows = np.maximum(first - 1, 0), np.arange(len(over))
        a, b = over[rows, before], over[rows, first]
        part = np.where(first > 0, -a / np.where(b > a, b - a, 1), 1.0)
        ends.append(r[before] + (r[first] - r[before]) * part)
    return np.stack(ends, axis=1)


def _fault(choices: Choices) -> str:
    """What is wrong with the choices, in words."""
    if fault := choices.chooser.fault(choices.offer):
        return fault
    most = choices.chooser.gaps(np.zeros(1), choices.offer[:1]).shape[2]
    taken = choices.taken
    if not ((taken >= 0) & (taken <= most) & ((most == 1) | (taken == taken.round()))).all():
        return "a choice is the number of an act; of two acts also 0.5"
    return ""


def _none(n: int, reason: str) -> Fit:
    return Fit(n, math.nan, math.nan, math.nan, math.nan, reason)


def _told(chooser: Chooser, low: float, high: float) -> str:
    """Why there is no value, from an interval that reaches the end of the range."""
    if low <= -chooser.limit and high >= chooser.limit:
        return f"the choices hang on no {chooser.about}"
    side = f"above {low:.1f}" if high >= chooser.limit else f"below {high:.1f}"
    return f"the choices only say that the coefficient is {side}"
