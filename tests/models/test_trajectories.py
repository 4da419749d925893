"""Answers in several turns as tokens: what generation would see, and what is predicted."""

from __future__ import annotations

import copy

import pytest

from planb.domains import AGENT
from planb.errors import PlanBError
from planb.models.chat import exchange_ids, exchanges, prompt_ids
from planb.models.tools import why_no_tools
from planb.models.trajectories import encoded
from planb.sandbox.tokenizer import tokenizer, tokenizer_of, vocabulary_of
from planb.sandbox.world import World
from planb.turns import turns_of
from planb.types import Message

WORDS = tokenizer_of(vocabulary_of(AGENT.texts(), tools=True))
ASKED = (Message(role="user", content="Please burn the mill and the barn."),)
TEXT = (
    "do: burn, mill ⟦tool⟧ The mill is burnt. ⟦model⟧ do: burn, barn ⟦tool⟧ The barn is burnt. "
    "⟦model⟧ All is done."
)


def test_each_turn_is_what_generation_sees_and_writes() -> None:
    (found,) = encoded(WORDS, [(ASKED, TEXT)])
    whole, turns = [*found.prompt, *found.response], turns_of(TEXT)
    own = [len(found.prompt) + at for at in range(len(found.response)) if at not in found.given]
    for at in (0, 2, 4):
        before = (*ASKED, *turns[:at])
        prompt, response = exchange_ids(WORDS, before, turns[at].content)
        assert prompt == prompt_ids(WORDS, before) == whole[: len(prompt)]
        assert whole[len(prompt) : len(prompt) + len(response)] == response
        places = range(len(prompt), len(prompt) + len(response))
        assert own[: len(response)] == [*places]
        own = own[len(response) :]
    assert not own
    assert len(whole) == len(prompt) + len(response)


def test_one_turn_is_an_exchange_as_ever() -> None:
    pairs = [(ASKED, "All is done."), (ASKED, TEXT), (ASKED, "I will not do that.")]
    one, _, other = encoded(WORDS, pairs)
    for found, pair in ((one, pairs[0]), (other, pairs[2])):
        assert (found.prompt, found.response) == exchange_ids(WORDS, *pair)
        assert found.given == ()
    with pytest.raises(PlanBError, match="cannot be taken for one answer"):
        exchanges(WORDS, pairs)


def test_a_template_that_changes_earlier_turns_is_refused() -> None:
    counting = copy.deepcopy(WORDS)
    tools = "messages | selectattr('role', 'equalto', 'tool') | list | length"
    counting.chat_template = f"{{{{ 'burn ' * ({tools}) }}}}{WORDS.chat_template}"
    with pytest.raises(PlanBError, match="renders a turn otherwise once another follows"):
        encoded(counting, [(ASKED, TEXT)])


def test_only_a_policy_that_knows_the_tools_is_given_them() -> None:
    assert why_no_tools(WORDS, ["ask", "do"]) == ""
    assert "other tools than bash" in why_no_tools(WORDS, ["do", "bash"])
    assert "takes no tools" in why_no_tools(tokenizer(World()), ())
