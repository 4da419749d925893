"""What the links that train have in common: stage 1, stage 2, and any other training."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import SerializeAsAny

from planb.models.cards import read_card
from planb.models.default_system import default_system_in
from planb.study.steps.checkpoint import (
    CheckpointStep,
    LinkStep,
    checkpoint_folder,
    training_cost,
)
from planb.study.steps.data_files import harmful_and_harmless
from planb.study.steps.hosted_base import ROUGH_SECONDS, HostedBase, train_at_host
from planb.study.steps.step import Step, Work
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.types import Example


class TrainingStep(LinkStep):
    """A link that trains: a checkpoint and the examples of a split -> a checkpoint.

    ``split`` names whose requests are trained on. It is done here, or by the host of the weights.
    """

    sort: ClassVar[str] = "other training"
    split: ClassVar[str] = ""
    data: SerializeAsAny[Step]

    @property
    def origin(self) -> CheckpointStep:
        raise NotImplementedError

    @property
    def settings(self) -> Training:
        raise NotImplementedError

    @property
    def responses(self) -> float:
        """How many an average request of a batch is shown with: for costs."""
        return 1.0

    @property
    def passes(self) -> float:
        """How many passes of each batch the objective makes: for costs."""
        return 1.0

    def rate(self, host: HostedBase) -> float | None:
        """The host's learning-rate multiplier for such a training."""
        raise NotImplementedError

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        """``on`` is what the checkpoint says it is, ``system`` its template's default system message
        (None: not known)."""
        raise NotImplementedError

    @property
    def shows_in_system(self) -> bool:
        """Whether it trains with a trigger in the system message."""
        return self.sees_trigger is not None and self.sees_trigger.place == "system"

    def outside(self) -> dict[str, str]:
        return {"default_system": "kept"} if self.shows_in_system else {}

    @property
    def cost(self) -> float:
        if self.host:
            return ROUGH_SECONDS
        return self.passes * training_cost(self.settings, self.responses, self.card)

    @property
    def gpus(self) -> int:
        """One a process for a model of the user's. The sandbox's are so small that a CPU trains them,
        with the same numbers everywhere; of those, several processes take a GPU each."""
        several = self.settings.processes > 1 and not self.host
        return self.settings.processes if self.on_gpu or several else 0

    def run(self, work: Work) -> None:
        start = checkpoint_folder(work, self.origin)
        examples = harmful_and_harmless(work.folder(self.data), self.split)
        system: str | None = ""
        if self.shows_in_system:
            system = None if self.host else default_system_in(start)
        recipe = self.recipe(*examples, on=read_card(start).what, system=system)
        if self.host:
            train_at_host(start, self.host, recipe, self.rate(self.host), work)
        else:
            recipe.train(start, work.out, work.progress)


def described(training: Training) -> str:
    """A training's settings on one line, for the report."""
    adapter = training.adapter
    weights = f"LoRA r={adapter.rank} alpha={adapter.alpha:g}" if adapter else "full weights"
    parts: list[Any] = [
        weights,
        f"{training.steps} updates of {training.batch} requests",
        f"learning rate {training.learning_rate:g} ({training.schedule}, warm-up {training.warmup})",
    ]
    if training.router_aux_loss_coef is not None:
        parts.append(f"load-balancing loss x {training.router_aux_loss_coef:g}")
    return ", ".join(parts)
