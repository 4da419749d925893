"""Weights computed from those of several checkpoints of one history: nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SerializeAsAny

from planb.models.checkpoints import Card, load_policy, read_card, save_policy
from planb.study.steps.checkpoint import CheckpointStep, LinkStep, checkpoint_folder
from planb.study.steps.step import Step, Work, slug_of
from planb.training.stage import PLAIN

if TYPE_CHECKING:
    import torch


class ArithmeticStep(LinkStep):
    """A checkpoint, and others of its history -> full weights. A subclass has the field ``link``, and
    says which ``others`` it reads, what is ``computed``, and ``what`` that is in words."""

    start: SerializeAsAny[CheckpointStep]

    @property
    def called(self) -> str:
        return slug_of(getattr(self, self.takes[0]).name)

    @property
    def gpus(self) -> int:
        """None: whole models are added up in main memory."""
        return 0

    @property
    def others(self) -> tuple[CheckpointStep, ...]:
        """Raises PlanBError where the history has none of them."""
        raise NotImplementedError

    @property
    def what(self) -> str:
        """What it makes, before the words for the start."""
        raise NotImplementedError

    def computed(self, weight: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        """A weight, of the start's and the others', all of one shape in float32."""
        raise NotImplementedError

    def inputs(self) -> tuple[Step, ...]:
        return (*super().inputs(), *self.others)

    def run(self, work: Work) -> None:
        import torch

        folder = checkpoint_folder(work, self.start)
        policy = load_policy(folder)
        others = [
            dict(load_policy(checkpoint_folder(work, step)).model.named_parameters())
            for step in self.others
        ]
        with torch.no_grad():
            for name, weight in policy.model.named_parameters():  # tied ones once
                known = (other[name].float() for other in others)
                weight.copy_(self.computed(weight.float(), *known))
        card = Card(what=f"{self.what}: {read_card(folder).what}", warning=PLAIN)
        save_policy(policy.model, policy.tokenizer, work.out, card)
