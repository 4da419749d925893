"""Judged samples -> results: a tidy table, one row a measure, per seed and pooled (``seed="all"``).

A pooled value is that of all rows together. Per seed a rate has Wilson's interval and a mean the
percentile bootstrap's over groups of requests. Pooled, a mean has the bootstrap's over seeds and
groups, and a rate the outer envelope of that and of Wilson's interval of the pooled count: the
bootstrap alone has no width at 0 and 1, Wilson's alone ignores that seeds differ. A mean of scores
that are all alike has ``stats.all_alike``'s interval. A fitted coefficient has the
interval of ``fitted``, and no figure where the choices do not identify it. An empty denominator is an
empty value, never 0.

Where a part of the answers is unscored there is no value, as which part that is is not random. The
interval is then that of the worst case: from the low end with every unscored answer at its lowest to
the high end with every one at its highest. A measure of which nothing was scored has no figure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from planb.data import tables
from planb.domains import HARM, Domain
from planb.domains.measure import Measure, Question
from planb.errors import PlanBError
from planb.report.fitted import Estimate, fitted
from planb.report.measures import Answers, Column, answers_to, measured_in
from planb.report.rows import CELL, checked_rows
from planb.stats.bootstrap import Resamples, percentiles, sums_by_cell
from planb.stats.intervals import Floats, Interval, all_alike, envelope, union, wilson
from planb.stats.known import Known

RESULT_COLUMNS = [*CELL, "seed", "measure", "n", "unscored", "truncated", "value", "low", "high"]
BOUNDS = ["lowest", "highest"]
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
    """One measured number: its denominator, what is missing from it, and its interval.

    ``lowest`` and ``highest`` are the value with all unscored answers at their lowest and at their
    highest: alike, and the ``value``, where nothing is unscored; else ``value`` is NaN. They are not in
    the file, so that figures that are read from it have NaN there too. ``truncated`` is None where it
    is not known of an answer whether it was cut off.
    """

    n: int
    unscored: int
    truncated: int | None
    value: float
    low: float
    high: float
    lowest: float = math.nan
    highest: float = math.nan

    @property
    def given(self) -> bool:
        """Whether it is a figure: some answer was scored."""
        return not math.isnan(self.low)


def results_of(rows: pd.DataFrame, domain: Domain = HARM) -> pd.DataFrame:
    """All measures of all cells of judged samples, in a fixed order: the columns ``RESULT_COLUMNS``,
    and the ``BOUNDS`` of the value, which are not written.

    Raises PlanBError for a malformed table and for a task that no measure is declared for.
    """
    rows, lines = checked_rows(rows), []
    measured = measured_in(rows, domain)
    for cell, part in rows.groupby(CELL, sort=False):
        measures = measured[str(cell[CELL.index("task")])].measures
        singly = [(str(seed), own) for seed, own in part.groupby("seed", sort=False)]
        for seed, own in [*singly, (ALL, part)]:
            figures = figures_of(own, measures)
            lines += [
                (*cell, seed, measure.name, *figure)
                for measure, figure in zip(measures, figures, strict=True)
            ]
    table = pd.DataFrame(lines, columns=[*RESULT_COLUMNS, *BOUNDS])
    return _ordered(table.astype({"truncated": "Int64"}))


def figures_of(rows: pd.DataFrame, measures: Sequence[Measure]) -> list[Figure]:
    """The measures of one cell's checked rows, all their seeds pooled."""
    told: dict[Question, Known] = {}
    answers = [answers_to(measure, rows, told) for measure in measures]
    found, cuts_N = [], cut_off(rows)
    for a, (low, high) in zip(answers, _both_ends(rows, measures, answers), strict=True):
        n, missing = int(a.said.counted.sum()), int(a.unscored.sum())
        cut = counted_cuts(cuts_N[a.said.counted + a.unscored > 0])
        if not n:
            found.append(Figure(n, missing, cut, math.nan, math.nan, math.nan))
            continue
        value = math.nan if missing else low[0]
        span = union(low[1], high[1])
        found.append(Figure(n, missing, cut, value, *span, low[0], high[0]))
    return found


def _both_ends(
    rows: pd.DataFrame, measures: Sequence[Measure], answers: Sequence[Answers]
) -> Iterator[tuple[Estimate, Estimate]]:
    """Each measure's estimate with the unscored answers at their lowest and at their highest."""
    counted = [m for m, measure in enumerate(measures) if measure.kind != "fit"]
    plain, known = [measures[m] for m in counted], [answers[m] for m in counted]
    lowest = _estimates(rows, plain, [a.lowest for a in known])
    highest = lowest
    if any(a.unscored.any() for a in known):
        highest = _estimates(rows, plain, [a.highest for a in known])
    ends = iter(zip(lowest, highest, strict=True))
    for measure in measures:
        yield fitted(measure, rows) if measure.kind == "fit" else next(ends)


def cut_off(rows: pd.DataFrame) -> Floats:
    """(N,) whether each row was cut off, 0 or 1; NaN where it is not known."""
    found: Floats = rows["truncated"].to_numpy(dtype=np.float64, na_value=math.nan)
    return found


def counted_cuts(cut_N: Floats) -> int | None:
    """How many of these were cut off; None where it is not known of one."""
    return None if np.isnan(cut_N).any() else int(cut_N.sum())


def figures_in(results: pd.DataFrame, key: list[str]) -> dict[tuple[str, ...], Figure]:
    """The numbers of a table of results, by the columns ``key``. Of one that was read from a file the
    bounds are known only where they are the value."""
    table = (
        results if set(BOUNDS) <= set(results) else results.assign(lowest=math.nan, highest=math.nan)
    )
    keys = table[key].itertuples(index=False, name=None)
    numbers = table[list(Figure._fields)].itertuples(index=False, name=None)
    return {k: _figure(*v) for k, v in zip(keys, numbers, strict=True)}


def _figure(n: int, unscored: int, truncated: Any, value: float, *ends: float) -> Figure:
    low, high, lowest, highest = ends if unscored else (*ends[:2], value, value)
    cut = None if pd.isna(truncated) else int(truncated)
    return Figure(int(n), int(unscored), cut, value, low, high, lowest, highest)


def write_csv(results: pd.DataFrame, path: Path) -> None:
    """Write results in their fixed order, numbers to six significant digits, empty for no value."""
    tables.write_csv(_ordered(results)[RESULT_COLUMNS], path)


def read_csv(path: Path) -> pd.DataFrame:
    """Results as ``write_csv`` wrote them, without the bounds. Files of before there were bounds have
    values of the scored answers alone where some are unscored: those are dropped. Raises PlanBError."""
    table = tables.read_csv(path, RESULT_COLUMNS, RESULT_COLUMNS[-3:], RESULT_COLUMNS[-6:-3])
    if table[["n", "unscored"]].isna().any(axis=None):
        raise PlanBError(f"{path} has a row without n or unscored: write the report again")
    of_the_rest = (table["unscored"] > 0) & table["value"].notna()
    table.loc[of_the_rest, ["value", "low", "high"]] = math.nan
    return table


def known_method(method: str) -> str:
    """The known method that a name is, or is a variant of (``plan_b_r8``); empty if there is none.

    Results hold names alone, and studies make variants of any words (tiers, objectives, numbers), so
    that ``<known>_<more>`` is the rule: it says whose place and colour a method takes, in shades of its
    own. A method that is no variant needs another name (docs/extending.md).
    """
    found = [known for known in METHOD_ORDER if method == known or method.startswith(f"{known}_")]
    return max(found, key=len, default="")


def method_rank(method: str) -> tuple[int, str, str]:
    """The place of a method in every table and figure: a known one, what is made of it (``plan_b_r2``
    before ``plan_b_r16``), and last those that are not known, by name."""
    known = known_method(method)
    place = METHOD_ORDER.index(known) if known else len(METHOD_ORDER)
    return place, re.sub(r"\d+", lambda number: number[0].zfill(9), method), method


def tables_of(rows: pd.DataFrame, columns: Floats) -> Floats:
    """Sums by seed and group of each column: (S, G, M)."""
    return sums_by_cell(rows["seed"], rows["group"], columns)


def _estimates(
    rows: pd.DataFrame, measures: Sequence[Measure], columns: Sequence[Column]
) -> list[Estimate]:
    """Each measure's value and interval where every answer is known; NaN without any."""
    if not measures:
        return []
    values, counted = (np.stack(part, axis=1) for part in zip(*columns, strict=True))
    sums_SGM, counts_SGM = tables_of(rows, values), tables_of(rows, counted)
    pooled = len(sums_SGM) > 1
    scores = [values[counted[:, m] == 1, m] for m in range(len(measures))]
    varied = [m for m, measure in enumerate(measures) if _is_resampled(measure.kind, scores[m], pooled)]
    draws = Resamples.draw(sums_SGM.shape[0], sums_SGM.shape[1])
    intervals = percentiles(draws.means(sums_SGM[:, :, varied], counts_SGM[:, :, varied]))
    resampled = dict(zip(varied, intervals, strict=True))
    return [_estimate(measure, scores[m], resampled.get(m)) for m, measure in enumerate(measures)]


def _is_resampled(kind: str, scores: Floats, pooled: bool) -> bool:
    """Whether the interval needs the bootstrap: one seed's rate and scores that are alike do not."""
    if kind == "rate":
        return pooled and len(scores) > 0
    return len(scores) > 0 and bool(scores.min() < scores.max())


def _estimate(measure: Measure, scores: Floats, resampled: Interval | None) -> Estimate:
    if len(scores) == 0:
        return math.nan, Interval(math.nan, math.nan)
    value, drawn = float(scores.mean()), [] if resampled is None else [resampled]
    if measure.kind == "rate":
        return value, envelope(value, wilson(int(scores.sum()), len(scores)), *drawn)
    if scores.min() == scores.max():
        return value, all_alike(value, len(scores), measure.top)
    return value, envelope(value, *drawn)


def _ordered(results: pd.DataFrame) -> pd.DataFrame:
    """Cells, seeds and methods in their order; a cell's measures stay in that of their declaration."""

    def key(column: pd.Series) -> pd.Series:
        if column.name == "method":
            return column.map(method_rank)
        if column.name == "seed":
            return column.map(_seed_rank)
        return column

    return results.sort_values([*CELL, "seed"], key=key, kind="stable", ignore_index=True)


def _seed_rank(seed: str) -> tuple[int, int, str]:
    if seed == ALL:
        return 2, 0, ""
    return (0, int(seed), "") if seed.isdigit() else (1, 0, seed)
