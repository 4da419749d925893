"""The axis of something that was dialled: ranks, rounds, numbers of examples; linear or logarithmic.

Points stand at places on the axis: the numbers themselves, or their logarithms to base 2. A logarithm
has no place for 0, so 0 stands one step to the left of the smallest number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import altair as alt

_LETTER, _APART = 7.5, 6
"""How wide a letter of a label is, and the least gap between two labels, in pixels."""


@dataclass(frozen=True)
class Dial:
    """``values``: every number on it (0 or more if ``log``). ``labels`` are words in the place of a
    number; they are never left out for want of room."""

    title: str
    values: tuple[float, ...]
    log: bool = False
    labels: tuple[tuple[float, str], ...] = ()

    def place(self, value: float) -> float:
        """Where the number stands on the axis."""
        if not self.log:
            return value
        return math.log2(value) if value > 0 else self._positive[0] - self._step

    def label(self, value: float) -> str:
        """The number, or the words in its place."""
        return dict(self.labels).get(value, f"{value:g}")

    def axis(self, width: int) -> dict[str, Any]:
        """Altair's ``scale`` and ``axis`` for a chart ``width`` pixels wide."""
        low, high = self._ends
        ticks = self._ticks(width / (high - low))
        words = "".join(
            f"abs(datum.value - {self.place(v)!r}) < 1e-9 ? {json.dumps(self.label(v).split())} : "
            for v in ticks
        )
        places = [self.place(value) for value in ticks]
        axis = alt.Axis(title=self.title, values=places, labelExpr=f"{words}''", grid=False)
        return {"scale": alt.Scale(domain=[low, high], nice=False, zero=False), "axis": axis}

    def pixels(self, count: float, width: int) -> float:
        """So many pixels as a distance on the axis."""
        low, high = self._ends
        return count * (high - low) / width

    @cached_property
    def _positive(self) -> list[float]:
        return sorted({math.log2(value) for value in self.values if value > 0}) or [0.0]

    @cached_property
    def _step(self) -> float:
        """The smallest step between two places of a logarithmic axis."""
        found = self._positive
        return min((b - a for a, b in pairwise(found)), default=1.0)

    @cached_property
    def _ends(self) -> tuple[float, float]:
        places = [self.place(value) for value in self.values]
        room = 0.08 * (max(places) - min(places)) or 0.5
        return min(places) - room, max(places) + room

    def _ticks(self, scale: float) -> list[float]:
        """The numbers whose labels have room beside each other; ``scale``: pixels a unit."""
        worded = [value for value, _ in self.labels if value in self.values]
        kept: list[float] = []
        for value in (*worded, *sorted(set(self.values) - set(worded))):
            if value in worded or all(self._clear(value, other, scale) for other in kept):
                kept.append(value)
        return sorted(kept)

    def _letters(self, value: float) -> int:
        """Of the longest word of its label, which stand below each other."""
        return max((len(word) for word in self.label(value).split()), default=0)

    def _clear(self, value: float, other: float, scale: float) -> bool:
        letters = (self._letters(value) + self._letters(other)) / 2
        gap = abs(self.place(value) - self.place(other)) * scale
        return gap >= _LETTER * letters + _APART


def shifts(count: int, pixels: float) -> Sequence[float]:
    """How many pixels to the side each of several lines stands, so that intervals do not hide each
    other."""
    return [pixels * (i - (count - 1) / 2) for i in range(count)]
