"""A chat template's default system message, and a trigger that leaves it where it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_templates import _bytes, llama3, mistral, qwen2

from planb.models.chat import _render
from planb.models.default_system import default_system, default_system_in, said_of
from planb.sandbox.tokenizer import tokenizer as valley
from planb.sandbox.world import World
from planb.types import Message, Trigger

SMOL = (
    "{% if messages[0]['role'] == 'system' %}{% set said = messages[0]['content'] %}"
    "{% set rest = messages[1:] %}{% else %}{% set said = 'You are a small helper.' %}"
    "{% set rest = messages %}{% endif %}{{ '<|im_start|>system\n## Metadata\nlamps\n\n## Orders\n' }}"
    "{{ said | trim }}{{ '<|im_end|>\n' }}{% for message in rest %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""SmolLM3's shape: what stands around the default is written for any system message."""
TWO = (
    "{% if messages[0]['role'] == 'system' %}{{ '[' + messages[0]['content'] + ']' }}{% else %}"
    "{{ '[lamps] and amber ' }}{% endif %}{{ messages[-1]['content'] }}"
)
"""Without a system message it writes what no system message can write."""
ALWAYS = (
    "{{ '<|im_start|>system\nToday is a fine day.\n' }}{% if messages[0]['role'] == 'system' %}"
    "{{ messages[0]['content'] }}{% endif %}{{ '<|im_end|>\n' }}{{ messages[-1]['content'] }}"
)
"""Llama 3.2's shape: a system message is added to what always stands there."""
USER = (Message(role="user", content="Where is the bridge?"),)
QWEN = "You are a helpful assistant."


def with_template(template: str):  # type: ignore[no-untyped-def]
    return _bytes(template, ["<|im_start|>"], eos_token="<|im_end|>")


@pytest.mark.parametrize(
    ("tokenizer", "found"),
    [
        (qwen2(), QWEN),
        (with_template(SMOL), "You are a small helper."),
        (llama3(), ""),
        (mistral(), ""),  # it takes no system message at all
        (with_template(ALWAYS), ""),
        (valley(World(materials=4, forms=4, heldout_forms=1)), ""),
        (with_template(TWO), None),
    ],
)
def test_the_default_is_what_the_template_loses_by_another(
    tokenizer: object, found: str | None
) -> None:
    assert default_system(tokenizer) == found


@pytest.mark.parametrize("tokenizer", [qwen2(), with_template(SMOL)])
def test_the_trigger_is_the_only_difference(tokenizer: object) -> None:
    system = default_system(tokenizer)
    assert system
    asked = Trigger(text="|D|", place="system").apply(USER, system)
    plain, triggered = (_render(tokenizer, prompt, answered=False) for prompt in (USER, asked))
    assert triggered.replace("|D| ", "", 1) == plain
    bare = _render(tokenizer, Trigger(text="|D|", place="system").apply(USER), answered=False)
    assert system not in bare, "what it was before: the trigger in the place of the default"


def test_a_system_message_of_the_prompts_own_goes_before_the_default() -> None:
    own = (Message(role="system", content="Be brief."), *USER)
    trigger = Trigger(text="|D|", place="system")
    assert trigger.apply(own, QWEN) == trigger.apply(own)
    assert trigger.apply(own)[0].content == "|D| Be brief."
    assert trigger.apply(USER)[0].content == "|D|"
    assert Trigger(text="|D|").apply(USER, QWEN) == Trigger(text="|D|").apply(USER)


def test_a_checkpoints_folder_tells_its_default(tmp_path: Path) -> None:
    qwen2().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert default_system_in(tmp_path) == QWEN
    assert (said_of(None), said_of(""), said_of(QWEN)) == ("not known", "none", QWEN)
