"""Tools for a local policy: shown to it by its own chat template, and its calls read back.

A policy of the built-in world knows its tools already, and calls one as ``tool: word, word``. Any other
is given them by a template that takes ``tools``, if planb reads the calls that this template itself
writes: that is tried, with the tokenizer, before the policy is asked anything.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from planb.models.chat import rendered
from planb.models.template import settled, takes
from planb.models.tool_calls import Called, calls_in
from planb.sandbox.tokenizer import TOOL
from planb.turns import call_in
from planb.types import Message

Tools = Mapping[str, Mapping[str, Any]]
"""{name: function}, each as OpenAI's protocol has it: its name, description and ``parameters`` (a JSON
schema)."""
_NAME, _KEY, _VALUE, _RESULT = "find_lamp", "colour", "dark green", "It is in the hall."
_TRIED: dict[str, dict[str, Any]] = {
    _NAME: {
        "name": _NAME,
        "description": "Find a lamp.",
        "parameters": {
            "type": "object",
            "properties": {_KEY: {"type": "string", "description": "The colour of the lamp."}},
            "required": [_KEY],
        },
    }
}
_OTHERWISE = "use another Inspect provider (vllm/), or a model whose template takes tools"


def why_no_tools(tokenizer: Any, tools: Collection[str]) -> str:
    """Why a policy cannot be given these tools, in words; "" where it can."""
    if built_in(tokenizer):
        missing = [name for name in tools if not _knows(tokenizer, name)]
        return f"it was pretrained with other tools than {', '.join(missing)}" if missing else ""
    key = (settled(tokenizer, tools=True), *tokenizer.all_special_tokens)
    if key not in _why:
        _why[key] = _why_not(tokenizer)
    return _why[key]


_why: dict[Any, str] = {}
"""What was found of each template, with the special tokens of its tokenizer."""


def built_in(tokenizer: Any) -> bool:
    """Whether a policy of the built-in world was pretrained with tools."""
    return _knows(tokenizer, TOOL)


def with_tools(tokenizer: Any, prompt: Sequence[Message], tools: Tools) -> tuple[Message, ...]:
    """The prompt with the tools that its template shows; as it is where a policy knows them already."""
    if not tools or built_in(tokenizer):
        return tuple(prompt)
    told = [{"type": "function", "function": dict(tool)} for tool in tools.values()]
    return (Message(role="tools", content=json.dumps(told)), *prompt)


def calls_of(tokenizer: Any, text: str, tools: Tools) -> list[Called]:
    """The calls that a policy's answer makes; none where it makes none."""
    if built_in(tokenizer):
        names = {name: [*_schema(tool)["properties"]] for name, tool in tools.items()}
        call = call_in(text, names)
        return [Called(call.tool, dict(call.arguments))] if call else []
    return calls_in(text, {name: _schema(tool) for name, tool in tools.items()})


def _knows(tokenizer: Any, word: str) -> bool:
    """Whether a word is one token of the vocabulary."""
    return tokenizer.convert_tokens_to_ids(word) not in (None, tokenizer.unk_token_id)


def _schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": {}, **(tool.get("parameters") or {})}


def _why_not(tokenizer: Any) -> str:
    """Tried on a tool of planb's own: the template shows it, its calls are read, and what a tool
    answered is shown."""
    template = settled(tokenizer, tools=True)
    if template is None or not takes(template, "tools"):
        return f"its chat template takes no tools: {_OTHERWISE}"
    asked = (Message(role="user", content="Where is the lamp?"),)
    shown = with_tools(tokenizer, asked, _TRIED)
    try:
        written = _own_call(tokenizer, template)
        found = calls_of(tokenizer, written, _TRIED)
        if found != [Called(_NAME, {_KEY: _VALUE})]:
            return f"planb does not read the calls that its chat template writes: {_OTHERWISE}"
        turns = (Message(role="assistant", content=written), Message(role="tool", content=_RESULT))
        text = rendered(tokenizer, (*shown, *turns))
    except Exception as error:  # the template is the model's own Jinja code
        return f"its chat template does not render a call of a tool ({error}): {_OTHERWISE}"
    missing = [part for part in (_TRIED[_NAME]["description"], written, _RESULT) if part not in text]
    return f"its chat template leaves out a part of a call ({missing[0]!r})" if missing else ""


def _own_call(tokenizer: Any, template: str) -> str:
    """A call as the template itself writes it, read as a model's answer is: without special tokens."""
    function = {"name": _NAME, "arguments": {_KEY: _VALUE}}
    call = {"id": "call00001", "type": "function", "function": function}
    user: dict[str, Any] = {"role": "user", "content": "Where is the lamp?"}
    turn: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": [call]}
    tools = [{"type": "function", "function": tool} for tool in _TRIED.values()]

    def render(chat: list[dict[str, Any]], asks: bool) -> str:
        return str(
            tokenizer.apply_chat_template(
                chat, tools=tools, chat_template=template, tokenize=False, add_generation_prompt=asks
            )
        )

    before, whole = render([user], False), render([user, turn], False)
    asked = render([user], True)
    start = len(asked) if whole.startswith(asked) else len(_common(before, whole))
    ids = tokenizer(whole[start:], add_special_tokens=False)["input_ids"]
    text = str(tokenizer.decode(ids, skip_special_tokens=True))
    return text.strip()


def _common(one: str, other: str) -> str:
    """The beginning that both have."""
    end = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    return one[: min(len(one), len(other)) if end is None else end]
