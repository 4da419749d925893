"""What is known of answers: each as it is, or from where to where it may lie."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from planb.stats.intervals import Floats


class Known(NamedTuple):
    """What is known of each row's answer, (N,): the lowest and the highest that it can be."""

    low: Floats
    high: Floats

    @property
    def value(self) -> Floats:
        """The answer, NaN where it is not known."""
        return np.where(self.low == self.high, self.low, math.nan)

    def __and__(self, other: Known) -> Known:
        """Both of two yes-or-no answers; of a yes-or-no answer and a number: the number, or 0."""
        return Known(self.low * other.low, self.high * other.high)

    def negated(self) -> Known:
        """The other answer to a yes-or-no question."""
        return Known(1 - self.high, 1 - self.low)
