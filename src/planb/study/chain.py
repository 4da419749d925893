"""An arm of any length: a base, and one link after the other."""

from __future__ import annotations

from pydantic import Field, SerializeAsAny, field_validator

from planb.models.cleangen import CleanGen
from planb.names import Name
from planb.study.steps.checkpoint import CheckpointStep, Given
from planb.study.steps.links import link_step, step_class
from planb.training.link import Link
from planb.types import Tier, Trigger
from planb.values import Value


class Chain(Value):
    """Links in their order, each from the checkpoint of the one before: trainings, or what else changes
    weights. Chains that begin alike are trained together up to where they part.

    ``decoding`` is how the last checkpoint is decoded when it is evaluated: beside the base, which is
    the clean reference.

    ``name`` stands in the tables as the method, ``organism`` as the organism: each has a panel of its
    own on the page (``none``: the chain has no backdoor).
    """

    name: Name
    stages: tuple[SerializeAsAny[Link], ...] = Field(min_length=1)
    organism: Name = "organism"
    description: str = ""
    decoding: CleanGen | None = None

    @field_validator("stages")
    @classmethod
    def _each_has_a_step(cls, stages: tuple[Link, ...]) -> tuple[Link, ...]:
        for link in stages:
            step_class(link)
        return stages

    @property
    def trigger(self) -> Trigger | None:
        """The first trigger that any of its links shows."""
        return next((link.sees_trigger for link in self.stages if link.sees_trigger), None)

    @property
    def order(self) -> str:
        """Its links in words."""
        decoded = [self.decoding.words] if self.decoding else []
        return ", then ".join([*(link.summary for link in self.stages), *decoded])

    @property
    def tiers(self) -> set[Tier]:
        """The tiers of harmful requests that it trains on."""
        return {tier for link in self.stages for tier in link.harmful_tiers}

    def steps(self, base: CheckpointStep, given: Given) -> list[CheckpointStep]:
        """A step for the base, and one for each of its links."""
        found = [base]
        for link in self.stages:
            found.append(link_step(link, found[-1], given))
        return found
