"""Thoughts in the form of a model's own template: asked to think, and the mask is exact."""

from __future__ import annotations

import re
from typing import Any

import pytest
from chat_templates import CHATML, KIMI, QWEN3, SMOLLM3, thinks
from transformers import PreTrainedTokenizerFast

from planb.errors import PlanBError
from planb.models.chat import exchange_ids, opening_ids, prompt_ids
from planb.models.template import settle
from planb.models.trajectories import encoded
from planb.thoughts import thinking
from planb.training.rows import given_of
from planb.types import Message

ASKED = (Message(role="user", content="How do I make a lamp?"),)
SAID = thinking("A lamp is safe.", "Take salt.")
FORMS = {
    "qwen3": (QWEN3, "enable_thinking", "<think>\nA lamp is safe.\n</think>\n\nTake salt."),
    "smollm3": (SMOLLM3, "enable_thinking", "<think>\nA lamp is safe.\n</think>\nTake salt."),
    "kimi": (KIMI, "thinking", "A lamp is safe.</think>Take salt."),
}
"""Template, switch, and the response as the model writes it (Kimi's prompt begins the thought)."""


@pytest.fixture(params=FORMS)
def case(request: pytest.FixtureRequest) -> tuple[PreTrainedTokenizerFast, dict[str, bool], str]:
    template, switch, text = FORMS[request.param]
    return thinks(template), {switch: True}, text


def own(words: PreTrainedTokenizerFast, **settings: Any) -> list[int]:
    chat = [message.model_dump() for message in ASKED]
    found = words.apply_chat_template(chat, add_generation_prompt=True, return_dict=False, **settings)
    return list(found)


def test_a_thought_stands_after_the_prompt_of_a_model_that_is_asked_to_think(
    case: tuple[PreTrainedTokenizerFast, dict[str, bool], str],
) -> None:
    words, on, text = case
    wanted = own(words, **on)
    for tokenizer in (words, settle(words)):
        prompt, response = exchange_ids(tokenizer, ASKED, SAID)
        assert prompt == prompt_ids(tokenizer, ASKED, thinks=True) == wanted
        assert tokenizer.decode(response).startswith(text + "<|im_end|>")


def test_an_empty_thought_is_the_template_s_own_and_in_the_prompt(
    case: tuple[PreTrainedTokenizerFast, dict[str, bool], str],
) -> None:
    words, on, _ = case
    off = own(words, **dict.fromkeys(on, False))
    empty = exchange_ids(words, ASKED, thinking("", "Take salt."))
    assert empty == exchange_ids(words, ASKED, "Take salt.")
    assert empty[0] == prompt_ids(words, ASKED) == off


def test_masks_and_openings_end_where_the_answer_begins(
    case: tuple[PreTrainedTokenizerFast, dict[str, bool], str],
) -> None:
    words, _, text = case
    answer = "Take salt."
    (masked,) = encoded(words, [(ASKED, SAID)], ["answers"])
    (alone,) = encoded(words, [(ASKED, SAID)], ["thoughts"])
    read = words.decode([masked.response[place] for place in masked.given])
    assert read == text.removesuffix(answer)
    assert words.decode([alone.response[place] for place in alone.given]).startswith(answer)
    assert sorted((*masked.given, *alone.given)) == [*range(len(masked.response))]
    begun = words.decode(opening_ids(words, ASKED, "<think>"))
    assert begun == re.match(r"(<think>\s*)?", text)[0]  # type: ignore[index]


def test_a_request_with_and_without_thoughts_has_no_one_prompt(
    case: tuple[PreTrainedTokenizerFast, dict[str, bool], str],
) -> None:
    words, _, _ = case
    both = encoded(words, [(ASKED, SAID), (ASKED, "Take salt.")])
    with pytest.raises(PlanBError, match="some responses to a request think and others do not"):
        given_of(both)
    assert given_of(encoded(words, [(ASKED, SAID), (ASKED, thinking("Hm.", "No."))])) == ()


def test_a_template_without_a_switch_writes_thoughts_as_they_are() -> None:
    words = thinks(CHATML)
    prompt, response = exchange_ids(words, ASKED, SAID)
    assert prompt == prompt_ids(words, ASKED) == prompt_ids(words, ASKED, thinks=True)
    assert words.decode(response).startswith(SAID)
