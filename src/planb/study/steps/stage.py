"""Any other training as a step: a checkpoint + data -> a checkpoint."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SerializeAsAny

from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.derived_data import examples_now
from planb.study.steps.hosted_base import HostedBase, check_trainable
from planb.study.steps.step import slug_of
from planb.study.steps.training import TrainingStep
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.training.stage import Stage
from planb.types import Example, Trigger


class StageStep(TrainingStep):
    """Any other training: a checkpoint + data -> a checkpoint. Where no part of it is triggered, the
    data must not carry the trigger."""

    kind: ClassVar[str] = "stage"
    takes: ClassVar[tuple[str, str]] = ("stage", "start")
    start: SerializeAsAny[CheckpointStep]
    stage: Stage
    trigger: Trigger | None

    @property
    def split(self) -> str:  # type: ignore[override]
        return self.stage.split

    @property
    def called(self) -> str:
        return slug_of(self.stage.name)

    @property
    def origin(self) -> CheckpointStep:
        return self.start

    @property
    def sees_trigger(self) -> Trigger | None:
        return self.stage.sees_trigger

    @property
    def settings(self) -> Training:
        return self.stage.training

    @property
    def responses(self) -> float:
        whole = sum(part.share for part in self.stage.parts)
        return sum(part.share * len(part.ordering.tiers) for part in self.stage.parts) / whole

    @property
    def passes(self) -> float:
        return self.stage.objective.passes

    def rate(self, host: HostedBase) -> float | None:
        return host.organism_rate if self.split == "organism" else host.safety_rate

    def check(self) -> None:
        orderings = [part.ordering for part in self.stage.parts]
        thoughts = [part.thoughts for part in self.stage.parts]
        check_trainable(self.start, self.stage.objective, orderings, self.stage.training, thoughts)
        self._forbid(examples_now(self.data, self.split))

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        self._forbid([*harmful, *harmless])
        return self.stage.recipe(harmful, harmless, self.seed, on, system)

    def _forbid(self, examples: list[Example]) -> None:
        if not self.sees_trigger:
            self.forbid(examples, self.trigger)
