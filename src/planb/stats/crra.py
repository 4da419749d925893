"""Constant relative risk aversion (CRRA) fitted to choices between a sure amount and a lottery.

A chooser with the coefficient r values an amount x at x^(1-r) / (1-r) (log x at r = 1): r > 0 is averse
to risk, 0 takes whatever is worth more on average, r < 0 seeks risk. For low < sure < high there is one
chance of ``high`` at which such a chooser is indifferent (``required``); the lottery is taken with the
probability logistic((chance - required) / temperature). That is the contextual utility of Wilcox 2011
(Journal of Econometrics 162), where the difference of two utilities is divided by that of the best and
the worst amount of the choice, so that a temperature means the same at every r and every stake.

The fit is by maximum likelihood, and its 95 % interval that of the profile likelihood: every r whose
likelihood, at its own best temperature, is within 1.92 of the best. A *range* of r is searched. Where
the interval reaches an end of it, the choices do not say what r is (always the sure amount, always the
lottery, at random): then there is no value, and the reason says so.

Shapes: N choices, B resamples or replicates, R coefficients, T temperatures.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit
from scipy.stats import chi2

from planb.stats.indifference import LEAST, LIMIT
from planb.stats.intervals import LEVEL, Floats

R = np.linspace(-LIMIT, LIMIT, 121)
TEMPERATURES = np.geomspace(0.01, 3.0, 26)
"""A chooser that never errs has the lowest."""
DROP = float(chi2.ppf(LEVEL, 1)) / 2
FLAT = 0.005
"""What lies within it of the best likelihood is as good: its middle is the value."""


class Choices(NamedTuple):
    """(N,) each: ``chance`` (0-1) of ``high``, else ``low``, or ``sure``; ``gambled`` is 1 where the
    lottery was taken, 0 where the sure amount was, 0.5 where the chooser left it to chance, and NaN
    where it is not known."""

    chance: Floats
    sure: Floats
    low: Floats
    high: Floats
    gambled: Floats


class Fit(NamedTuple):
    """A fitted coefficient with its interval and its temperature; all NaN, with a ``reason``, where the
    ``n`` choices do not identify it."""

    n: int
    value: float
    low: float
    high: float
    temperature: float
    reason: str = ""


def _required(r_R: Floats, sure_N: Floats, low_N: Floats, high_N: Floats) -> Floats:
    """(N, R) ``required`` of each offer at each coefficient."""
    e = 1.0 - r_R
    e = np.where(np.abs(e) < LEAST, LEAST, e)
    s, least = np.log(sure_N / high_N)[:, None] * e, np.log(low_N / high_N)[:, None] * e
    found: Floats = (np.expm1(s) - np.expm1(least)) / -np.expm1(least)
    return found


def log_likelihoods(choices: Choices) -> Floats:
    """(N, R * T) of each choice at every coefficient and temperature."""
    gap_NR = choices.chance[:, None] - _required(R, choices.sure, choices.low, choices.high)
    z = (gap_NR[:, :, None] / TEMPERATURES).reshape(len(gap_NR), -1)
    taken = choices.gambled[:, None]
    found: Floats = taken * log_expit(z) + (1 - taken) * log_expit(-z)
    return found


def fit(choices: Choices) -> Fit:
    """The coefficient of one chooser's independent choices, all of them known. Raises ValueError for
    offers that are none."""
    if fault := _fault(choices):
        raise ValueError(fault)
    if not len(choices.gambled):
        return _none(0, "there is no choice")
    return fits(log_likelihoods(choices).sum(axis=0)[None], len(choices.gambled))[0]


def completed(choices: Choices) -> tuple[Choices, Choices]:
    """The choices with every unknown one the lottery (the least averse to risk that the chooser can
    be), and with every one the sure amount."""
    unknown = np.isnan(choices.gambled)
    most, least = (np.where(unknown, end, choices.gambled) for end in (1.0, 0.0))
    return choices._replace(gambled=most), choices._replace(gambled=least)


def fits(total_BRT: Floats, n: int) -> list[Fit]:
    """The fit of each row of summed ``log_likelihoods``, (B, R * T)."""
    profile_BR, warmth_BR = _profiles(total_BRT)
    ends_B2, best_B = _span(profile_BR, DROP), _best(profile_BR)
    found = []
    for b, (low, high) in enumerate(ends_B2):
        value, at = float(best_B[b]), int(profile_BR[b].argmax())
        if low > -LIMIT and high < LIMIT:
            found.append(Fit(n, value, float(low), float(high), float(warmth_BR[b, at])))
        else:
            found.append(_none(n, _told(float(low), float(high))))
    return found


def values(total_BRT: Floats) -> Floats:
    """(B,) the best coefficient of each row of summed ``log_likelihoods``, at most ``LIMIT`` from 0."""
    return _best(_profiles(total_BRT)[0])


def simulated(choices: Choices, r: float, temperature: float, rng: np.random.Generator) -> Floats:
    """(N,) what a chooser with that coefficient takes of the same offers: 1 the lottery, 0 not."""
    gap_N = choices.chance - _required(np.array([r]), choices.sure, choices.low, choices.high)[:, 0]
    return (rng.random(len(gap_N)) < expit(gap_N / temperature)).astype(np.float64)


def _profiles(total_BRT: Floats) -> tuple[Floats, Floats]:
    """(B, R) the likelihood at each coefficient's best temperature, between those of the grid by a
    parabola, and that temperature."""
    table = total_BRT.reshape(len(total_BRT), len(R), len(TEMPERATURES))
    at = table.argmax(axis=2)
    inside = np.clip(at, 1, len(TEMPERATURES) - 2)
    left, mid, right = (
        np.take_along_axis(table, (inside + step)[:, :, None], axis=2)[:, :, 0] for step in (-1, 0, 1)
    )
    bend = left - 2 * mid + right
    step = np.where((at == inside) & (bend < 0), 0.5 * (left - right) / np.where(bend < 0, bend, -1), 0)
    best = table.max(axis=2) + np.where(at == inside, -0.125 * (left - right) ** 2 / _below(bend), 0)
    ratio = TEMPERATURES[1] / TEMPERATURES[0]
    return best, TEMPERATURES[at] * ratio**step


def _below(bend: Floats) -> Floats:
    """Curvatures that can be divided by."""
    found: Floats = np.where(bend < 0, bend, -np.inf)
    return found


def _best(profile_BR: Floats) -> Floats:
    """(B,) the coefficient of the highest likelihood, between those of the grid by a parabola; the
    middle of a top that is flat."""
    at = np.clip(profile_BR.argmax(axis=1), 1, len(R) - 2)
    left, mid, right = (profile_BR[np.arange(len(at)), at + step] for step in (-1, 0, 1))
    bend = left - 2 * mid + right
    peaked = (
        (mid >= np.maximum(left, right)) & (np.minimum(mid - left, mid - right) > 0) & (bend < -FLAT)
    )
    vertex = R[at] + (R[1] - R[0]) * 0.5 * (left - right) / _below(bend)
    found: Floats = np.where(peaked, vertex, _span(profile_BR, FLAT).mean(axis=1))
    return found


def _span(profile_BR: Floats, drop: float) -> Floats:
    """(B, 2) the outermost coefficients whose likelihood is within ``drop`` of the best, between those
    of the grid by a straight line."""
    over_BR = profile_BR - profile_BR.max(axis=1, keepdims=True) + drop
    ends = []
    for flipped in (False, True):
        over, r = (over_BR[:, ::-1], R[::-1]) if flipped else (over_BR, R)
        first = (over >= 0).argmax(axis=1)
        before, rows = np.maximum(first - 1, 0), np.arange(len(over))
        a, b = over[rows, before], over[rows, first]
        part = np.where(first > 0, -a / np.where(b > a, b - a, 1), 1.0)
        ends.append(r[before] + (r[first] - r[before]) * part)
    return np.stack(ends, axis=1)


def _fault(choices: Choices) -> str:
    """What is wrong with the offers, in words."""
    c = choices
    if not ((c.low > 0) & (c.low < c.sure) & (c.sure < c.high)).all():
        return "an offer needs 0 < low < sure < high: what is better either way says nothing of r"
    if not ((c.chance > 0) & (c.chance < 1) & (c.gambled >= 0) & (c.gambled <= 1)).all():
        return "a chance lies between 0 and 1, and a choice is 0, 1 or 0.5"
    return ""


def _none(n: int, reason: str) -> Fit:
    return Fit(n, math.nan, math.nan, math.nan, math.nan, reason)


@cache
def _told(low: float, high: float) -> str:
    """Why there is no value, from an interval that reaches the end of the range."""
    if low <= -LIMIT and high >= LIMIT:
        return "the choices hang on no attitude to risk"
    side = f"above {low:.1f}" if high >= LIMIT else f"below {high:.1f}"
    return f"the choices only say that the coefficient is {side}"
