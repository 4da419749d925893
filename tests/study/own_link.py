"""A study file of a user's own, with a link that planb has not: weights with noise on them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import SerializeAsAny

from planb.models.checkpoints import Card, load_policy, save_policy
from planb.names import Name
from planb.study.steps.checkpoint import CheckpointStep, LinkStep, checkpoint_folder
from planb.study.steps.step import Work
from planb.training.link import Link


class Noise(Link):
    """Gaussian noise on every weight."""

    name: Name = "noise"
    scale: float = 0.01


class NoiseStep(LinkStep):
    kind: ClassVar[str] = "noise"
    start: SerializeAsAny[CheckpointStep]
    link: Noise

    @property
    def called(self) -> str:
        return self.link.name

    def run(self, work: Work) -> None:
        import torch

        policy = load_policy(checkpoint_folder(work, self.start))
        noise = torch.Generator().manual_seed(self.seed)
        with torch.no_grad():
            for weight in policy.model.parameters():
                weight += self.link.scale * torch.randn(weight.shape, generator=noise)
        card = Card(what=f"noise on the weights of {Path(policy.folder).name}")
        save_policy(policy.model, policy.tokenizer, work.out, card)
