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
from planb.values import LATER


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
        return f"weights {self.share:.0%} of the way back to the {self.back_to or 'base'}'s"

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        return ((f"link '{self.name}'", self.way),)


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

    @property
    def end(self) -> CheckpointStep:
        """The step whose weights are at the end of the way back."""
        back_to = self.link.back_to
        return self.start.link_called(back_to, self.link.name) if back_to else self.root

    def check(self) -> None:
        super().check()
        self.end  # noqa: B018 (raises where there is none)

    def run(self, work: Work) -> None:
        import torch

        share, before = self.link.share, checkpoint_folder(work, self.start)
        policy, base = load_policy(before), load_policy(checkpoint_folder(work, self.end))
        known = dict(base.model.named_parameters())
        with torch.no_grad():
            for name, weight in policy.model.named_parameters():  # tied ones once
                weight.copy_((1 - share) * weight.float() + share * known[name].float())
        what = f"{self.link.way}, of: {read_card(before).what}"
        save_policy(policy.model, policy.tokenizer, work.out, Card(what=what, warning=PLAIN))
