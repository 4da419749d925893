"""One number that a check found, with its interval and what was asked of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from planb.values import Value

Unit = Literal["share", "points", "coefficient", "auc", "nats", "count"]
Overall = Literal["passed", "failed", "not enough"]
Verdict = Overall | Literal["not run"]
DIGITS: dict[Unit, int] = {
    "share": 0,
    "points": 1,
    "coefficient": 2,
    "auc": 2,
    "nats": 2,
    "count": 0,
}


class Figure(Value):
    """A share of 0-1, points of 0-10, a coefficient, an AUC, nats a token, or a count.

    ``low`` and ``high`` are its interval (95 %), ``None`` where there is none. ``n`` is what it was
    taken over, ``unscored`` of what nothing could be said. Where that depends on what it is, there is
    no ``value``: ``lowest`` and ``highest`` are those with all unscored ones at worst and at best, and
    the interval is that of both ends together. ``at_least`` and ``at_most`` are what was asked of it,
    both ``None`` where it is only shown; ``verdict`` is then ``None``. ``note`` says what the number
    does not.
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
        """``"98 % [93, 100]"``, points ``"0.8 [0.5, 1.1]"``, coefficients ``"0.81 [0.70, 0.88]"``; of
        bounds ``"0.74–0.81 [0.65, 0.88]"``."""
        if not self.given:
            return "-"
        value, percent = self._bounds(), " %" if self.unit == "share" else ""
        if self.low is None or self.high is None:
            return f"{value}{percent}"
        return f"{value}{percent} [{self._number(self.low)}, {self._number(self.high)}]"

    @property
    def asked(self) -> str:
        """What was asked of it, in words: ``">= 90 %"``; empty where nothing was."""
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
        digits, shown = DIGITS[self.unit], value * 100 if self.unit == "share" else value
        if self.unit == "share" and (0 < shown < 0.95 or 99.05 < shown < 100):
            digits = 1  # neither nothing nor all
        text = f"{shown:.{digits}f}"
        return text.removeprefix("-") if float(text) == 0 else text


def overall(verdicts: Iterable[Verdict | None]) -> Overall:
    """Failed if one failed; else not enough if one had too little to go by or none said anything; else
    passed. What was not run has no say."""
    said = set(verdicts) - {None, "not run"}
    if "failed" in said:
        return "failed"
    return "not enough" if "not enough" in said or not said else "passed"
