"""Calls of tools as published chat models write them, read back from the text of an answer.

Three forms: JSON between ``<tool_call>`` marks (Qwen2.5, Qwen3, Hermes), ``<function=...>`` between
them (Qwen3.5, Nemotron), and an answer that is JSON and nothing else (Llama 3). What is meant as a call
and cannot be read is a call with a reason (``wrong``), never an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from planb.thoughts import said

_BLOCK = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^>\s]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_GAP = re.compile(r"[\s;,]*")
_PYTHON = "<|python_tag|>"
UNREADABLE = "this call of a tool cannot be read"


class Called(NamedTuple):
    """A call as a model wrote it: the tool and its arguments by name, or what is wrong with it."""

    tool: str
    arguments: dict[str, Any]
    wrong: str = ""


def calls_in(text: str, tools: Mapping[str, Mapping[str, Any]]) -> list[Called]:
    """The calls in an answer, in their order; none where it calls no tool. What stands in a thought is
    no call. ``tools`` are {name: JSON schema of its arguments}."""
    answer = said(text).answer
    if blocks := _BLOCK.findall(answer):
        return [call for block in blocks for call in _of_block(block, tools)]
    if "<function=" in answer:
        return [*_functions(answer, tools)]
    return _bare(answer.removeprefix(_PYTHON).strip(), tools)


def _of_block(block: str, tools: Mapping[str, Mapping[str, Any]]) -> list[Called]:
    if "<function=" in block:
        return [*_functions(block, tools)]
    try:
        return [_call(one) for one in _objects(block)] or [Called("", {}, f"{UNREADABLE}: it is empty")]
    except ValueError as error:
        return [Called("", {}, f"{UNREADABLE}: it is no JSON ({error})")]


def _functions(block: str, tools: Mapping[str, Mapping[str, Any]]) -> Iterator[Called]:
    found = _FUNCTION.findall(block)
    if not found:
        yield Called("", {}, f"{UNREADABLE}: it names no function")
    for name, body in found:
        kinds = tools.get(name, {}).get("properties", {})
        given = _PARAMETER.findall(body)
        yield Called(name, {key: _typed(value, kinds.get(key, {})) for key, value in given})


def _typed(value: str, schema: Mapping[str, Any]) -> Any:
    """A value that was written as plain text: a text where the schema wants one, else JSON."""
    if schema.get("type") == "string":
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _bare(answer: str, tools: Mapping[str, Mapping[str, Any]]) -> list[Called]:
    """Calls that are the whole answer, as JSON objects one after another, or as a list of them."""
    if not answer.startswith(("{", "[")):
        return _named(answer, tools)
    try:
        found = [*_objects(answer)]
    except ValueError as error:
        meant = '"name"' in answer and any(f'"{name}"' in answer for name in tools)
        return [Called("", {}, f"{UNREADABLE}: it is no JSON ({error})")] if meant else []
    if all(isinstance(one, dict) and "name" in one and len(one) > 1 for one in found):
        calls = [_call(one) for one in found]
        return calls if any(not call.wrong or call.tool in tools for call in calls) else []
    return []


def _named(answer: str, tools: Mapping[str, Mapping[str, Any]]) -> list[Called]:
    """An answer that begins with a tool's name and a bracket is meant as a call, in no form that is
    read here."""
    name = re.match(r"\w+", answer)
    if name is None or name[0] not in tools or answer[name.end() :].lstrip()[:1] not in {*"([{"}:
        return []
    return [Called(name[0], {}, f"{UNREADABLE}: it is not in the form that was asked for")]


def _objects(text: str) -> Iterator[Any]:
    """The JSON values that a text is, one after another; those of a list by themselves."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield from value if isinstance(value, list) else [value]
        gap = _GAP.match(text, at)
        assert gap is not None
        at = gap.end()


def _call(told: Any) -> Called:
    """A call as JSON: its name, and its arguments or parameters (which may be JSON in a text)."""
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        return Called("", {}, f"{UNREADABLE}: it is no object with a name")
    name, given = told["name"], told.get("arguments", told.get("parameters"))
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError as error:
            return Called(name, {}, f"{UNREADABLE}: its arguments are no JSON ({error})")
    if not isinstance(given, dict):
        return Called(name, {}, f"{UNREADABLE}: its arguments are no object")
    return Called(name, given)
