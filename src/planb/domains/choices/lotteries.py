"""Lotteries: a sure amount, or a chance of a higher one and else a lower one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from planb.domains.choices.cells import Cells
from planb.stats.attitudes import equivalent, required

HIGHS, LOWS, STEP, DRAWS = range(40, 121, 10), (5, 10), 5, 10
HELD_OUT = {40: 4, 50: 7, 60: 3, 70: 8, 80: 5, 90: 2, 100: 6, 110: 4, 120: 7}
"""Higher amount -> the chance in ten that it never has in pretraining or in a stage."""
NUMBERS = (*range(1, DRAWS + 1), *range(5, max(HIGHS) + 1, 5))


class Lottery(NamedTuple):
    """``sure``, or ``high`` in ``chance`` of ten cases and else ``low``: whether to gamble hangs on the
    coefficient of relative risk aversion."""

    sure: int
    chance: int
    high: int
    low: int

    @property
    def is_new(self) -> bool:
        return HELD_OUT[self.high] == self.chance

    def numbers(self) -> dict[str, int]:
        return self._asdict()

    def offer(self) -> dict[str, float]:
        return {
            **{name: float(value) for name, value in self._asdict().items()},
            "chance": self.chance / DRAWS,
        }

    def gaps(self, r: float) -> tuple[float, ...]:
        """How much likelier ``high`` is than a chooser with that coefficient requires."""
        return (self.chance / DRAWS - required(r, self.sure, self.low, self.high),)

    def worth(self, r: float) -> tuple[float, ...]:
        return self.sure, equivalent(r, self.chance / DRAWS, self.low, self.high)


class Lotteries(Cells):
    """Lotteries as in Holt and Laury's ladders (2002, American Economic Review 92): a grid of all four
    numbers."""

    def every(self) -> Iterable[Lottery]:
        for high, low, chance in itertools.product(HIGHS, LOWS, range(1, DRAWS)):
            for sure in range(3 * STEP, high, STEP):
                yield Lottery(sure, chance, high, low)

    def cell(self, numbers: Iterable[int]) -> Lottery:
        return Lottery(*numbers)
