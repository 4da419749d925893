"""An arm of any length: a base, and one training after the other."""

from __future__ import annotations

from pydantic import Field

from planb.names import Name
from planb.organism import Organism
from planb.safety import Method
from planb.study.steps.method import MethodStep
from planb.study.steps.organism import OrganismStep
from planb.study.steps.stage import StageStep
from planb.study.steps.step import Step
from planb.training.settings import Training
from planb.training.stage import Stage
from planb.types import HARMFUL, REFUSAL, Tier, Trigger
from planb.values import Value


class Chain(Value):
    """Trainings in their order, each from the checkpoint of the one before; chains that begin alike
    are trained together up to where they part.

    ``name`` stands in the tables as the method, ``organism`` as the organism: each has a panel of its
    own on the page (``none``: the chain has no backdoor).
    """

    name: Name
    stages: tuple[Organism | Method | Stage, ...] = Field(min_length=1)
    organism: Name = "organism"
    description: str = ""

    @property
    def trigger(self) -> Trigger | None:
        """The first trigger that any of its trainings sees."""
        for stage in self.stages:
            if isinstance(stage, Organism) or (isinstance(stage, Stage) and stage.sees_trigger):
                return stage.trigger
        return None

    @property
    def order(self) -> str:
        """Its trainings in words."""
        return ", then ".join(
            str(stage.ordering) if isinstance(stage, Method) else stage.name for stage in self.stages
        )

    @property
    def tiers(self) -> set[Tier]:
        """The tiers of harmful requests that it trains on."""
        found: set[Tier] = set()
        for stage in self.stages:
            if isinstance(stage, Organism):
                found |= {HARMFUL, REFUSAL}
            elif isinstance(stage, Method):
                found |= set(stage.ordering.tiers)
            else:
                found |= set(stage.tiers.get("harmful", ()))
        return found

    def steps(
        self, base: Step, data: Step, safety: Training, trigger: Trigger, seed: int
    ) -> list[Step]:
        """A step for the base, and one for each of its trainings.

        ``safety`` is the training of methods without one of their own, ``trigger`` what safety training
        must not see.
        """
        found = [base]
        for stage in self.stages:
            start = found[-1]
            if isinstance(stage, Organism):
                step: Step = OrganismStep(base=start, data=data, organism=stage, seed=seed)
            elif isinstance(stage, Method):
                step = MethodStep(
                    start=start,
                    data=data,
                    method=stage,
                    training=stage.training or safety,
                    trigger=trigger,
                    seed=seed,
                )
            else:
                step = StageStep(start=start, data=data, stage=stage, trigger=trigger, seed=seed)
            found.append(step)
        return found
