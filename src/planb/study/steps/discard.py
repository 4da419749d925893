"""Inoculation adapters: what one link of a chain learned, taken out of what came after it.

Riché and others 2026 (https://arxiv.org/abs/2606.30252): 1) an adapter is trained on the undesired
trait; 2) it stays, frozen, while the task is trained on data that have the trait too; 3) it is
discarded, and what the task's training learned is kept. The first is a ``Stage`` with an adapter, the
second any training after it, the third this link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from planb.errors import PlanBError
from planb.names import Name
from planb.study.steps.arithmetic import ArithmeticStep
from planb.study.steps.checkpoint import CheckpointStep
from planb.training.link import Link

if TYPE_CHECKING:
    import torch


class Discard(Link):
    """The checkpoint without what the link ``learned`` before it changed: W - (W_after - W_before).

    With adapters it is the sum of all adapters but that one; a training of all weights after the link
    keeps what it changed itself.
    """

    name: Name
    learned: Name
    description: str = ""

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        return ((f"link '{self.name}'", f"what '{self.learned}' learned is discarded"),)


class DiscardStep(ArithmeticStep):
    """A checkpoint, and those before and after the link that is discarded -> full weights."""

    kind: ClassVar[str] = "discard"
    link: Discard

    @property
    def others(self) -> tuple[CheckpointStep, ...]:
        after = self.start.link_called(self.link.learned, self.link.name)
        if after.origin is None:
            raise PlanBError(
                f"'{self.link.name}' discards what '{after.called}' learned, and the chain begins with "
                "it: name a link"
            )
        return after.origin, after

    @property
    def what(self) -> str:
        return f"without what '{self.link.learned}' learned"

    def computed(self, weight: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        before, after = others
        return weight - (after - before)
