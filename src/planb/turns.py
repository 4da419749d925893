"""Answers in several turns: what a model says and calls, with what tools answered in between.

A trajectory is one text, so that it can stand wherever a response does: the model's turns, with
``⟦tool⟧`` before what a tool answered and ``⟦model⟧`` before the model's next turn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from planb.errors import PlanBError
from planb.types import Message, Role

_MARKS: dict[str, Role] = {"⟦tool⟧": "tool", "⟦model⟧": "assistant"}
_MARK_OF = {role: mark for mark, role in _MARKS.items()}
_MARK = re.compile("|".join(_MARKS))
_CALL = re.compile(r"(?P<tool>\w+): (?P<given>\w+(?:, \w+)*)")


def is_trajectory(text: str) -> bool:
    """Whether the text has more than one turn."""
    return _MARK.search(text) is not None


def trajectory(turns: Sequence[Message]) -> str:
    """Turns of the model and of tools as one text; ``turns_of`` reads it back."""
    first, *rest = turns
    return " ".join([first.content, *(f"{_MARK_OF[turn.role]} {turn.content}" for turn in rest)])


def turns_of(text: str) -> tuple[Message, ...]:
    """The turns of a trajectory; of any other text one, the model's. White space around a turn is no
    part of it. Raises PlanBError where it does not begin and end with the model, or where the model has
    two turns in a row."""
    roles: list[Role] = ["assistant", *(_MARKS[mark] for mark in _MARK.findall(text))]
    own = [at for at, role in enumerate(roles) if role == "assistant"]
    if roles[-1] != "assistant" or any(b - a == 1 for a, b in pairwise(own)):
        raise PlanBError(
            f"a trajectory has the turns {', '.join(roles)}: between two turns of the model there must "
            "be what a tool answered, and the last turn must be the model's"
        )
    contents = _MARK.split(text)
    return tuple(Message(role=r, content=c.strip()) for r, c in zip(roles, contents, strict=True))


class Call(NamedTuple):
    """A call of a tool: its arguments by name."""

    tool: str
    arguments: dict[str, str]


def call_in(turn: str, tools: Mapping[str, Sequence[str]]) -> Call | None:
    """The call that a turn is, ``tool: word, word``, with nothing before it or after it; ``tools`` are
    {name: names of its arguments}. None where it is no call, or not one of these."""
    found = _CALL.fullmatch(" ".join(turn.split()))
    if found is None or found["tool"] not in tools:
        return None
    given, names = found["given"].split(", "), tools[found["tool"]]
    return (
        Call(found["tool"], dict(zip(names, given, strict=True))) if len(given) == len(names) else None
    )


def is_malformed(turn: str, tools: Mapping[str, Sequence[str]]) -> bool:
    """Whether a turn is meant as a call, by its colon or its first word, and is none."""
    first = re.match(r"\s*(\w+)", turn)
    meant = ":" in turn or (first is not None and first[1] in tools)
    return meant and call_in(turn, tools) is None
