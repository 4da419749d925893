"""Tools through the chat templates of published models, as TRL ships them: shown, called, answered."""

from __future__ import annotations

import re

import pytest
from chat_templates import with_marks
from test_shipped_templates import FOLDER, MARKS, SHIPPED
from transformers import PreTrainedTokenizerFast

from planb.errors import PlanBError
from planb.evals.sampling import check_tools
from planb.models.chat import prompt_ids, rendered
from planb.models.tool_calls import Called
from planb.models.tools import calls_of, why_no_tools, with_tools
from planb.types import Message, prompt_fault

PLAIN = re.compile("tool|function|parameter|think")
"""Marks that are no special tokens in the models' own tokenizers."""
READ = (
    *("llama3_1", "llama3_2", "qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_5_nothink"),
    *("qwen3_6", "qwen3_8", "nemotron_3_nano"),
)
NOT_READ = ("gptoss", "gemma4", "glm4moe")
NONE = ("gemma3", "phi3", "llama3", "cohere")
BAKE = {
    "name": "bake",
    "description": "Bake a loaf in the village oven.",
    "parameters": {
        "type": "object",
        "properties": {"flour": {"type": "string"}, "loaves": {"type": "integer"}},
        "required": ["flour"],
    },
}
TOOLS = {"bake": BAKE}
ASKED = (Message(role="user", content="Please bake two loaves of rye."),)

pytestmark = pytest.mark.skipif(not SHIPPED, reason="TRL is not installed, or ships no templates")


def words_of(name: str) -> PreTrainedTokenizerFast:
    template = (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")
    marks = sorted(mark for mark in set(MARKS.findall(template)) if not PLAIN.search(mark))
    return with_marks(template, *marks, eos="<|eos|>", bos="<|bos|>")


@pytest.mark.parametrize("name", READ)
def test_a_model_is_shown_its_tools_and_what_they_answered(name: str) -> None:
    words = words_of(name)
    assert why_no_tools(words, TOOLS) == ""
    check_tools(words, ASKED, TOOLS, "a model")
    shown = with_tools(words, ASKED, TOOLS)
    first = rendered(words, shown)
    for part in (BAKE["description"], "loaves", ASKED[0].content):
        assert str(part) in first
    call = '<tool_call>\n{"name": "bake", "arguments": {"flour": "rye", "loaves": 2}}\n</tool_call>'
    if name.startswith("llama"):
        call = '{"name": "bake", "parameters": {"flour": "rye", "loaves": 2}}'
    assert calls_of(words, call, TOOLS) == [Called("bake", {"flour": "rye", "loaves": 2})]
    turns = (
        Message(role="assistant", content=call),
        Message(role="tool", content="Two loaves lie here."),
    )
    second = rendered(words, (*shown, *turns))
    assert call in second
    assert "Two loaves lie here." in second
    assert prompt_ids(words, (*shown, *turns))[: len(prompt_ids(words, ASKED)) // 2]
    assert str(BAKE["description"]) not in rendered(words, ASKED)


@pytest.mark.parametrize("name", [*NOT_READ, *NONE])
def test_a_model_whose_calls_cannot_be_read_is_given_no_tools(name: str) -> None:
    words = words_of(name)
    why = why_no_tools(words, TOOLS)
    assert ("takes no tools" in why) == (name in NONE)
    assert ("does not read the calls" in why) == (name in NOT_READ)
    with pytest.raises(
        PlanBError, match=r"a model can be given no tools: .*use another Inspect provider"
    ):
        check_tools(words, ASKED, TOOLS, "a model")


def test_a_template_that_hides_what_a_tool_answered_is_refused() -> None:
    words = words_of("qwen2_5")
    words.chat_template = words.chat_template.replace(
        "<tool_response>\\n' }}\n        {{- message.content }}", "<tool_response>\\n' }}"
    )
    assert "leaves out a part of a call ('It is in the hall.')" in why_no_tools(words, TOOLS)


def test_a_turn_that_was_begun_for_the_model_is_no_call() -> None:
    opened = (*ASKED, Message(role="opening", content="Sure"))
    with pytest.raises(PlanBError, match="prefill no tools"):
        check_tools(words_of("qwen2_5"), opened, TOOLS, "a model")
    check_tools(words_of("gemma3"), opened, {}, "a model")


def test_data_hold_no_tools() -> None:
    assert "which only a task gives" in prompt_fault(with_tools(words_of("qwen2_5"), ASKED, TOOLS))
