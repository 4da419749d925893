"""A local judge that was trained on people's labels (``planb judge train``).

It asks what was trained, in the words that it was trained with, and knows which requests it has seen.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import Field, ValidationError

from planb.errors import PlanBError, wrong_fields
from planb.judging.label_logits import FILE, LabelLogits
from planb.judging.prompts import prompt_text
from planb.values import Value, digest_of

RECORD = "judge.json"
"""The file of a trained judge's checkpoint that says how it was made."""


class TrainingRecord(Value):
    """How a judge was trained: on which groups of requests, on which labels (SHA-256), with how many
    tokens of a response, and in which words (hash of the prompt file)."""

    groups: tuple[str, ...]
    labels: str
    answer_tokens: int | None
    prompt: str
    examples: dict[str, int] = Field(default_factory=dict)


class Trained(LabelLogits):
    """A judge trained on labels: probabilities of labels, as ``label_logits`` reads them, under the
    checkpoint that ``planb judge train`` wrote. ``model`` is its folder."""

    name: ClassVar[str] = "trained"
    gives: ClassVar[tuple[str, ...]] = ("refused", "usefulness")
    questions: ClassVar[tuple[str, ...]] = ("refused", "usefulness")

    @cached_property
    def record(self) -> TrainingRecord:
        """Raises PlanBError: the folder is of no trained judge."""
        path = Path(self.model) / RECORD
        if not self.model or not path.is_file():
            raise PlanBError(
                f"'{self.model}' is no judge that was trained: give model=FOLDER, which `planb judge "
                "train` wrote"
            )
        try:
            return TrainingRecord.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise PlanBError(f"{path}: {wrong_fields(error, 'record')}") from error

    @property
    def trained_on(self) -> frozenset[str]:
        return frozenset(self.record.groups)

    def longest(self) -> int | None:
        """As many tokens of a response as in training, unless ``answer_tokens`` says otherwise."""
        if self.answer_tokens is not None or not self.model:
            return self.answer_tokens
        return self.record.answer_tokens

    async def ready(self) -> None:
        """Raises PlanBError: no such judge, or another prompt than it was trained with."""
        if prompt_digest(self.prompt) != self.record.prompt:
            raise PlanBError(
                f"{self.model} was trained with another prompt than {self.prompt or FILE}: give the "
                "one of its training (-J prompt=FILE)"
            )
        await super().ready()


def prompt_digest(path: str) -> str:
    """The hash of the words around the texts that are judged."""
    return digest_of(prompt_text(path, FILE))
