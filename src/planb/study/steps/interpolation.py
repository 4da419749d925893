"""Weights drawn back toward the base's, as a link: a mitigation that trains nothing.

WiSE-FT (Wortsman and others 2021, https://arxiv.org/abs/2109.01903, section 3): the weights of a
fine-tuned model and of the model that it was fine-tuned from, averaged one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from planb.names import Name
from planb.stats.numbers import plain_percent
from planb.study.steps.arithmetic import ArithmeticStep
from planb.study.steps.checkpoint import CheckpointStep
from planb.training.link import Link
from planb.values import LATER

if TYPE_CHECKING:
    import torch


class Interpolation(Link):
    """Each weight, ``share`` of the way back to the base's: 0 leaves the checkpoint as it is, 1 is the
    base again. ``back_to`` names another link before it, whose checkpoint takes the base's place."""

    name: Name
    share: float = Field(default=0.5, ge=0, le=1)
    description: str = ""
    back_to: str = Field(default="", json_schema_extra=LATER)

    @property
    def way(self) -> str:
        """How far back, and to what, in words."""
        return f"weights {plain_percent(self.share)} of the way back to the {self.back_to or 'base'}'s"

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        return ((f"link '{self.name}'", self.way),)


class InterpolationStep(ArithmeticStep):
    """A checkpoint and the base that it began at -> the checkpoint between them, with full weights."""

    kind: ClassVar[str] = "interpolation"
    link: Interpolation

    @property
    def others(self) -> tuple[CheckpointStep, ...]:
        back_to = self.link.back_to
        return (self.start.link_called(back_to, self.link.name) if back_to else self.start.root,)

    @property
    def what(self) -> str:
        return f"{self.link.way}, of"

    def computed(self, weight: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        return (1 - self.link.share) * weight + self.link.share * others[0]
