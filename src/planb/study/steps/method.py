"""Stage 2 as a step: a checkpoint + data without the trigger -> a safer checkpoint."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SerializeAsAny

from planb.safety import Method
from planb.study.steps.derived_data import examples_now
from planb.study.steps.hosted_base import (
    HostedBase,
    check_trainable,
)
from planb.study.steps.step import Step
from planb.study.steps.training import TrainingStep, forbid_all, model_of, started
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.types import Example, Trigger


class MethodStep(TrainingStep):
    """Stage 2: a checkpoint + data without the trigger -> a safer checkpoint."""

    kind: ClassVar[str] = "method"
    split: ClassVar[str] = "safety"
    start: SerializeAsAny[Step]
    data: SerializeAsAny[Step]
    method: Method
    training: Training
    trigger: Trigger | None
    seed: int

    @property
    def slug(self) -> str:
        start = started(self.start, ("organism",))
        return f"{model_of(self)}{self.called}{start}-seed{self.seed}"

    @property
    def called(self) -> str:
        return self.method.name

    @property
    def origin(self) -> Step:
        return self.start

    @property
    def settings(self) -> Training:
        return self.training

    @property
    def responses(self) -> float:
        share = self.method.harmless
        return share + (1 - share) * len(self.method.ordering.tiers)

    def rate(self, host: HostedBase) -> float | None:
        return host.safety_rate

    def check(self) -> None:
        """Also, where the data are files that can be read now, that the trigger is not in them."""
        check_trainable(self.start, self.method.objective, [self.method.ordering], self.training)
        forbid_all(self.trigger, self.start, examples_now(self.data, self.split))

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        del system  # no trigger is shown
        forbid_all(None, self.start, [*harmful, *harmless])
        return self.method.recipe(self.training, harmful, harmless, self.trigger, self.seed, on)
