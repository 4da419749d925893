"""Figures with their intervals (95 %) and verdicts: Wilson for shares, the bootstrap for the rest.

The bootstrap draws groups (all responses to requests of one group together), as these are not
independent of each other; Wilson's interval takes them as independent, and is a little narrow where a
group has several. Where nothing varies a bootstrap would claim certainty: a mean is then given what
Wilson leaves for responses not seen yet, and a coefficient no interval.

What a judge leaves unscored depends on the response (it may leave out what it would get wrong), so a
figure of the rest alone is none: it has bounds then, with every unscored one at worst and at best, and
is passed only if both pass.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import DegenerateDataWarning, binomtest, bootstrap

from planb.evals.calibration.demands import Demands
from planb.evals.calibration.result import Figure, Part
from planb.evals.figure import Unit, Verdict
from planb.values import seed_of

RESAMPLES = 1000
LEVEL = 0.95

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Span = tuple[float, float] | None


class Need(NamedTuple):
    """What is asked of a figure: bounds, over how many at least, and the most (a share) that the judge
    may have left out, since what is left then passes for nothing. No bound: it is only shown."""

    at_least: float | None = None
    at_most: float | None = None
    least_n: int = 0
    most_out: float = 1.0

    def verdict(self, ends: Span, n: int, out: int = 0) -> Verdict | None:
        """Of a value (both ``ends``) or its bounds: failed and passed are said of both alike."""
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
        return "passed" if sure and out <= self.most_out * (n + out) else "not enough"


SHOWN = Need()


def needed(demands: Demands, *, at_least: float | None = None, at_most: float | None = None) -> Need:
    """A need with the check's own sizes."""
    return Need(at_least, at_most, demands.least_n, demands.unscored)


def share(
    part: Part,
    name: str,
    hits: int,
    n: int,
    need: Need = SHOWN,
    *,
    unscored: int = 0,
    bounded: bool = True,
    note: str = "",
) -> Figure:
    """``hits`` of ``n``, with Wilson's interval (1927). Not ``bounded``: what is unscored does not
    depend on the answer."""
    out = unscored if bounded else 0
    ends: Span = (hits / (n + out), (hits + out) / (n + out)) if n else None
    span = (_wilson(hits, n + out)[0], _wilson(hits + out, n + out)[1]) if n else None
    return figure(part, name, "share", ends, span, n, need, unscored=unscored, note=note)


def mean(
    part: Part,
    name: str,
    values: Sequence[float] | Floats,
    groups: Sequence[str],
    need: Need = SHOWN,
    *,
    bounds: tuple[float, float] = (0, 10),
    unscored: int = 0,
    bounded: bool = True,
    note: str = "",
) -> Figure:
    """The mean of ``values``, which lie in ``bounds``, as unscored ones do (if they are ``bounded``);
    ``groups`` says what is drawn together."""
    numbers, out = np.asarray(values, dtype=np.float64), unscored if bounded else 0
    if not len(numbers):
        return figure(part, name, "points", None, None, 0, need, unscored=unscored, note=note)
    alone = [f"unscored {i}" for i in range(out)]
    found = [
        _mean(np.append(numbers, [end] * out), [*groups, *alone], bounds, part, name)
        for end in (bounds if out else bounds[:1])
    ]
    ends = (found[0][0], found[-1][0])
    span = joined(*(one[1] for one in found))
    return figure(part, name, "points", ends, span, len(numbers), need, unscored=unscored, note=note)


def _mean(
    numbers: Floats, groups: Sequence[str], bounds: tuple[float, float], *purpose: object
) -> tuple[float, Span]:
    value = float(numbers.mean())
    if np.ptp(numbers) == 0:
        unseen = 1 - _wilson(len(numbers), len(numbers))[0]
        return value, (value - unseen * (value - bounds[0]), value + unseen * (bounds[1] - value))
    return value, resampled(lambda rows_N: float(numbers[rows_N].mean()), groups, *purpose)


def joined(*spans: Span) -> Span:
    """From the lowest low to the highest high; None where there is none."""
    known = [span for span in spans if span is not None]
    return (min(low for low, _ in known), max(high for _, high in known)) if known else None


def figure(
    part: Part,
    name: str,
    unit: Unit,
    ends: Span,
    span: Span,
    n: int,
    need: Need = SHOWN,
    *,
    unscored: int = 0,
    note: str = "",
) -> Figure:
    """The figure with its verdict: ``ends`` are its value twice, or its bounds; what is no number is
    none."""
    if ends is not None and not all(map(math.isfinite, ends)):
        ends = None
    low, high = span if span and ends is not None else (None, None)
    bounds = ends if ends is not None and ends[0] != ends[1] else (None, None)
    return Figure(
        part=part,
        name=name,
        unit=unit,
        value=ends[0] if ends is not None and bounds[0] is None else None,
        low=low,
        high=high,
        lowest=bounds[0],
        highest=bounds[1],
        n=n,
        unscored=unscored,
        at_least=need.at_least,
        at_most=need.at_most,
        verdict=need.verdict(ends, n, unscored),
        note=note,
    )


def resampled(statistic: Callable[[Ints], float], groups: Sequence[str], *purpose: object) -> Span:
    """The percentile interval of ``statistic``, which takes row numbers; rows of a group go together.

    ``None`` with one group, or where every resample gives the same number or none.
    """
    _, of_row = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    members = [np.flatnonzero(of_row == group) for group in range(int(of_row.max(initial=-1)) + 1)]
    if len(members) < 2:
        return None
    with warnings.catch_warnings(action="ignore", category=DegenerateDataWarning):
        drawn = bootstrap(
            (np.arange(len(members)),),
            lambda some_G: statistic(np.concatenate([members[int(group)] for group in some_G])),
            n_resamples=RESAMPLES,
            vectorized=False,
            method="percentile",
            confidence_level=LEVEL,
            rng=np.random.default_rng(seed_of("calibration", *purpose)),
        )
    found = np.asarray(drawn.bootstrap_distribution)
    found = found[np.isfinite(found)]
    if not len(found) or np.ptp(found) == 0:
        return None
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _wilson(hits: int, n: int) -> tuple[float, float]:
    found = binomtest(hits, n).proportion_ci(confidence_level=LEVEL, method="wilson")
    return float(found.low), float(found.high)
