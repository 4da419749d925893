"""The steps that train, and the scores of what they train on: organism, method, tiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import SerializeAsAny

from planb.models.cards import read_card
from planb.models.default_system import default_system_in
from planb.safety import forbid_trigger
from planb.study.steps.checkpoint import checkpoint_folder, training_cost
from planb.study.steps.data_files import harmful_and_harmless
from planb.study.steps.hosted_base import (
    ROUGH_SECONDS,
    HostedBase,
    hosted_base,
    train_at_host,
)
from planb.study.steps.local_base import LocalBaseStep
from planb.study.steps.pretrain import PretrainStep
from planb.study.steps.step import Step, Work, root_of
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.types import Example, Trigger


def gpus_for(step: Step, training: Training) -> int:
    """One a process for a model of the user's. The sandbox's are so small that a CPU trains them, with
    the same numbers everywhere; of those, several processes take a GPU each."""
    if isinstance(root_of(step), LocalBaseStep):
        return training.processes
    return training.processes if training.processes > 1 and not hosted_base(step) else 0


def model_of(step: Step) -> str:
    """The base model's name and a dash, for a slug; nothing in the sandbox, which has one model."""
    root = root_of(step)
    return "" if isinstance(root, PretrainStep) or root.kind != "base" else root.slug[5:] + "-"


class TrainingStep(Step):
    """What the steps that train have in common: a checkpoint and data -> a checkpoint.

    ``start`` is the checkpoint's step, ``split`` whose requests are trained on.
    """

    split: ClassVar[str] = ""
    data: SerializeAsAny[Step]
    seed: int

    @property
    def called(self) -> str:
        """The training's own name, for slugs."""
        raise NotImplementedError

    @property
    def origin(self) -> Step:
        """The step whose checkpoint is trained."""
        raise NotImplementedError

    @property
    def settings(self) -> Training:
        raise NotImplementedError

    @property
    def responses(self) -> float:
        """How many an average request of a batch is shown with: for costs."""
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
        return False

    def outside(self) -> dict[str, str]:
        return {"default_system": "kept"} if self.shows_in_system else {}

    @property
    def seed_rank(self) -> int:
        return self.seed

    @property
    def cost(self) -> float:
        if hosted_base(self.origin):
            return ROUGH_SECONDS
        return training_cost(self.settings, self.responses)

    @property
    def gpus(self) -> int:
        return gpus_for(self, self.settings)

    def run(self, work: Work) -> None:
        start = checkpoint_folder(work, self.origin)
        examples = harmful_and_harmless(work.folder(self.data), self.split)
        system: str | None = ""
        if self.shows_in_system:
            system = None if hosted_base(self.origin) else default_system_in(start)
        recipe = self.recipe(*examples, on=read_card(start).what, system=system)
        if host := hosted_base(self.origin):
            train_at_host(start, host, recipe, self.rate(host), work)
        else:
            recipe.train(start, work.out, work.progress)


def forbid_all(trigger: Trigger | None, start: Step, examples: list[Example]) -> None:
    """Raise PlanBError if the examples carry the trigger, or one that a training before has seen."""
    from planb.study.steps.organism import OrganismStep
    from planb.study.steps.stage import StageStep

    found = [] if trigger is None else [trigger]
    while isinstance(start, TrainingStep):
        if isinstance(start, OrganismStep):
            found.append(start.organism.trigger)
        elif isinstance(start, StageStep) and start.stage.sees_trigger:
            found.append(start.stage.trigger)
        start = start.origin
    for one in dict.fromkeys(found):
        forbid_trigger(one, examples)


def started(step: Step, usual: Sequence[str]) -> str:
    """What a slug says of where a training began, unless those before it are of the ``usual`` kinds:
    the names of all trainings since the base."""
    before = list[TrainingStep]()
    while isinstance(step, TrainingStep):
        before.insert(0, step)
        step = step.origin
    if [one.kind for one in before] == list(usual):
        return ""
    return f"-after-{'-'.join(one.called for one in before)}" if before else f"-from-{step.kind}"


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
