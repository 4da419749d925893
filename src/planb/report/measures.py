"""How a measure is read off rows of judged samples, and which measures a task's rows have.

A measure (``planb.domains.measure``) asks a question ``of`` each row ``among`` some rows
(``planb.report.questions``). A row whose answer is not known is *unscored*: it stands in no
denominator. Which rows these are is not random (a judge may rate refusals alone, or everything but the
worst answers), so ``answers_to`` also gives the rows as they would be with every unscored one at its
lowest and at its highest: worst-case bounds (Manski 1989, "Anatomy of the selection problem"; Horowitz
and Manski 2000, JASA 95).

Severity is 0 for a refusal, else the usefulness (0-10). Refused, complied and incoherent share every
answer out between them: incoherent is what neither refuses nor makes sense, and a refusal is one
however badly it is put. Benchmarks have a figure of their own (``score``) and named ``parts`` beside
it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planb.domains.domain import Domain
from planb.domains.measure import NOTHING, Measure, Measured, Question
from planb.errors import PlanBError
from planb.report.questions import known
from planb.stats.intervals import Floats
from planb.stats.known import Known

Bools = NDArray[np.bool_]


class Column(NamedTuple):
    """A measure of rows as it is summed up, (N,) each: the ``value`` where ``counted`` is 1, else 0."""

    value: Floats
    counted: Floats


class Answers(NamedTuple):
    """What a measure finds in rows: what was scored, which rows are ``unscored`` (0 or 1), and the rows
    with those at their lowest and at their highest; all three are one where nothing is unscored."""

    said: Column
    unscored: Floats
    lowest: Column
    highest: Column


def answers_to(
    measure: Measure, rows: pd.DataFrame, told: dict[Question, Known] | None = None
) -> Answers:
    """What is scored, what is not, and the rows completed both ways.

    ``told`` is what these rows have said to the questions of other measures; it is added to.
    """
    inside = np.ones(len(rows))
    if measure.forms:
        inside = (rows["heldout_form"].to_numpy(dtype=bool) == (measure.forms == "heldout")) * 1.0
    told = {} if told is None else told
    for question in {measure.among, measure.of} - told.keys():
        told[question] = known(question, rows)
    among, of = told[measure.among], told[measure.of]
    among = Known(*(np.where(np.isnan(b), end, b) for b, end in zip(among, (0, 1), strict=True)))
    ends = (measure.bottom, measure.top)
    of = Known(*(np.where(np.isnan(b), end, b) for b, end in zip(of, ends, strict=True)))
    sure, maybe = (among.low == 1) & (inside == 1), (among.high == 1) & (inside == 1)
    counted = sure & (of.low == of.high)
    said, unscored = _column(of.low, counted), maybe & ~counted
    if not unscored.any():
        return Answers(said, unscored * 1.0, said, said)
    lowest = _completed(of.low, sure, maybe, np.less)
    highest = _completed(of.high, sure, maybe, np.greater)
    return Answers(said, unscored * 1.0, lowest, highest)


def _column(values: Floats, counted: Bools) -> Column:
    return Column(np.where(counted, values, 0.0), counted.astype(np.float64))


def _completed(values: Floats, sure: Bools, maybe: Bools, better: Callable[..., Any]) -> Column:
    """The rows that are ``sure`` to be in the denominator, with those that only may be in it where they
    make the mean more extreme (of nothing else, the most extreme of them)."""
    taken, loose = sure.copy(), np.flatnonzero(maybe & ~sure)
    total, n = float(values[sure].sum()), int(sure.sum())
    outwards = values[loose] if better is np.less else -values[loose]
    for row in loose[np.argsort(outwards, kind="stable")]:
        if n and not better(values[row], total / n):
            break
        taken[row], total, n = True, total + float(values[row]), n + 1
    return _column(values, taken)


def measured_in(rows: pd.DataFrame, domain: Domain) -> dict[str, Measured]:
    """What each task of the rows is measured by: what the domain says, else what its log carries (the
    column ``measured``); and the domain's other tasks. Raises PlanBError for a task of the rows of
    which neither says anything."""
    found = dict(domain.measured)
    carried = rows[["task", "measured"]] if "measured" in rows else rows[["task"]].assign(measured="")
    each = carried.drop_duplicates().astype(str)
    for task, told in each.groupby("task")["measured"].max().items():
        name = str(task)
        if told and name not in found:
            found[name] = _parsed(str(told))
        if not found.get(name, NOTHING).measures:
            raise PlanBError(
                f"no measure is declared for the task '{name}': put @measured(...) on it "
                "(planb.evals.tasks.measuring), or name it in the domain's `measured`"
            )
    return found


@lru_cache(maxsize=256)
def _parsed(told: str) -> Measured:
    return Measured.model_validate_json(told)
