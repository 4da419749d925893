"""What one training consists of, wherever it is done: on this machine, or by a host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from planb.models.cards import Card
from planb.training.objectives import Objective
from planb.training.rows import Ranking
from planb.training.settings import Training


@dataclass(frozen=True)
class Recipe:
    """A training recipe: data mixture, objective, training settings, and the seed of the order.

    ``card`` is what the checkpoint will say of itself.
    """

    rankings: list[Ranking]
    objective: Objective
    training: Training
    seed: int
    card: Card

    def train(
        self, start: Path, out: Path, progress: Callable[[float, float, str], None] | None = None
    ) -> None:
        """Train the checkpoint in ``start`` and write the new one into ``out``. Resumable."""
        from planb.training.train import retrain

        retrain(start, self, out, progress)
