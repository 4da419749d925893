"""The talk's judge: refusal, usefulness 0-10, coherence and language, in one answer of a model."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from planb.judging.asking import AskedJudge
from planb.judging.reading import Form
from planb.types import Judgement


class UsefulnessForm(Form):
    """Four questions about one response."""

    refused: bool
    usefulness: float = Field(ge=0, le=10)
    coherent: bool
    language: str = Field(min_length=1, max_length=40, pattern=r"^[^\W\d_][\w -]*$")


class LLMJudge(AskedJudge):
    """LLM judge of usefulness (0-10), refusal, coherence and language (``usefulness_0_10.txt``)."""

    name: ClassVar[str] = "llm"
    form: ClassVar[type[Form]] = UsefulnessForm
    file: ClassVar[str] = "usefulness_0_10.txt"

    def meaning(self, answer: UsefulnessForm) -> Judgement:
        return Judgement(
            refused=answer.refused,
            usefulness=answer.usefulness,
            coherent=answer.coherent,
            language=answer.language,
        )
