"""Circuit breakers: hidden states of harmful answers turned away, those of other answers kept.

Zou and others 2024 (https://arxiv.org/abs/2406.04313, section 3): at some layers, ReLU of the cosine
between a harmful answer's hidden states in the model before training and now, times alpha (1 - t/2T),
plus the L2 distance of all other answers' hidden states then and now, times alpha t/2T, at update t of
T. Shapes: M tokens, D hidden size, E examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from planb.mitigations.bending import Bending
from planb.training.objectives import Forward, Further


class CircuitBreakers(Bending):
    """Representation rerouting. ``depths``: of 32 layers the outputs of 10 and 20."""

    alpha: float = Field(default=10.0, gt=0)
    depths: tuple[float, ...] = Field(default=(10 / 32, 20 / 32), min_length=1)

    @contextmanager
    def around(self, forward: Forward) -> Iterator[Further]:
        with self.states(forward) as states:

            def further() -> dict[str, Any]:
                answers, done = states.answers, forward.progress
                turned, moved = 0.0, 0.0
                for old_MD, new_MD in states.pairs():
                    turned = turned + rerouting(old_MD, new_MD) / len(states.now)
                    moved = moved + (old_MD - new_MD).norm(dim=1) / len(states.now)
                return {
                    "rerouting": self.alpha * (1 - done / 2) * answers.mean(turned, answers.harmful_M),
                    "retain": self.alpha * done / 2 * answers.mean(moved, ~answers.harmful_M),
                }

            yield further


def rerouting(before_MD: Any, now_MD: Any) -> Any:
    """(M,) ReLU of the cosine: 0 once a hidden state stands at a right angle to what it was."""
    import torch

    return torch.nn.functional.cosine_similarity(before_MD, now_MD, dim=1).relu()
