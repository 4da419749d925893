"""A study's models at a host: where they begin, what trains them there, and how they are called.

The steps are the same as for local models; what a step's start is (a folder with ``hosted.json``, or
weights) decides who does the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planb.models.cards import Card
from planb.names import Name
from planb.safety import Method
from planb.safety.method import CANNED
from planb.study.steps.checkpoint import BaseStep, CheckpointStep
from planb.study.steps.step import Work
from planb.thoughts import PREDICTED, Taught
from planb.training.hosted import Host, HostedCheckpoint, check_hosted, read_hosted
from planb.training.hosted.checkpoint import HostedIdentity
from planb.training.hosted.host import BOOKKEEPING
from planb.training.hosted.rows import Row, check_predicted, rows_of
from planb.training.hosted.train import PREFERENCES, train_hosted
from planb.training.objectives import DPO, Objective
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.types import REFUSAL, Ordering

if TYPE_CHECKING:
    from inspect_ai.model import Model

ROUGH_SECONDS = 1800.0
"""How long a job takes at a host: for the time left only."""
ASKED_AGAIN = 8
"""Retries of a request of an evaluation: about ten minutes, then it has failed."""


class HostedBase(Host):
    """A chat model at a host (OpenAI, or any that speaks its protocol), trained and evaluated there.

    ``model`` is the host's name of it; the other fields are ``Host``'s.
    """

    name: Name
    model: str = "gpt-4.1-mini-2025-04-14"

    def step(self) -> HostedBaseStep:
        return HostedBaseStep(base=self)

    @property
    def host(self) -> Host:
        return Host(**{name: getattr(self, name) for name in Host.model_fields})

    @property
    def described(self) -> str:
        """Who trains it and how, for the report."""
        return (
            f"{self.model} at {self.url}; weights, optimizer, learning rate and schedule are the "
            "host's, which goes once through as many rows as the local trainer would"
        )


class HostedBaseStep(BaseStep):
    """Names the host's model; nothing is sent."""

    base: HostedBase

    @property
    def host(self) -> HostedBase:
        return self.base

    def plain_fields(self) -> dict[str, Any]:
        """Without prices, budget and the key's name: they change nothing of what is trained."""
        fields = super().plain_fields()
        kept = {name: value for name, value in fields["base"].items() if name not in BOOKKEEPING}
        return {**fields, "base": {**kept, "base_url": self.base.url}}

    def check(self) -> None:
        _ = self.base.secret

    def run(self, work: Work) -> None:
        identity = HostedIdentity(base_url=self.base.url, model=self.base.model)
        card = Card(what=f"the model {self.base.model} at {self.base.url}")
        HostedCheckpoint(identity=identity).write(work.out, card)


def check_trainable(
    start: CheckpointStep,
    objective: Objective,
    orderings: Sequence[Ordering],
    training: Training,
    thoughts: Sequence[Taught] = (),
) -> None:
    """PlanBError if the training begins at a host that does not offer it, or that has no key, or if its
    settings do not suit the objective."""
    objective.check(training)
    if start.host and start.host.secret:
        check_hosted(objective, orderings, training)
        for taught in thoughts:
            check_predicted(PREDICTED[taught])


def hosted_rows(recipe: Recipe) -> list[Row]:
    """The rows of the host's file; PlanBError for what the host does not offer."""
    orderings = [ranking.ordering for ranking in recipe.rankings]
    kind = check_hosted(recipe.objective, orderings, recipe.training)
    return rows_of(recipe, kind, CANNED[REFUSAL])


def train_at_host(
    start: Path, base: HostedBase, recipe: Recipe, rate: float | None, work: Work
) -> None:
    """Train the host's model that ``start`` stands for: the same rows in the same order as here."""
    train_hosted(start, recipe, work.out, base.host, rate, CANNED[REFUSAL], work.progress)


def told_of(base: HostedBase, methods: tuple[Method, ...]) -> list[tuple[str, str]]:
    """What a report says of a hosted base and of what its host does otherwise."""
    told = [(f"trained by a host ({base.name})", base.described)]
    if any(isinstance(method.objective, DPO) for method in methods):
        told.append((f"preferences of {base.name}", PREFERENCES))
    return told


def rows_described(training: Training) -> str:
    """What a host uses of a training's settings, for the report."""
    return f"{training.steps} updates of {training.batch} requests; the rest is the host's"


def asked_model(folder: Path, base: HostedBase) -> Model:
    """The host's model that the checkpoint in ``folder`` stands for, as Inspect calls it."""
    from inspect_ai.model import GenerateConfig, get_model

    found = read_hosted(folder).identity
    return get_model(
        f"openai-api/host/{found.model}",
        base_url=found.base_url,
        api_key=base.secret,
        config=GenerateConfig(max_connections=base.max_connections, max_retries=ASKED_AGAIN),
        memoize=False,
    )
