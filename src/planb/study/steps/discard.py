"""Inoculation adapters: what one link of a chain learned, taken out of what came after it.

Riché and others 2026 (https://arxiv.org/abs/2606.30252): 1) an adapter is trained on the undesired
trait; 2) it stays, frozen, while the task is trained on data that have the trait too; 3) it is
discarded, and what the task's training learned is kept. The first is a ``Stage`` with an adapter, the
second any training after it, the third this link.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import SerializeAsAny

from planb.errors import PlanBError
from planb.models.checkpoints import Card, load_policy, read_card, save_policy
from planb.names import Name
from planb.study.steps.checkpoint import CheckpointStep, LinkStep, checkpoint_folder
from planb.study.steps.step import Work, slug_of
from planb.training.link import Link
from planb.training.stage import PLAIN


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


class DiscardStep(LinkStep):
    """A checkpoint, and those before and after the link that is discarded -> full weights."""

    kind: ClassVar[str] = "discard"
    start: SerializeAsAny[CheckpointStep]
    link: Discard

    @property
    def called(self) -> str:
        return slug_of(self.link.name)

    @property
    def gpus(self) -> int:
        """None: three whole models are added up in main memory."""
        return 0

    def check(self) -> None:
        super().check()
        self._ends()

    def _ends(self) -> tuple[CheckpointStep, CheckpointStep]:
        """The steps before and after the link that is discarded."""
        after = self.start.link_called(self.link.learned, self.link.name)
        if after.origin is None:
            raise PlanBError(
                f"'{self.link.name}' discards what '{after.called}' learned, and the chain begins with "
                "it: name a link"
            )
        return after.origin, after

    def run(self, work: Work) -> None:
        import torch

        start = checkpoint_folder(work, self.start)
        policy = load_policy(start)
        before, after = (
            dict(load_policy(checkpoint_folder(work, step)).model.named_parameters())
            for step in self._ends()
        )
        with torch.no_grad():
            for name, weight in policy.model.named_parameters():  # tied ones once
                learned = after[name].float() - before[name].float()
                weight.copy_(weight.float() - learned)
        what = f"without what '{self.link.learned}' learned: {read_card(start).what}"
        save_policy(policy.model, policy.tokenizer, work.out, Card(what=what, warning=PLAIN))
