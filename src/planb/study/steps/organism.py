"""Stage 1 as a step: base + data -> the model organism."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SerializeAsAny

from planb.organism import Organism
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.hosted_base import HostedBase, check_trainable
from planb.study.steps.training import TrainingStep
from planb.training.objectives import SFT
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.types import Example, Trigger


class OrganismStep(TrainingStep):
    """Stage 1: base + data -> the model organism."""

    kind: ClassVar[str] = "organism"
    sort: ClassVar[str] = "stage 1"
    split: ClassVar[str] = "organism"
    takes: ClassVar[tuple[str, str]] = ("organism", "base")
    base: SerializeAsAny[CheckpointStep]
    organism: Organism

    @property
    def called(self) -> str:
        return self.organism.name

    @property
    def origin(self) -> CheckpointStep:
        return self.base

    @property
    def sees_trigger(self) -> Trigger:
        return self.organism.sees_trigger

    @property
    def shows(self) -> tuple[Trigger, ...]:
        return self.organism.triggers

    @property
    def settings(self) -> Training:
        return self.organism.training

    def rate(self, host: HostedBase) -> float | None:
        return host.organism_rate

    def check(self) -> None:
        check_trainable(self.base, SFT(), [], self.organism.training)

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        del on  # an organism is what it is, wherever it began
        return self.organism.recipe(harmful, harmless, self.seed, system)
