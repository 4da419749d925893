"""Where the labels of points go, so that none hides another: the figure's own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LETTER, LINE = 7.0, 16.0
"""Rough width of a letter and height of a line of the figures' type, in pixels."""
GAP, DOT = 9.0, 6.0
"""From a point to its label, and the half width of the room that a point takes."""
_FURTHER = (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 8, -8, 10, -10, 12, -12)


class Box(NamedTuple):
    """A rectangle: left and right edge, top and bottom (pixels, downwards)."""

    left: float
    right: float
    top: float
    bottom: float

    def meets(self, other: Box) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def placed(
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    width: float,
    height: float,
    dots: Sequence[tuple[float, float]] = (),
    lines: Sequence[Box] = (),
) -> list[Box]:
    """A box for each point's text: beside it if there is room, else above or below its neighbours.

    Points and ``dots`` are (x, y) in pixels from the top left. A box stays inside ``width`` and
    ``height``; it hides no other box if that can be, else no dot, and then none of ``lines``; of the
    places that are as good it takes the nearest.
    """
    marks = [Box(x - DOT, x + DOT, y - DOT, y + DOT) for x, y in (*points, *dots)]
    found: dict[int, Box] = {}
    for i in sorted(range(len(points)), key=lambda i: points[i]):
        candidates = _around(points[i], LETTER * len(texts[i]), width, height)
        found[i] = min(candidates, key=lambda box: _hidden(box, [*found.values()], marks, lines))
    return [found[i] for i in range(len(points))]


def _around(point: tuple[float, float], wide: float, width: float, height: float) -> list[Box]:
    """The places for a text, the nearest first, each pushed into the figure."""
    x, y = point
    found = []
    for far in _FURTHER:
        for left in (x + GAP, x - GAP - wide, x - wide / 2):
            inside = min(max(left, 0.0), max(width - wide, 0.0))
            top = min(max(y + (far - 1) * LINE / 2, 0.0), height - LINE)
            found.append(Box(inside, inside + wide, top, top + LINE))
    return found


def _hidden(
    box: Box, texts: Sequence[Box], marks: Sequence[Box], lines: Sequence[Box]
) -> tuple[int, int, int]:
    """How many texts, dots and lines the box would hide."""
    texts_hidden, marks_hidden, lines_hidden = (
        sum(box.meets(other) for other in others) for others in (texts, marks, lines)
    )
    return texts_hidden, marks_hidden, lines_hidden
