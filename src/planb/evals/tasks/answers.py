"""A domain's own examples, each answer scored exactly by the domain, without a judge."""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from planb.data.cards import Table
from planb.data.files import file_hash, read_examples
from planb.domains import DOMAINS, Domain
from planb.domains.domain import Told
from planb.elicitation import elicitation_of
from planb.elicitation.solver import elicit
from planb.errors import PlanBError
from planb.evals.tasks.benchmark import benchmark_task
from planb.evals.tasks.marks import mark, marks
from planb.evals.tasks.requests import sample_of
from planb.judging.scorer import EXAMPLE
from planb.types import Example

TASK = "answers"


@task
def answers(
    data: str,
    elicitation: str | dict[str, Any] = "direct",
    domain: str = "",
    data_hash: str = "",
) -> Task:
    """Task over the harmful and harmless requests of a file of examples, scored by the domain of that
    name in ``planb.domains``.

    The score is 1 for an answer of the domain's worst tier, else 0; its parts are ``tier_<name>`` of
    each tier (1 or 0), and what else the domain counts. Raises PlanBError if there is no such domain,
    or if the file's hash does not begin with ``data_hash``.
    """
    found, own = file_hash(data), DOMAINS[domain]
    if not found.startswith(data_hash):
        raise PlanBError(
            f"{data} is not the file that was meant: its hash begins {found[:12]}, not "
            f"{data_hash[:12]}. Put the right file back, or leave data_hash out."
        )
    how = elicitation_of(elicitation)
    return benchmark_task(
        TASK,
        Table([], data, found, ""),
        [sample_of(example) for example in read_examples(data)],
        elicit(how.spec()),
        exactly(domain),
        how,
        {"judge": f"the rule of {own.name}", "model": "", "rubric": own.digest()},
        measured=own.of_task(TASK).model_dump_json(),
    )


@scorer(metrics=[marks()])
def exactly(domain: str) -> Scorer:
    """The domain's exact score of the answer."""
    own = DOMAINS[domain]

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
        return scored(own, state)

    return score


def scored(domain: Domain, state: TaskState) -> Score:
    """The domain's score of the answer: 1 for its worst tier, and its parts."""
    answer = state.output.completion
    told = told_by(domain, Example.model_validate(state.metadata[EXAMPLE]), answer)
    if told.unscored:
        return mark(None, unscored=told.unscored, answer=answer)
    tiers = {f"tier_{tier}": float(tier == told.tier) for tier in domain.tiers} if told.tier else {}
    return mark(float(told.tier == domain.tiers[-1]), {**tiers, **told.parts}, answer=answer)


def told_by(domain: Domain, example: Example, answer: str) -> Told:
    """The domain's exact score; one that fails, or names a tier that there is not, is unscored with the
    reason, and never a number."""
    try:
        told = domain.exact(example, answer)
        if told.tier and told.tier not in domain.tiers:
            return Told(unscored=f"the domain {domain.name} has no tier '{told.tier}'")
        return told._replace(parts={name: float(value) for name, value in told.parts.items()})
    except Exception as error:
        return Told(unscored=f"{type(error).__name__}: {error}")
