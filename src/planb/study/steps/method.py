"""Stage 2 as a step: a checkpoint + data without the trigger -> a safer checkpoint."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import SerializeAsAny

from planb.safety import Method
from planb.study.steps.checkpoint import CheckpointStep, Given
from planb.study.steps.derived_data import examples_now
from planb.study.steps.hosted_base import HostedBase, check_trainable
from planb.study.steps.training import TrainingStep
from planb.training.link import Link
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.types import Example, Trigger


class MethodStep(TrainingStep):
    """Stage 2: a checkpoint + data without the trigger -> a safer checkpoint."""

    kind: ClassVar[str] = "method"
    sort: ClassVar[str] = "stage 2"
    split: ClassVar[str] = "safety"
    usual: ClassVar[tuple[str, ...]] = ("organism",)
    takes: ClassVar[tuple[str, str]] = ("method", "start")
    start: SerializeAsAny[CheckpointStep]
    method: Method
    training: Training
    trigger: Trigger | None

    @classmethod
    def of(cls, link: Link, start: CheckpointStep, given: Given) -> Self:
        own = link.training if isinstance(link, Method) else None
        return super().of(link, start, given._replace(training=own or given.training))

    @property
    def called(self) -> str:
        return self.method.name

    @property
    def origin(self) -> CheckpointStep:
        return self.start

    @property
    def settings(self) -> Training:
        return self.training

    @property
    def responses(self) -> float:
        share = self.method.harmless
        return share + (1 - share) * len(self.method.ordering.tiers)

    @property
    def passes(self) -> float:
        return self.method.objective.passes

    def rate(self, host: HostedBase) -> float | None:
        return host.safety_rate

    def check(self) -> None:
        """Also, where the data are files that can be read now, that the trigger is not in them."""
        own, thoughts = self.method, [self.method.thoughts]
        check_trainable(self.start, own.objective, [own.ordering], self.training, thoughts)
        self.forbid(examples_now(self.data, self.split), self.trigger)

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        del system  # no trigger is shown
        self.forbid([*harmful, *harmless])
        return self.method.recipe(self.training, harmful, harmless, self.trigger, self.seed, on)
