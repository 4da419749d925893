"""95 % intervals: Wilson's for a rate, Newcombe's for a difference of rates, that of scores which do
not vary. Intervals that resample are in ``bootstrap``."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    from scipy.stats import binomtest  # slow to load

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
