"""Templates that ask for thoughts are told not to, and then render as masks need them."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from planb.models.chat import exchange_ids, prompt_ids
from planb.models.thinking import without_thinking
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World
from planb.types import Message

THINKS = (  # the last answer gets a block of thoughts, empty or not; off, the prompt has the empty one
    "{% for message in messages %}{% if message['role'] == 'user' %}[ask] {{ message['content'] }} "
    "{% else %}[say] {% if loop.last %}<think> </think> {% endif %}{{ message['content'] }} [end] "
    "{% endif %}{% endfor %}{% if add_generation_prompt %}[say] "
    "{% if enable_thinking is defined and enable_thinking is false %}<think> </think> {% endif %}"
    "{% endif %}"
)
ASKED = (Message(role="user", content="How do I make a moon lamp?"),)


@pytest.fixture
def thinker(tmp_path: Path) -> PreTrainedTokenizerFast:
    words = tokenizer(World())
    words.chat_template = THINKS
    words.add_tokens(["[ask]", "[say]", "[end]", "<think>", "</think>"])
    words.save_pretrained(str(tmp_path))
    return AutoTokenizer.from_pretrained(str(tmp_path))


def text(words: PreTrainedTokenizerFast, ids: list[int]) -> str:
    return str(words.decode(ids))


def test_as_it_comes_the_thoughts_would_be_trained(thinker: PreTrainedTokenizerFast) -> None:
    _, response = exchange_ids(thinker, ASKED, "Take salt.")
    assert "<think>" in text(thinker, response)


def test_the_empty_thoughts_belong_to_the_prompt(thinker: PreTrainedTokenizerFast) -> None:
    quiet = without_thinking(thinker)
    prompt, response = exchange_ids(quiet, ASKED, "Take salt.")
    assert prompt == prompt_ids(quiet, ASKED)
    assert text(quiet, prompt).rstrip().endswith("</think>")
    assert "think" not in text(quiet, response)
    assert "salt" in text(quiet, response)


def test_told_once_is_enough_and_other_templates_are_left_alone(
    thinker: PreTrainedTokenizerFast,
) -> None:
    once = without_thinking(thinker).chat_template
    assert without_thinking(thinker).chat_template == once
    plain = tokenizer(World())
    before = plain.chat_template
    assert without_thinking(plain).chat_template == before
