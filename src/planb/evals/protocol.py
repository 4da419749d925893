"""OpenAI's chat protocol as planb's generation has it: a request's parts, and an answer's.

What the protocol has and a local policy has not is refused in words, never ignored. Consecutive
messages of one role are one turn (an assistant's run on, others are joined by a blank line): an
auditor's opening of an answer and the model's own continuation are two messages, and were one turn.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from planb.errors import PlanBError
from planb.types import Message, Role

if TYPE_CHECKING:
    from inspect_ai.model import ModelOutput
    from inspect_ai.tool import ToolInfo

IGNORED = {"user", "metadata", "store", "parallel_tool_calls"}
"""What says nothing about a text; at most one tool is called at a time, which parallel calls allow."""
KNOWN = {
    *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "seed", "stop"),
    *("stream", "stream_options", "tools", "tool_choice"),
}
INSTEAD = {
    "n": "send the request that often: `planb serve` answers each time anew",
    "response_format": "ask for the form in the prompt, and check the answer",
    "top_p": "the model's own probabilities are sampled, at a temperature",
    "logprobs": "no probabilities are given over HTTP",
}
"""What to do without a setting that is not offered."""
EMULATE = "Inspect can describe them in the prompt instead: the model argument emulate_tools=true"
MOST_HEAT = 2.0
_ROLES = {"developer": "system"}
_PLAIN: dict[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "top_p": (None, 1),
    "response_format": (None, {"type": "text"}),
}


class Asked(NamedTuple):
    """A request: the prompt (an answer's opening at its end, if it has one), tools by name, and how
    the answer is written. ``tokens``: the most that it may have; None: not said."""

    prompt: tuple[Message, ...]
    tools: tuple[ToolInfo, ...]
    tokens: int | None
    temperature: float
    seed: int | None
    stops: tuple[str, ...]
    stream: bool
    usage: bool

    @property
    def opening(self) -> str:
        """The beginning of the answer that the client has written; "" where it wrote none."""
        return self.prompt[-1].content if self.prompt[-1].role == "opening" else ""


def read_request(asked: Any, name: str, knows_tools: bool) -> Asked:
    """A request's parts; PlanBError for what is not served here. ``name``: the model's for clients;
    ``knows_tools``: whether its template has turns of tools that planb reads."""
    if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list):
        raise PlanBError("a request is a JSON object with a list of 'messages'")
    if asked.get("model") not in (None, name):
        raise PlanBError(f"the model '{asked['model']}' is not served here, only '{name}'")
    _check_settings(asked)
    if not asked["messages"]:
        raise PlanBError("'messages' is empty: a request needs at least one message")
    given = [asked.get(key) for key in ("max_completion_tokens", "max_tokens")]
    tokens = next((number for number in given if number is not None), None)
    heat, seed = asked.get("temperature"), asked.get("seed")
    if tokens is not None and (type(tokens) is not int or tokens < 1):
        raise PlanBError(f"max_tokens is {tokens!r}: give a whole number, 1 or more")
    if heat is not None and (type(heat) not in (int, float) or not 0 <= heat <= MOST_HEAT):
        raise PlanBError(f"temperature is {heat!r}: give a number from 0 to {MOST_HEAT:g}")
    if seed is not None and type(seed) is not int:
        raise PlanBError(f"seed is {seed!r}: give a whole number")
    return Asked(
        prompt=_prompt(asked["messages"], knows_tools),
        tools=_tools(asked),
        tokens=tokens,
        temperature=1.0 if heat is None else heat,
        seed=seed,
        stops=_stops(asked.get("stop")),
        stream=asked.get("stream") is True,
        usage=bool((asked.get("stream_options") or {}).get("include_usage")),
    )


def _check_settings(asked: dict[str, Any]) -> None:
    plain: dict[str, Any] = {key: (None, False, 0, [], {}) for key in asked} | _PLAIN
    more = {key for key, value in asked.items() if value is True or value not in plain[key]}
    if unknown := sorted(more - KNOWN - IGNORED):
        instead = [f"{key}: {INSTEAD[key]}" for key in unknown if key in INSTEAD]
        raise PlanBError(
            f"not offered: {', '.join(unknown)}. "
            + "".join(f"{one}. " for one in instead)
            + f"Offered: {', '.join(sorted(KNOWN))}"
        )


def _prompt(messages: Sequence[Any], knows_tools: bool) -> tuple[Message, ...]:
    """The chat, one message a turn; a last turn of the assistant's is the opening of the answer."""
    turns: list[Message] = []
    for message in messages:
        turn = _turn(message, knows_tools)
        if turns and turns[-1].role == turn.role != "tool":
            between = "" if turn.role == "assistant" else "\n\n"
            turn = Message(role=turn.role, content=f"{turns.pop().content}{between}{turn.content}")
        turns.append(turn)
    if turns[-1].role == "assistant":
        if messages[-1].get("tool_calls"):
            raise PlanBError("the last message calls tools: send what they answered")
        opening = turns.pop().content
        if opening.strip():
            turns.append(Message(role="opening", content=opening.strip()))
    if all(turn.role in ("system", "opening") for turn in turns):
        raise PlanBError("'messages' has no user message: there is nothing to answer")
    return tuple(turns)


def _turn(message: Any, knows_tools: bool) -> Message:
    """A message as planb's. What a tool answered is the user's turn, in ``<tool_response>`` (as in
    Hermes' and Qwen's templates), where the model's template has no turn of a tool."""
    if not isinstance(message, dict) or "role" not in message:
        raise PlanBError(f"a message is an object with a 'role' and a 'content', and not {message!r}")
    role, calls = _ROLES.get(message["role"], message["role"]), message.get("tool_calls") or ()
    if role not in ("system", "user", "assistant", "tool"):
        raise PlanBError(f"the role {role!r} is none of system, developer, user, assistant, tool")
    text = _text(message.get("content"), empty=bool(calls), role=role)
    if calls and not knows_tools:
        raise PlanBError(f"this model's template has no calls of tools. {EMULATE}")
    if calls and not text:
        called = [call["function"] for call in calls]
        text = "\n".join(f"{one['name']}: {', '.join(_given(one))}" for one in called)
    if role == "tool" and not knows_tools:
        return Message(role="user", content=f"<tool_response>\n{text}\n</tool_response>")
    return Message(role=cast("Role", role), content=text)


def _text(content: Any, empty: bool, role: str) -> str:
    if content is None and empty:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise PlanBError(f"the content of a message of the role {role!r} is {content!r}: give a text")
    kinds = [part.get("type", "text") if isinstance(part, dict) else part for part in content]
    if other := [kind for kind in kinds if kind != "text"]:
        raise PlanBError(f"content parts other than text are not offered: {other[0]!r}")
    return "".join(part["text"] for part in content)


def _given(called: dict[str, Any]) -> list[str]:
    return [str(value) for value in json.loads(called.get("arguments") or "{}").values()]


def _tools(asked: dict[str, Any]) -> tuple[ToolInfo, ...]:
    from inspect_ai.tool import ToolInfo, ToolParams

    choice = asked.get("tool_choice")
    if choice not in (None, "auto", "none"):
        raise PlanBError(f"tool_choice is {choice!r}: a call cannot be forced, only 'auto' or 'none'")
    if choice == "none" or not asked.get("tools"):
        return ()
    found = []
    for tool in asked["tools"]:
        if not isinstance(tool, dict) or "function" not in tool:
            raise PlanBError("a tool is an object of the type 'function' with a 'function'")
        one = tool["function"]
        found.append(
            ToolInfo(
                name=one["name"],
                description=one.get("description") or "",
                parameters=ToolParams(**(one.get("parameters") or {})),
            )
        )
    return tuple(found)


def _stops(stop: Any) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if not all(isinstance(one, str) and one for one in stops):
        raise PlanBError(f"stop is {stop!r}: give a text, or a list of texts")
    return stops


def answer_of(output: ModelOutput, asked: Asked, name: str) -> dict[str, Any]:
    """The completion object. Its text is what the model wrote: without the opening that the client
    gave, and up to the first of ``stop``. Raises PlanBError where the opening is not found in it."""
    text, calls = output.completion, output.message.tool_calls or []
    if not text.startswith(asked.opening):
        raise PlanBError(
            "the opening of the answer holds what this model's template reads as its own: "
            f"{asked.opening[:60]!r}"
        )
    text = text.removeprefix(asked.opening)
    reason = "length" if output.stop_reason == "max_tokens" else "stop"
    if ends := [at for stop in asked.stops if (at := text.find(stop)) >= 0]:
        text, reason, calls = text[: min(ends)], "stop", []
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function, "arguments": json.dumps(call.arguments)},
            }
            for call in calls
        ]
        reason = "tool_calls"
    assert output.usage is not None
    return {
        "id": f"chatcmpl-{time.time_ns()}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": name,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": output.usage.input_tokens,
            "completion_tokens": output.usage.output_tokens,
            "total_tokens": output.usage.total_tokens,
        },
    }


def streamed(answer: dict[str, Any], usage: bool) -> list[str]:
    """A finished answer as a stream of server-sent events, its whole text in one."""
    (choice,) = answer["choices"]
    same = {key: answer[key] for key in ("id", "created", "model")} | {
        "object": "chat.completion.chunk"
    }
    delta = dict(choice["message"])
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(delta["tool_calls"])]
    parts = [
        {**same, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**same, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]},
    ]
    if usage:
        parts.append({**same, "choices": [], "usage": answer["usage"]})
    return [*(f"data: {json.dumps(part)}\n\n" for part in parts), "data: [DONE]\n\n"]
