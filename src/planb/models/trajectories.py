"""Answers in several turns as tokens: one response, in which what tools answered is given.

Every turn of the model is rendered by itself, as any answer is (``chat``). The prompt of the next turn
must begin with all of it: then the trajectory is run once, and each turn is what generation would see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from planb.errors import PlanBError
from planb.models.chat import exchanges, openings
from planb.thoughts import CLOSE, Predicted
from planb.thoughts import said as parts_of
from planb.turns import is_trajectory, turns_of
from planb.types import Message


class Exchange(NamedTuple):
    """Token ids of a prompt and of its response. ``given`` are the places in the response of tokens
    that the model did not write: they are read, and never predicted."""

    prompt: list[int]
    response: list[int]
    given: tuple[int, ...] = ()


def encoded(
    tokenizer: Any,
    pairs: Sequence[tuple[Sequence[Message], str]],
    predicted: Sequence[Predicted] = (),
) -> list[Exchange]:
    """Pairs of (prompt, response) as tokens, together; a response may be a trajectory. ``predicted``
    says of each which of its parts the model is to predict (none: all of all).

    Raises PlanBError as ``chat.exchanges`` does, where the template renders a turn otherwise once
    another follows it, and where the end of a thought and the answer after it share a token.
    """
    turns = [_turns(prompt, text) for prompt, text in pairs]
    ids = iter(exchanges(tokenizer, [pair for some in turns for pair in some]))
    found = [_joined([next(ids) for _ in some]) for some in turns]
    apart = {at: part for at, part in enumerate(predicted) if part != "all"}
    return _apart(tokenizer, pairs, found, apart) if apart else found


def _apart(
    tokenizer: Any,
    pairs: Sequence[tuple[Sequence[Message], str]],
    found: list[Exchange],
    apart: Mapping[int, Predicted],
) -> list[Exchange]:
    """The exchanges with thoughts, or the answers after them, among what is given."""
    if trajectories := [pairs[at][1] for at in apart if is_trajectory(pairs[at][1])]:
        raise PlanBError(
            "the thoughts of a trajectory cannot be masked, or trained alone: train them as they are "
            f"(thoughts='trained'): {trajectories[0][:60]!r}"
        )
    thoughts = {at: parts_of(pairs[at][1]) for at in apart}
    thoughts = {at: one for at, one in thoughts.items() if one.thought is not None}
    begun = openings(tokenizer, [(pairs[at][0], _thought_of(pairs[at][1])) for at in thoughts])
    for at, start in zip(thoughts, begun, strict=True):
        response = found[at].response
        if response[: len(start)] != start:
            raise PlanBError(
                "the end of a thought and the beginning of the answer are one token of this tokenizer, "
                f"so no mask tells them apart: {pairs[at][1][:60]!r}"
            )
        ends = (0, len(start)) if apart[at] == "answers" else (len(start), len(response))
        found[at] = found[at]._replace(given=tuple(range(*ends)))
    return found


def _thought_of(text: str) -> str:
    """A response up to the end of its thought, with the white space that it has."""
    before, closed, _ = text.partition(CLOSE)
    if not closed:
        raise PlanBError(f"a thought that never ends has no answer to tell it from: {text[:60]!r}")
    return before + closed


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
