"""Cells of which each act gives the chooser so much, and so much that it may count or not: what another
gets, or what the act is evidence of."""

from __future__ import annotations

from typing import Protocol


class Weighed(Protocol):
    """What an act gives: ``own`` points, and ``other`` ones, both relative to the first act."""

    @property
    def acts(self) -> tuple[tuple[float, float], ...]: ...


def offer(cell: Weighed) -> dict[str, float]:
    """The numbers that the fit of a ``weight`` needs."""
    return {
        f"{name}_{act}": value
        for act, pair in enumerate(cell.acts, 1)
        for name, value in zip(("own", "other"), map(float, pair), strict=True)
    }


def gaps(cell: Weighed, weight: float) -> tuple[float, ...]:
    """By how much a chooser with that weight prefers each further act to the first."""
    return tuple(own + weight * other for own, other in cell.acts)
