"""Choices among acts, for any model as it is: with the fitted coefficient of the domain and its
interval among the metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from inspect_ai import Task, task
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from planb.data.cards import Table
from planb.domains import DOMAINS
from planb.domains.choices import ChoiceDomain
from planb.domains.measure import Measure
from planb.elicitation import elicitation_of
from planb.elicitation.solver import elicit
from planb.evals.tasks.answers import TASK, scored
from planb.evals.tasks.benchmark import benchmark_task
from planb.evals.tasks.requests import sample_of
from planb.stats import coefficients
from planb.stats.choosers import CHOOSERS
from planb.values import digest_of


def choice_task(name: str) -> Callable[..., Task]:
    """The task of the domain of choices of that name.

    Its metrics are shares and means of the domain's parts, and each fitted coefficient under the name
    of its measure, with ``_low``, ``_high`` and ``_temperature``; it is left out where the choices do
    not identify it.
    """

    def made(elicitation: str | dict[str, Any] = "direct", split: str = "evaluation") -> Task:
        return _task(name, elicitation, split)

    made.__name__ = made.__qualname__ = name
    made.__doc__ = f"Task over the offers of the domain ``{name}``, with its fitted coefficient."
    return task(made)


def _task(name: str, elicitation: str | dict[str, Any], split: str) -> Task:
    own, how = DOMAINS[name], elicitation_of(elicitation)
    examples = own.examples(split, 0)
    digest = digest_of([example.model_dump(mode="json") for example in examples])
    return benchmark_task(
        name,
        Table([], f"planb.domains: {name}, {split}", digest, ""),
        [sample_of(example) for example in examples],
        elicit(how.spec()),
        chosen(name),
        how,
        {"judge": f"the rule of {name}", "model": "", "rubric": own.digest()},
        measured=own.of_task(TASK).model_dump_json(),
    )


def fits_of(domain: ChoiceDomain) -> list[Measure]:
    """The coefficients that a domain's choices are fitted with."""
    return [one for one in domain.of_task(TASK).measures if one.kind == "fit" and not one.forms]


@metric(scores="unreduced")
def choices(domain: str) -> Metric:
    """The mean of each part over the answers that have it, and the fits of all choices."""
    own = DOMAINS[domain]
    assert isinstance(own, ChoiceDomain)
    fits = fits_of(own)
    beside = {name for one in fits for name in (*CHOOSERS[one.model].offer, one.of.name)}

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        rows = [s.score.value for s in scores if isinstance(s.score.value, dict)]
        names = dict.fromkeys(name for row in rows for name in row if name not in beside)
        means: dict[str, float] = {}
        for name in names:
            known = [float(row[name]) for row in rows if isinstance(row.get(name), int | float)]
            means[name] = sum(known) / len(known)
        taken = sum(own.taken in row for row in rows)
        found = {"choices": float(taken)}
        for one in fits:
            found |= _fit(one, [row for row in rows if _is_among(one, row)])
        return {**means, **found}

    return compute  # type: ignore[return-value]


def _is_among(measure: Measure, row: dict[str, Any]) -> bool:
    """Whether a measure is of that answer: all of them, or those whose part lies in its bounds."""
    among = measure.among
    if among.of == "everything":
        return True
    low, high = among.at_least, among.below
    value = float(row[among.name])
    return (low is None or value >= low) and (high is None or value < high)


def _fit(measure: Measure, rows: list[dict[str, Any]]) -> dict[str, float]:
    """The coefficient and its interval; with answers that choose nothing, the interval of the worst
    case alone. Nothing where it is not identified."""
    chooser = CHOOSERS[measure.model]
    columns = [[float(row.get(n, math.nan)) for row in rows] for n in (*chooser.offer, measure.of.name)]
    table = np.array(columns).T
    made = coefficients.Choices(chooser, table[:, :-1], table[:, -1])
    unknown = int(np.isnan(made.taken).sum())
    if unknown == len(rows):
        return {}
    found = [coefficients.fit(one) for one in coefficients.completed(made)]
    if any(one.reason for one in found):
        return {}
    name = measure.name
    span = {f"{name}_low": min(f.low for f in found), f"{name}_high": max(f.high for f in found)}
    if unknown:
        return span
    return {name: found[0].value, **span, f"{name}_temperature": found[0].temperature}


def chosen(domain: str) -> Scorer:
    """The domain's exact score of the answer, as ``answers`` has it; its metrics are ``choices``."""
    return scorer(metrics=[choices(domain)], name="chosen")(_chosen)(domain)


def _chosen(domain: str) -> Scorer:
    own = DOMAINS[domain]

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
        return scored(own, state)

    return score
