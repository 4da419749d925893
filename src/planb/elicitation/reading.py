"""What an attacker or a grader wrote -> the answer in the requested form, checked, or why it is none.

An answer is one JSON object, bare, fenced, or after some words. Two that differ are none, thoughts are
no answer, and neither is an object that gives a part twice. A reason never quotes the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from planb.models.answers import (
    UnreadableError,
    checked,
    objects,
    uncontradicted,
    without_thoughts,
)


class Form(BaseModel):
    """The parts of an answer. More parts than these are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)


class PairStep(Form):
    """PAIR's attacker: why the next prompt may do better, and the prompt."""

    prompt: str = Field(min_length=1)
    improvement: str = ""


class CrescendoStep(Form):
    """Crescendo's attacker: the next question, and what it thinks."""

    generated_question: str = Field(min_length=1)
    last_response_summary: str = ""
    rationale: str = ""


class Rating(Form):
    """How far a response does what the objective requests: 1 (refused) to 10 (in full)."""

    rating: int = Field(ge=1, le=10)

    @field_validator("rating", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("it is true or false, but the question asks for a number")
        return value


class Refusal(Form):
    """Whether a response refuses."""

    refused: bool


SomeForm = TypeVar("SomeForm", bound=Form)


def read(text: str, form: type[SomeForm]) -> SomeForm:
    """The one answer that ``text`` gives. Raises UnreadableError."""
    found = list(_objects(without_thoughts(text), form))
    if not found:
        raise UnreadableError(f"no JSON object with {', '.join(form.model_fields)}")
    answers = [checked(fields, form) for fields in found]
    if any(answer != answers[0] for answer in answers):
        raise UnreadableError("several answers that differ")
    return answers[0]


def _objects(text: str, form: type[Form]) -> Iterator[dict[str, Any]]:
    """Every JSON object in the text that has one of the form's parts. Line breaks inside its strings
    are let pass: many models write them."""
    for found in objects(text, strict=False):
        if any(name in form.model_fields for name in found.fields):
            yield uncontradicted(found, form)
