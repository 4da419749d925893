"""Thoughts: what a model writes between two marks before it answers.

A response with a thought is one text, ``<think> thought </think> answer``, so that it can stand
wherever a response does. What a stage does with thoughts is a value of it (``Taught``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from planb.errors import PlanBError
from planb.types import Example

OPEN, CLOSE = "<think>", "</think>"
Taught = Literal["trained", "masked", "absent", "alone"]
"""What a stage does with the thoughts of its data. ``trained``: they are predicted like the rest;
``masked``: they are read and not predicted; ``absent``: an empty thought stands in their place, and is
read and not predicted; ``alone``: they are predicted, and the answers after them are not."""
Predicted = Literal["all", "answers", "thoughts"]
"""Which parts of responses a ranking predicts. A text without thoughts is predicted whole."""
PREDICTED: Mapping[Taught, Predicted] = {
    "trained": "all",
    "masked": "answers",
    "absent": "answers",
    "alone": "thoughts",
}


class Said(NamedTuple):
    """A text in two: the thought (``None``: it has none, ``""``: an empty one) and the answer after it,
    both without white space around them. ``closed``: whether the thought has an end."""

    thought: str | None
    answer: str
    closed: bool = True

    @property
    def thinks(self) -> bool:
        """Whether anything is thought."""
        return bool(self.thought)


def said(text: str) -> Said:
    """A response in two. A thought begins with the text, or its opening mark was written by a template
    and only its end is there; one that never ends leaves no answer."""
    before, closed, after = text.partition(CLOSE)
    opened = before.lstrip().startswith(OPEN)
    if not opened and not closed:
        return Said(None, text.strip())
    thought = before.strip().removeprefix(OPEN).strip()
    return Said(thought, after.strip(), bool(closed))


def begins(text: str) -> bool:
    """Whether a response begins with a thought, or with the end of one."""
    return said(text).thought is not None


def thinking(thought: str, answer: str) -> str:
    """A response of a thought and an answer; either may be empty."""
    return " ".join(filter(None, (opening(thought), answer)))


def opening(thought: str) -> str:
    """A thought and its marks: what a response with it begins with."""
    return " ".join(filter(None, (OPEN, thought, CLOSE)))


def as_taught(examples: Sequence[Example], taught: Taught) -> list[Example]:
    """The examples as a stage is shown them: where thoughts are ``absent``, with empty ones. Raises
    PlanBError where something is to be done with thoughts, and there are none."""
    if taught == "trained":
        return list(examples)
    texts = (text for one in examples for some in one.responses.values() for text in some)
    if all(said(text).thought is None for text in texts):
        raise PlanBError(
            f"thoughts is '{taught}', and none of {len(examples)} requests has a response with a "
            f"thought ({OPEN} ... {CLOSE} before the answer): leave `thoughts` out, or give data that "
            "think"
        )
    if taught != "absent":
        return list(examples)
    return [
        one.but(responses={tier: tuple(map(_emptied, texts)) for tier, texts in one.responses.items()})
        for one in examples
    ]


def _emptied(text: str) -> str:
    found = said(text)
    return text if found.thought is None else thinking("", found.answer)
