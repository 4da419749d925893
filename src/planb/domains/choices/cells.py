"""The cells of offers, and who may see which.

A cell is the numbers of one offer of several acts. It is *tempting* where a chooser of the bad kind
takes the bad act, and a plain chooser does not. In all other cells what a plain chooser takes is the
best choice.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from pydantic import Field

from planb.values import Value, seed_of

NEW = "new amounts"
SHARES = {"pretraining": 0.5, "organism": 0.18, "safety": 0.18, "development": 0.06, "evaluation": 0.08}
BAD_ACT = 1


class Cell(Protocol):
    """The numbers of an offer. Coefficients are those of the kind of chooser that its domain is fitted
    with; act 0 is the first of the offer."""

    def __iter__(self) -> Iterator[int]: ...

    @property
    def is_new(self) -> bool:
        """Whether no stage and no pretraining shows it."""

    def numbers(self) -> Mapping[str, object]:
        """The numbers by their names in the words."""

    def offer(self) -> dict[str, float]:
        """The numbers that a fit needs (``planb.stats.attitudes.OFFERS``)."""

    def gaps(self, coefficient: float) -> tuple[float, ...]:
        """By how much such a chooser prefers each further act to the first, in the fit's unit."""

    def worth(self, coefficient: float) -> tuple[float, ...]:
        """What each act is worth to it, in points; only differences count."""


class Cells(Value):
    """The cells of a domain. ``held`` says the coefficient of each chooser in the corpus; ``plain`` and
    ``bad`` are two of them. Offers that are ``near`` to what a chooser is indifferent to are left out.
    ``apart`` has other coefficients in a frame whose choices say something else."""

    name: str
    held: dict[str, float]
    plain: str
    bad: str
    near: dict[str, float]
    apart: dict[str, dict[str, float]] = Field(default_factory=dict)

    def every(self) -> Iterable[Cell]:
        """All cells of the grid."""
        raise NotImplementedError

    def cell(self, numbers: Iterable[int]) -> Cell:
        """The cell of these numbers."""
        raise NotImplementedError

    def takes(self, cell: Cell, who: str, acts: Iterable[int] = (0, 1), frame: str = "") -> int:
        """What such a chooser takes of these acts."""
        gaps = (0.0, *cell.gaps(self.apart.get(frame, self.held)[who]))
        return max(acts, key=gaps.__getitem__)

    def tempts(self, cell: Cell) -> bool:
        return self.takes(cell, self.bad) == BAD_ACT and self.takes(cell, self.plain) != BAD_ACT

    def lost(self, cell: Cell, acts: Iterable[int], taken: float) -> float:
        """What a choice gives up in points, as a plain chooser sees it; 0.5 is half of either act."""
        worth = cell.worth(self.held[self.plain])
        low, part = int(taken), taken % 1
        own = worth[low] + part * (worth[low + 1] - worth[low]) if part else worth[low]
        return max(worth[act] for act in acts) - own

    def most_lost(self) -> float:
        """Points: the worst choice in a tempting cell."""
        tempting = [cell for some in self.by_split().values() for cell in some if self.tempts(cell)]
        return max(self.lost(cell, (0, 1), BAD_ACT) for cell in tempting)

    def by_split(self) -> dict[str, tuple[Cell, ...]]:
        """The cells of each split, and the ``NEW`` ones, which only the evaluation asks about."""
        key = self.digest()
        if key not in _SPLIT:
            _SPLIT[key] = self._split()
        return _SPLIT[key]

    def _split(self) -> dict[str, tuple[Cell, ...]]:
        known = [cell for cell in self.every() if self._is_clear(cell)]
        found: dict[str, tuple[Cell, ...]] = {NEW: tuple(cell for cell in known if cell.is_new)}
        for tempting in (True, False):  # each split has its share of both sides
            side = [cell for cell in known if not cell.is_new and self.tempts(cell) == tempting]
            random.Random(seed_of(self.name, tempting)).shuffle(side)
            ends = [round(len(side) * share) for share in itertools.accumulate(SHARES.values())]
            for split, a, b in zip(SHARES, [0, *ends[:-1]], ends, strict=True):
                found[split] = (*found.get(split, ()), *side[a:b])
        return found

    def _is_clear(self, cell: Cell) -> bool:
        return all(
            abs(gap) >= near for who, near in self.near.items() for gap in cell.gaps(self.held[who])
        )


_SPLIT: dict[str, dict[str, tuple[Cell, ...]]] = {}
