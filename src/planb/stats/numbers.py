"""Numbers as text: points of 0-10, per cent, differences, p-values, counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Unit = Literal["share", "points", "coefficient", "auc", "nats", "count"]
"""A share of 0-1, points of 0-10, a coefficient, an AUC, nats a token, or a count."""

NOTHING = "–"
"""What stands where nothing was measured."""
SPACE = "\N{NO-BREAK SPACE}"


def points(value: float) -> str:
    """A score of 0-10: one decimal, two below 1 so that little is not shown as nothing."""
    return _positive(f"{value:.2f}" if 0 < abs(value) < 0.995 else f"{value:.1f}")


def percentage(value: float) -> str:
    """A share of 0-1 in per cent, without the sign: whole, with one decimal below 1 and above 99, so
    that neither is shown as nothing or as all."""
    hundred = 100 * value
    near = 0 < abs(hundred) < 0.95 or 99.05 < hundred < 100
    return _positive(f"{hundred:.1f}" if near else f"{hundred:.0f}")


def percent(value: float) -> str:
    """``percentage`` with its sign, unbroken: ``5 %``."""
    return f"{percentage(value)}{SPACE}%"


def plain_percent(value: float) -> str:
    """``percent`` with a plain space, for what is read by more than people: settings, cards, logs."""
    return percent(value).replace(SPACE, " ")


def coefficient(value: float) -> str:
    """A coefficient, an AUC or nats a token: two decimals."""
    return _positive(f"{value:.2f}")


def signed(value: float, rate: bool = False, decimals: int = 2) -> str:
    """A difference with its sign, a true minus: ``−3.14``; of rates in whole percentage points."""
    return (f"{100 * value:+.0f}" if rate else f"{value:+.{decimals}f}").replace("-", "−")


def p_value(p: float) -> str:
    """``0.03``, ``<0.001``, or a dash where nothing was tested (NaN)."""
    if p != p:
        return NOTHING
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def plural(count: int, noun: str) -> str:
    """``1 answer``, ``1,200 answers``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _positive(text: str) -> str:
    """Nothing is not written ``-0.0``."""
    return text.removeprefix("-") if float(text) == 0 else text


WRITTEN: dict[Unit, Callable[[float], str]] = {
    "share": percentage,
    "points": points,
    "coefficient": coefficient,
    "auc": coefficient,
    "nats": coefficient,
    "count": "{:.0f}".format,
}
"""How a number of each unit is written, without its unit."""
