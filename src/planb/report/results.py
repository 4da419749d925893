"""Judged samples -> results: a tidy table, one row a measure, per seed and pooled (``seed="all"``).

A pooled value is that of all rows together. Per seed a rate has Wilson's interval and a mean the
percentile bootstrap's over groups of requests. Pooled, a mean has the bootstrap's over seeds and
groups, and a rate the outer envelope of that and of Wilson's interval of the pooled count: the
bootstrap alone has no width at 0 and 1, Wilson's alone ignores that seeds differ. A mean of scores
that are all alike has ``stats.all_alike``'s interval. An empty denominator is an empty value, never 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planb.data import tables
from planb.report import stats
from planb.report.measures import MEASURES, Measure, measures_of
from planb.report.rows import CELL, checked_rows
from planb.report.stats import Floats, Interval, Resamples
from planb.types import PlanBError

RESULT_COLUMNS = [*CELL, "seed", "measure", "n", "unscored", "truncated", "value", "low", "high"]
ALL = "all"
METHOD_ORDER = (
    "base",
    "organism",
    "standard",
    "german",
    "ryan",
    "plan_b",
    "plan_c",
    "plan_d",
    "plan_e",
)


class Figure(NamedTuple):
    """One measured number: its denominator, what is missing from it, and its interval."""

    n: int
    unscored: int
    truncated: int
    value: float
    low: float
    high: float


def results_of(rows: pd.DataFrame) -> pd.DataFrame:
    """All measures of all cells of judged samples, columns ``RESULT_COLUMNS``, in a fixed order.

    Raises PlanBError for a malformed table and for a task that no measure is declared for.
    """
    rows, lines = checked_rows(rows), []
    for cell, part in rows.groupby(CELL, sort=False):
        measures = measures_of(str(cell[CELL.index("task")]))
        if not measures:
            raise PlanBError(
                f"no measure is declared for the task '{cell[CELL.index('task')]}': "
                "add a line to MEASURES in planb/report/measures.py"
            )
        singly = [(str(seed), own) for seed, own in part.groupby("seed", sort=False)]
        for seed, own in [*singly, (ALL, part)]:
            figures = figures_of(own, measures, *cell, seed)
            lines += [
                (*cell, seed, measure.name, *figure)
                for measure, figure in zip(measures, figures, strict=True)
            ]
    return _ordered(pd.DataFrame(lines, columns=RESULT_COLUMNS))


def figures_of(rows: pd.DataFrame, measures: Sequence[Measure], *purpose: object) -> list[Figure]:
    """The measures of one cell's checked rows, all their seeds pooled; ``purpose`` seeds the draws."""
    answers = [measure.answers(rows) for measure in measures]
    values, counted, unscored = (np.stack(part, axis=1) for part in zip(*answers, strict=True))
    sums_SGM, counts_SGM = tables_of(rows, values), tables_of(rows, counted)
    draws = Resamples.draw(sums_SGM.shape[0], sums_SGM.shape[1], *purpose)
    resampled = stats.percentiles(draws.means(sums_SGM, counts_SGM))
    found = []
    for m, measure in enumerate(measures):
        scores = values[counted[:, m] == 1, m]
        value, interval = _estimate(measure, scores, resampled[m], pooled=len(sums_SGM) > 1)
        inside = counted[:, m] + unscored[:, m] > 0
        cut = int((rows["truncated"].to_numpy(dtype=bool) & inside).sum())
        found.append(Figure(len(scores), int(unscored[:, m].sum()), cut, value, *interval))
    return found


def difference_of(
    rows: pd.DataFrame,
    others: pd.DataFrame,
    measure: Measure,
    *purpose: object,
    other: Measure | None = None,
) -> tuple[float, Interval]:
    """How much higher the measure is in ``rows`` than it (or the ``other`` measure of its kind) is in
    ``others``: the same requests and seeds.

    One draw of seeds and requests serves both sides. A rate's interval is the outer envelope of the
    bootstrap's and Newcombe's. Where each side's scores are all alike, a mean's has the width that
    ``stats.all_alike`` gives them. NaN where either denominator is empty.
    """
    both = pd.concat([rows, others], ignore_index=True)
    side = np.arange(len(both)) >= len(rows)
    asked = (measure.answers(rows), (other or measure).answers(others))
    value, counted, _ = (np.concatenate(parts) for parts in zip(*asked, strict=True))
    sides = np.stack([~side, side], axis=1)
    sums, counts = tables_of(both, value[:, None] * sides), tables_of(both, counted[:, None] * sides)
    n, total = counts.sum(axis=(0, 1)), sums.sum(axis=(0, 1))
    if not n.all():
        return math.nan, Interval(math.nan, math.nan)
    for k, table in enumerate((rows, others)):
        if table["seed"].nunique() == 1:  # it stands beside every seed of the other side
            sums[:, :, k], counts[:, :, k] = sums[:, :, k].sum(axis=0), counts[:, :, k].sum(axis=0)
    means = Resamples.draw(sums.shape[0], sums.shape[1], *purpose).means(sums, counts)
    resampled = stats.percentiles(means[:, :1] - means[:, 1:])
    if measure.kind == "rate":
        resampled.append(stats.newcombe(int(total[0]), int(n[0]), int(total[1]), int(n[1])))
    gap = float(total[0] / n[0] - total[1] / n[1])
    scores = [value[(side == which) & (counted == 1)] for which in (False, True)]
    if measure.kind == "mean" and all(one.min() == one.max() for one in scores):
        first, second = (stats.all_alike(float(s[0]), len(s), measure.top) for s in scores)
        resampled.append(stats.apart(float(scores[0][0]), first, float(scores[1][0]), second))
    return gap, stats.envelope(gap, *resampled)


def write_csv(results: pd.DataFrame, path: Path) -> None:
    """Write results in their fixed order, numbers to six significant digits, empty for no value."""
    tables.write_csv(_ordered(results)[RESULT_COLUMNS], path)


def read_csv(path: Path) -> pd.DataFrame:
    """Results as ``write_csv`` wrote them."""
    texts = dict.fromkeys([*CELL, "seed", "measure"], str)
    numbers = {name: [""] for name in ("value", "low", "high")}
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=numbers)


def known_method(method: str) -> str:
    """The known method that a name is, or begins with (``plan_b_r8``); empty if there is none."""
    found = [known for known in METHOD_ORDER if f"{method}_".startswith(f"{known}_")]
    return max(found, key=len, default="")


def method_rank(method: str) -> tuple[int, str, str]:
    """The place of a method in every table and figure: a known one, what is made of it (``plan_b_r2``
    before ``plan_b_r16``), and last those that are not known, by name."""
    known = known_method(method)
    place = METHOD_ORDER.index(known) if known else len(METHOD_ORDER)
    return place, re.sub(r"\d+", lambda number: number[0].zfill(9), method), method


def codes(names: pd.Series) -> NDArray[np.int64]:
    """The names numbered in their sorted order, so that draws do not depend on the rows' order."""
    return np.unique(names.to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)


def tables_of(rows: pd.DataFrame, columns: Floats) -> Floats:
    """Sums by seed and group of each column: (S, G, M)."""
    seeds, groups = codes(rows["seed"]), codes(rows["group"])
    table = np.zeros((seeds.max() + 1, groups.max() + 1, columns.shape[1]))
    np.add.at(table, (seeds, groups), columns)
    return table


def _estimate(
    measure: Measure, scores: Floats, resampled: Interval, pooled: bool
) -> tuple[float, Interval]:
    if len(scores) == 0:
        return math.nan, Interval(math.nan, math.nan)
    value = float(scores.mean())
    if measure.kind == "rate":
        exact = stats.wilson(int(scores.sum()), len(scores))
        return value, stats.envelope(value, exact, *([resampled] if pooled else []))
    if scores.min() == scores.max():
        return value, stats.all_alike(value, len(scores), measure.top)
    return value, stats.envelope(value, resampled)


def _ordered(results: pd.DataFrame) -> pd.DataFrame:
    places = {measure.name: place for place, measure in enumerate(MEASURES)}

    def key(column: pd.Series) -> pd.Series:
        if column.name == "method":
            return column.map(method_rank)
        if column.name == "seed":
            return column.map(_seed_rank)
        if column.name == "measure":
            return column.map(lambda name: (places.get(name, len(places)), name))
        return column

    return results.sort_values([*CELL, "seed", "measure"], key=key, kind="stable", ignore_index=True)


def _seed_rank(seed: str) -> tuple[int, int, str]:
    if seed == ALL:
        return 2, 0, ""
    return (0, int(seed), "") if seed.isdigit() else (1, 0, seed)
