"""Stage 1 as a step: base + data -> the model organism."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SerializeAsAny

from planb.organism import Organism
from planb.study.steps.hosted_base import (
    HostedBase,
    check_trainable,
)
from planb.study.steps.step import Step
from planb.study.steps.training import TrainingStep, model_of, started
from planb.training.objectives import SFT
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.types import Example


class OrganismStep(TrainingStep):
    """Stage 1: base + data -> the model organism."""

    kind: ClassVar[str] = "organism"
    threads: ClassVar[int] = 2
    split: ClassVar[str] = "organism"
    base: SerializeAsAny[Step]
    data: SerializeAsAny[Step]
    organism: Organism
    seed: int

    @property
    def slug(self) -> str:
        return f"{model_of(self)}{self.called}{started(self.base, ())}-seed{self.seed}"

    @property
    def called(self) -> str:
        return self.organism.name

    @property
    def origin(self) -> Step:
        return self.base

    @property
    def settings(self) -> Training:
        return self.organism.training

    def rate(self, host: HostedBase) -> float | None:
        return host.organism_rate

    def check(self) -> None:
        check_trainable(self.base, SFT(), [], self.organism.training)

    @property
    def shows_in_system(self) -> bool:
        return self.organism.trigger.place == "system"

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        del on  # an organism is what it is, wherever it began
        return self.organism.recipe(harmful, harmless, self.seed, system)
