"""A figure with its interval, its threshold and its verdict, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

from pydantic import Field

from planb.stats import numbers
from planb.stats.numbers import Unit
from planb.values import Value

Overall = Literal["passed", "failed", "not enough"]
Verdict = Overall | Literal["not run"]


class Sizes(Protocol):
    """What a check's thresholds say of every figure: the fewest that give a verdict, and the largest
    share that may be unscored."""

    @property
    def least_n(self) -> int: ...
    @property
    def unscored(self) -> float: ...


class Threshold(NamedTuple):
    """The bounds that a figure must keep, over how many at least, and the largest share that may be
    unscored, since what is left then passes for nothing. No bound: the figure is only shown."""

    at_least: float | None = None
    at_most: float | None = None
    least_n: int = 0
    most_unscored: float = 1.0

    def verdict(self, ends: tuple[float, float] | None, n: int, unscored: int = 0) -> Verdict | None:
        """Of a value (both ``ends``) or its bounds: failed and passed hold for both ends alike."""
        if self.at_least is None and self.at_most is None:
            return None
        if n < self.least_n or ends is None:
            return "not enough"
        least = -math.inf if self.at_least is None else self.at_least - 1e-9
        most = math.inf if self.at_most is None else self.at_most + 1e-9
        lowest, highest = ends
        if highest < least or lowest > most:
            return "failed"
        sure = least <= lowest and highest <= most
        return "passed" if sure and unscored <= self.most_unscored * (n + unscored) else "not enough"


SHOWN = Threshold()
NONE_ALLOWED = Threshold(at_most=0.0, least_n=1)
"""For what must not occur: one example is enough to say that it does."""


def threshold(
    sizes: Sizes,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    most_unscored: float | None = None,
) -> Threshold:
    """A threshold with the check's own sizes."""
    out = sizes.unscored if most_unscored is None else most_unscored
    return Threshold(at_least, at_most, sizes.least_n, out)


class CheckedFigure(Value):
    """A share of 0-1, points of 0-10, a coefficient, an AUC, nats a token, or a count.

    ``low`` and ``high`` are its interval (95 %), ``None`` where there is none. ``n`` is what it was
    taken over, ``unscored`` what could not be scored. Where that depends on what it is, there is
    no ``value``: ``lowest`` and ``highest`` are those with all unscored ones at worst and at best, and
    the interval is that of both ends together. ``at_least`` and ``at_most`` are its threshold, both
    ``None`` where it is only shown; ``verdict`` is then ``None``. ``note`` says what the number does
    not.
    """

    name: str
    unit: Unit
    value: float | None
    low: float | None = None
    high: float | None = None
    lowest: float | None = None
    highest: float | None = None
    n: int = Field(ge=0)
    unscored: int = Field(default=0, ge=0)
    at_least: float | None = None
    at_most: float | None = None
    verdict: Verdict | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """``"98 % [93, 100]"``, points ``"0.80 [0.50, 1.1]"``, coefficients ``"0.81 [0.70, 0.88]"``; of
        bounds ``"0.74–0.81 [0.65, 0.88]"``."""
        if not self.given:
            return "-"
        value, percent = self._bounds(), " %" if self.unit == "share" else ""
        if self.low is None or self.high is None:
            return f"{value}{percent}"
        return f"{value}{percent} [{self._number(self.low)}, {self._number(self.high)}]"

    @property
    def required(self) -> str:
        """The threshold in words: ``">= 90 %"``; empty where there is none."""
        percent = " %" if self.unit == "share" else ""
        low, high = (
            None if bound is None else f"{self._number(bound)}{percent}"
            for bound in (self.at_least, self.at_most)
        )
        if low and high:
            return f"{low} to {high}"
        return f">= {low}" if low else f"<= {high}" if high else ""

    @property
    def given(self) -> bool:
        """Whether it is a number, or bounds of one."""
        return self.value is not None or self.lowest is not None

    def _bounds(self) -> str:
        ends = (self.lowest, self.highest) if self.value is None else (self.value, self.value)
        low, high = (self._number(end or 0.0) for end in ends)
        return low if low == high else f"{low}–{high}"

    def _number(self, value: float) -> str:
        return numbers.WRITTEN[self.unit](value)


def overall(verdicts: Iterable[Verdict | None]) -> Overall:
    """Failed if one failed; else not enough if one had too little to go by or none has a verdict; else
    passed. What was not run has no say."""
    said = set(verdicts) - {None, "not run"}
    if "failed" in said:
        return "failed"
    return "not enough" if "not enough" in said or not said else "passed"
