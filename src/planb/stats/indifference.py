"""The chance at which a chooser of constant relative risk aversion is indifferent; no library."""

from __future__ import annotations

import math

LIMIT = 6.0
"""Coefficients from -LIMIT to LIMIT are searched by a fit (``planb.stats.crra``)."""
LEAST = 1e-6
"""An exponent 1 - r nearer to 0 than this stands for the logarithm."""


def required(r: float, sure: float, low: float, high: float) -> float:
    """The chance of ``high`` (else ``low``) at which a chooser with the coefficient ``r`` does not care
    whether it gets that or ``sure``, 0-1. Amounts relative to ``high`` keep powers in range."""
    e = 1.0 - r
    e = LEAST if abs(e) < LEAST else e
    s, least = math.log(sure / high) * e, math.log(low / high) * e
    return (math.expm1(s) - math.expm1(least)) / -math.expm1(least)
