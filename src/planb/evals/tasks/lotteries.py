"""Choices between a sure amount and a lottery, for any model as it is: with the fitted coefficient of
relative risk aversion and its interval among the metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from inspect_ai import Task, task
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from planb.data.cards import Table
from planb.domains import DOMAINS
from planb.domains.measure import OFFER
from planb.elicitation import elicitation_of
from planb.elicitation.solver import elicit
from planb.evals.tasks.answers import TASK, scored
from planb.evals.tasks.benchmark import benchmark_task
from planb.evals.tasks.requests import sample_of
from planb.stats import crra
from planb.values import digest_of

GAMBLED = "gambled"


@task
def risk(elicitation: str | dict[str, Any] = "direct", split: str = "evaluation") -> Task:
    """Task over the offers of the domain ``risk``: a sure amount, or a chance of a higher one.

    Its metrics are shares and means of the domain's parts, and ``crra`` with ``crra_low``,
    ``crra_high`` and ``temperature``: the fitted coefficient, which is left out where the choices do
    not identify it.
    """
    return lottery_task("risk", elicitation, split)


def lottery_task(name: str, elicitation: str | dict[str, Any], split: str) -> Task:
    """The task of the domain of lotteries of that name."""
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


@metric(scores="unreduced")
def choices() -> Metric:
    """The mean of each part over the answers that have it, and the fit of all choices."""

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        rows = [s.score.value for s in scores if isinstance(s.score.value, dict)]
        names = dict.fromkeys(name for row in rows for name in row if name not in (*OFFER, GAMBLED))
        means: dict[str, float] = {}
        for name in names:
            known = [float(row[name]) for row in rows if isinstance(row.get(name), int | float)]
            means[name] = sum(known) / len(known)
        return {**means, **_fit(rows)}

    return compute  # type: ignore[return-value]


def _fit(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The coefficient and its interval; with answers that choose nothing, the interval of the worst
    case alone. Nothing where it is not identified."""
    columns = [np.array([float(row.get(name, math.nan)) for row in rows]) for name in (*OFFER, GAMBLED)]
    made = crra.Choices(*columns)
    unknown = int(np.isnan(made.gambled).sum())
    counted = {"choices": float(len(rows) - unknown)}
    if unknown == len(rows):
        return counted
    found = [crra.fit(one) for one in crra.completed(made)]
    if any(one.reason for one in found):
        return counted
    span = {"crra_low": min(f.low for f in found), "crra_high": max(f.high for f in found)}
    if unknown:
        return {**counted, **span}
    return {**counted, "crra": found[0].value, **span, "temperature": found[0].temperature}


@scorer(metrics=[choices()])
def chosen(domain: str) -> Scorer:
    """The domain's exact score of the answer, as ``answers`` has it."""
    own = DOMAINS[domain]

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
        return scored(own, state)

    return score
