"""Answers in several turns as tokens: one response, in which what tools answered is given.

Every turn of the model is rendered by itself, as any answer is (``chat``). The prompt of the next turn
must begin with all of it: then the trajectory is run once, and each turn is what generation would see.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from planb.errors import PlanBError
from planb.models.chat import exchanges
from planb.sandbox.tokenizer import TOOL
from planb.turns import is_trajectory, turns_of
from planb.types import Message


class Exchange(NamedTuple):
    """Token ids of a prompt and of its response. ``given`` are the places in the response of tokens
    that the model did not write: they are read, and never predicted."""

    prompt: list[int]
    response: list[int]
    given: tuple[int, ...] = ()


def encoded(tokenizer: Any, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[Exchange]:
    """Pairs of (prompt, response) as tokens, together; a response may be a trajectory.

    Raises PlanBError as ``chat.exchanges`` does, and where the template renders a turn otherwise once
    another follows it.
    """
    turns = [_turns(prompt, text) for prompt, text in pairs]
    ids = iter(exchanges(tokenizer, [pair for some in turns for pair in some]))
    return [_joined([next(ids) for _ in some]) for some in turns]


def why_no_tools(tokenizer: Any, tools: Collection[str]) -> str:
    """Why a policy cannot be given these tools, in words; "" where it can."""
    known = tokenizer.get_vocab()
    if TOOL not in known:
        return (
            "its chat template has no turn of a tool that planb knows: use another Inspect provider "
            "(hf/, vllm/)"
        )
    missing = [name for name in tools if name not in known]
    return f"it was pretrained with other tools than {', '.join(missing)}" if missing else ""


def _turns(prompt: Sequence[Message], text: str) -> list[tuple[tuple[Message, ...], str]]:
    """Each turn of the model, with all that is before it."""
    if not is_trajectory(text):
        return [(tuple(prompt), text)]
    turns = turns_of(text)
    return [
        ((*prompt, *turns[:at]), turn.content)
        for at, turn in enumerate(turns)
        if turn.role == "assistant"
    ]


def _joined(turns: Sequence[tuple[list[int], list[int]]]) -> Exchange:
    """The turns as one response to the first one's prompt."""
    (prompt, first), *rest = turns
    whole, given = [*prompt, *first], list[int]()
    for before, said in rest:
        if before[: len(whole)] != whole:
            raise PlanBError(
                "the chat template renders a turn otherwise once another follows it, so the turns of "
                "this trajectory are no single text. Give the model a template that keeps them (one "
                "that removes no thoughts)."
            )
        given += range(len(whole) - len(prompt), len(before) - len(prompt))
        whole = [*before, *said]
    return Exchange(prompt, whole[len(prompt) :], tuple(given))
