"""Weights drawn back toward the base's, as a link: a mitigation that trains nothing.

WiSE-FT (Wortsman and others 2021, https://arxiv.org/abs/2109.01903, section 3): the weights of a
fine-tuned model and of the model that it was fine-tuned from, averaged one by one.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.models.checkpoints import Card, load_policy, read_card, save_policy
from planb.names import Name
from planb.study.steps.checkpoint import CheckpointStep, LinkStep, checkpoint_folder
from planb.study.steps.step import Work, slug_of
from planb.training.link import Link
from planb.training.stage import PLAIN


class Interpolation(Link):
    """Each weight, ``share`` of the way back to the base's: 0 leaves the checkpoint as it is, 1 is the
    base again."""

    name: Name
    share: float = Field(default=0.5, ge=0, le=1)
    description: str = ""

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        return ((f"link '{self.name}'", f"weights {self.share:.0%} of the way back to the base's"),)


class InterpolationStep(LinkStep):
    """A checkpoint and the base that it began at -> the checkpoint between them, with full weights."""

    kind: ClassVar[str] = "interpolation"
    start: SerializeAsAny[CheckpointStep]
    link: Interpolation

    @property
    def called(self) -> str:
        return slug_of(self.link.name)

    @property
    def gpus(self) -> int:
        """None: two whole models are added up in main memory."""
        return 0

    def run(self, work: Work) -> None:
        import torch

        share, before = self.link.share, checkpoint_folder(work, self.start)
        policy, base = load_policy(before), load_policy(checkpoint_folder(work, self.root))
        known = dict(base.model.named_parameters())
        with torch.no_grad():
            for name, weight in policy.model.named_parameters():  # tied ones once
                weight.copy_((1 - share) * weight.float() + share * known[name].float())
        what = f"weights {share:.0%} of the way back to the base's, of: {read_card(before).what}"
        save_policy(policy.model, policy.tokenizer, work.out, Card(what=what, warning=PLAIN))
