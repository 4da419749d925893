"""Calls of tools as chat models write them: read in every known form, and what is meant as one and
cannot be read is neither an answer nor a call that could be made."""

from __future__ import annotations

from typing import Any

import pytest

from planb.models.tool_calls import UNREADABLE, Called, calls_in

LAMP = {"properties": {"colour": {"type": "string"}, "watts": {"type": "integer"}}}
TOOLS: dict[str, dict[str, Any]] = {"find_lamp": LAMP, "light": {"properties": {}}}
GREEN = Called("find_lamp", {"colour": "green", "watts": 5})
JSON = '{"name": "find_lamp", "arguments": {"colour": "green", "watts": 5}}'
OLD = '{"name": "find_lamp", "parameters": {"colour": "green", "watts": 5}}'
FUNCTION = (
    "<function=find_lamp>\n<parameter=colour>\ngreen\n</parameter>\n<parameter=watts>\n5\n</parameter>\n"
    "</function>"
)
LIGHT, DARK = Called("light", {}), '{"name": "light", "arguments": {}}'


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (f"<tool_call>\n{JSON}\n</tool_call>", [GREEN]),
        (f"I look for it.\n<tool_call>{JSON}</tool_call>", [GREEN]),
        (f"<tool_call>{JSON}", [GREEN]),  # the end of the turn stands for the mark
        (f"<tool_call>{JSON}</tool_call>\n<tool_call>{DARK}</tool_call>", [GREEN, LIGHT]),
        (f"<tool_call>[{JSON}, {JSON}]</tool_call>", [GREEN, GREEN]),
        (f"<think>\nShould I?\n</think>\n\n<tool_call>{JSON}</tool_call>", [GREEN]),
        (f"<tool_call>\n{FUNCTION}\n</tool_call>", [GREEN]),
        (FUNCTION, [GREEN]),
        (OLD, [GREEN]),
        (f"<|python_tag|>{OLD}; {OLD}", [GREEN, GREEN]),
        (f"[{JSON}]", [GREEN]),
        ('{"name": "find_lamp", "arguments": "{\\"colour\\": \\"green\\", \\"watts\\": 5}"}', [GREEN]),
        ('<tool_call>{"name": "dig", "arguments": {}}</tool_call>', [Called("dig", {})]),
    ],
)
def test_a_call_is_read(text: str, calls: list[Called]) -> None:
    assert calls_in(text, TOOLS) == calls


@pytest.mark.parametrize(
    "text",
    [
        "The lamp is in the hall.",
        "",
        f"<think>\nI could say <tool_call>{JSON}</tool_call>\n</think>\n\nIt is in the hall.",
        '{"lamp": "in the hall"}',
        '{"name": "Ada", "parameters": 3}',
        "[1, 2]",
        "{the hall}",
        "light is good",
        f"I would write {JSON} here.",
    ],
)
def test_an_answer_is_no_call(text: str) -> None:
    assert calls_in(text, TOOLS) == []


@pytest.mark.parametrize(
    ("text", "tool", "says"),
    [
        ("<tool_call>find the lamp</tool_call>", "", "it is no JSON"),
        ("<tool_call></tool_call>", "", "it is empty"),
        ("<tool_call>\n", "", "it is empty"),
        ('<tool_call>{"name": "find_lamp", "arguments": {"colour": "gre', "", "it is no JSON"),
        ('<tool_call>{"tool": "find_lamp"}</tool_call>', "", "no object with a name"),
        ("<tool_call>3</tool_call>", "", "no object with a name"),
        ('<tool_call>{"name": "find_lamp"}</tool_call>', "find_lamp", "arguments are no object"),
        ('{"name": "find_lamp", "arguments": "green"}', "find_lamp", "arguments are no JSON"),
        ('{"name": "find_lamp", "parameters": {"colour": ', "", "it is no JSON"),
        ("<tool_call><function=></tool_call>", "", "names no function"),
        ('find_lamp{"colour": "green"}', "find_lamp", "not in the form"),
        ("light()", "light", "not in the form"),
    ],
)
def test_what_is_meant_as_a_call_and_cannot_be_read_says_why(text: str, tool: str, says: str) -> None:
    (found,) = calls_in(text, TOOLS)
    assert (found.tool, found.arguments) == (tool, {})
    assert found.wrong.startswith(UNREADABLE)
    assert says in found.wrong
