"""Figures with their intervals (95 %) and verdicts: Wilson for shares, the bootstrap over groups of
requests for the rest, as in the calibration of judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import bootstrap

from planb.evals.calibration import figures as measured
from planb.evals.calibration.figures import LEVEL, RESAMPLES, SHOWN, Floats, Ints, Need
from planb.evals.calibration.result import Figure as Measured
from planb.evals.checking.demands import Demands
from planb.evals.figure import Figure, Unit
from planb.values import seed_of

NONE_AT_ALL = Need(at_most=0.0, least_n=1)
"""Asked of what must not be there: one example is enough to say that it is."""


def needed(
    demands: Demands,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    most_out: float | None = None,
) -> Need:
    """A need with the check's own sizes."""
    out = demands.unscored if most_out is None else most_out
    return Need(at_least, at_most, demands.least_n, out)


def share(
    name: str,
    hits: int,
    n: int,
    need: Need = SHOWN,
    *,
    unscored: int = 0,
    bounded: bool = True,
    note: str = "",
) -> Figure:
    """``hits`` of ``n``, with Wilson's interval."""
    found = measured.share(
        "answers", name, hits, n, need, unscored=unscored, bounded=bounded, note=note
    )
    return _ours(found, "share")


def mean(
    name: str,
    unit: Unit,
    values: Sequence[float],
    groups: Sequence[str],
    need: Need = SHOWN,
    *,
    bounds: tuple[float, float] = (0, 10),
    unscored: int = 0,
    bounded: bool = True,
    note: str = "",
) -> Figure:
    """The mean of ``values``, which lie in ``bounds``; ``groups`` says what is drawn together."""
    found = measured.mean(
        "answers",
        name,
        values,
        groups,
        need,
        bounds=bounds,
        unscored=unscored,
        bounded=bounded,
        note=note,
    )
    return _ours(found, unit)


def auc(name: str, scores: Floats, labels: Ints, groups: Sequence[str], need: Need = SHOWN) -> Figure:
    """The area under the ROC curve of ``scores`` for ``labels`` (0 and 1), ties counting half."""
    area, of_row, number = _area(scores, labels), *_numbered(groups)
    value = float(area(np.ones((1, len(scores))))[0])
    found = bootstrap(
        (np.arange(number),),
        lambda drawn_BG, axis: area(_counts(drawn_BG, number)[:, of_row]),  # noqa: ARG005
        n_resamples=RESAMPLES,
        vectorized=True,
        batch=200,
        method="percentile",
        confidence_level=LEVEL,
        rng=np.random.default_rng(seed_of("auc", name)),
    ).confidence_interval
    span = (float(found.low), float(found.high))
    return _ours(
        measured.figure("answers", name, "coefficient", (value, value), span, len(scores), need), "auc"
    )


def _ours(found: Measured, unit: Unit) -> Figure:
    fields = found.model_dump(exclude={"part", "unit", "decides"})
    return Figure.model_validate({**fields, "unit": unit})


def _numbered(groups: Sequence[str]) -> tuple[Ints, int]:
    names, of_row = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    return of_row.astype(np.int64), len(names)


def _counts(drawn_BG: Ints, number: int) -> Floats:
    """How often each group was drawn in each resample: (B, groups)."""
    drawn = np.atleast_2d(drawn_BG)
    flat = drawn + number * np.arange(len(drawn))[:, None]
    counts = np.bincount(flat.ravel(), minlength=number * len(drawn))
    return counts.reshape(len(drawn), number).astype(np.float64)


def _area(scores: Floats, labels: Ints) -> Callable[[Floats], Floats]:
    """The area as a function of the rows' weights (B, N): pairs in order and half of the ties, of all
    pairs (the Mann-Whitney statistic)."""
    order = np.argsort(scores, kind="stable")
    ones = labels[order].astype(bool)
    _, starts, sizes = np.unique(scores[order], return_index=True, return_counts=True)
    first, last = np.repeat(starts, sizes), np.repeat(starts + sizes, sizes)

    def area(weights_BN: Floats) -> Floats:
        sorted_BN = weights_BN[:, order]
        zeros_BN = np.where(ones, 0.0, sorted_BN)
        below = np.concatenate([np.zeros((len(zeros_BN), 1)), np.cumsum(zeros_BN, axis=1)], axis=1)
        worse_BN = (below[:, first] + below[:, last]) / 2
        ones_BN = np.where(ones, sorted_BN, 0.0)
        pairs_B = ones_BN.sum(axis=1) * zeros_BN.sum(axis=1)
        found: Floats = (ones_BN * worse_BN).sum(axis=1) / pairs_B
        return found

    return area
