"""A tiny chat model with random weights, for runs of a study of real models where there are none."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from planb.models.random_chat import Shape, chat_tokenizer, save_chat_model
from planb.names import Name
from planb.study.steps.checkpoint import BaseStep
from planb.study.steps.step import Work
from planb.values import Value

STAMP = "plumbing only: random weights"


class RandomBase(Value):
    """A tiny chat model with random weights; ``shape`` says whose architecture and template it has."""

    name: Name
    shape: Shape
    positions: int = Field(default=4096, gt=0)
    seed: int = 0

    def step(self) -> RandomBaseStep:
        return RandomBaseStep(base=self)


class RandomBaseStep(BaseStep):
    """Nothing -> a checkpoint."""

    base: RandomBase

    def tokenizer(self) -> Any:
        return chat_tokenizer(self.base.shape)

    def run(self, work: Work) -> None:
        save_chat_model(self.base.shape, work.out, self.base.positions, self.base.seed)
