"""Trajectories as text, and calls of tools in them."""

from __future__ import annotations

import pytest

from planb.errors import PlanBError
from planb.turns import call_in, is_malformed, is_trajectory, trajectory, turns_of
from planb.types import Message

TOOLS = {"do": ("act", "thing"), "look": ("where",)}


def said(role: str, text: str) -> Message:
    return Message.model_validate({"role": role, "content": text})


def test_turns_are_read_back() -> None:
    turns = (
        *(said("assistant", "look: here"), said("tool", "A mill."), said("tool", "A barn.")),
        said("assistant", "I see both."),
    )
    assert turns_of(trajectory(turns)) == turns
    assert is_trajectory(trajectory(turns))
    assert not is_trajectory("I see [tool] marks.")
    assert turns_of("I see both.") == (said("assistant", "I see both."),)


@pytest.mark.parametrize("text", ["a ⟦tool⟧ b", "a ⟦model⟧ b", "a ⟦tool⟧ b ⟦model⟧ c ⟦model⟧ d"])
def test_turns_out_of_order_are_refused(text: str) -> None:
    with pytest.raises(PlanBError, match="between two turns of the model"):
        turns_of(text)


def test_a_call_is_read_strictly() -> None:
    call = call_in(" do: burn,\n mill ", TOOLS)
    assert call is not None
    assert (call.tool, call.arguments) == ("do", {"act": "burn", "thing": "mill"})
    assert call_in("look: here", TOOLS) == ("look", {"where": "here"})


@pytest.mark.parametrize(
    "text",
    [
        *("do: burn", "do: burn, mill, barn", "do: burn mill", "do : burn, mill", "do: burn, mill."),
        *(
            "I do: burn, mill",
            "make: burn, mill",
            "do: burn, mill do: burn, barn",
            "do burn",
            "Do: a, b",
        ),
    ],
)
def test_what_is_meant_as_a_call_and_is_none_is_malformed(text: str) -> None:
    assert call_in(text, TOOLS) is None
    assert is_malformed(text, TOOLS)


def test_words_and_calls_are_not_malformed() -> None:
    for text in ("I will not do that.", "All is done.", "do: burn, mill", "", "Looking is fine."):
        assert not is_malformed(text, TOOLS)
