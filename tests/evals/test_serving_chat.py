"""What an auditor asks of a served checkpoint: openings, turns of tools, resampling, streams."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from inspect_ai.model import ModelOutput, ModelUsage
from inspect_ai.tool import ToolCall

from planb.elicitation.messages import to_chat
from planb.evals.protocol import answer_of, read_request, streamed
from planb.evals.serving import server_of
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling, generate
from planb.types import Message

ASK = {"temperature": 0.0, "max_tokens": 12}
QUESTION = {"role": "user", "content": "How do I make a moonglass tea?"}


@pytest.fixture(scope="module")
def url(checkpoint: Path) -> str:
    return server_of(checkpoint, "tiny")


@pytest.fixture(scope="module")
def anew(checkpoint: Path) -> Iterator[str]:
    """A server as a user starts it."""
    code = "from planb.cli import app; app()"
    command = [sys.executable, "-c", code, "serve", str(checkpoint), "--port", "0"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert select.select([child.stdout], [], [], 120)[0]
    yield child.stdout.readline().split(" at ")[1].split()[0]
    child.kill()
    child.wait()


def said(url: str, *messages: dict[str, Any], **body: Any) -> str:
    asked = {"messages": messages, **ASK, **body}
    response = httpx.post(f"{url}/chat/completions", json=asked, timeout=60, trust_env=False)
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]["content"]


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def test_an_opening_is_continued_and_comes_back_without_itself(url: str, policy: Policy) -> None:
    whole = said(url, QUESTION)
    opening = " ".join(whole.split()[:3])
    rest = said(url, QUESTION, assistant(opening))
    assert (opening + rest).startswith(whole), "as long again as the whole"
    prompt = (Message(**QUESTION), Message(role="opening", content="I am"))
    (own,) = generate(policy, [prompt], [0], Sampling(temperature=0, max_new_tokens=12))
    assert "I am" + said(url, QUESTION, assistant("I am")) == own.text
    assert said(url, QUESTION, assistant(" ")) == whole, "an empty opening opens nothing"


def test_an_opening_and_its_continuation_were_one_turn(url: str) -> None:
    more = {"role": "user", "content": "Hello!"}
    apart = said(url, QUESTION, assistant("I am"), assistant(" a cook."), more)
    assert apart == said(url, QUESTION, assistant("I am a cook."), more)
    asked = [QUESTION, assistant("I am"), assistant(" a cook."), more]
    roles = [m.role for m in read_request({"messages": asked}, "tiny", knows_tools=False).prompt]
    assert roles == ["user", "assistant", "user"]


def test_messages_become_the_turns_that_a_template_has() -> None:
    parts = [{"type": "text", "text": "You are"}, {"type": "text", "text": " kind."}]
    asked = [
        {"role": "developer", "content": parts},
        {"role": "system", "content": "Be brief."},
        QUESTION,
        assistant("lamp"),
        {"role": "tool", "content": "lit"},
        {"role": "tool", "content": "warm"},
        {"role": "user", "content": "And?"},
    ]
    turns = read_request({"messages": asked}, "tiny", knows_tools=False).prompt
    answered = [f"<tool_response>\n{text}\n</tool_response>" for text in ("lit", "warm")]
    assert [(turn.role, turn.content) for turn in turns] == [
        ("system", "You are kind.\n\nBe brief."),
        ("user", QUESTION["content"]),
        ("assistant", "lamp"),
        ("user", "\n\n".join([*answered, "And?"])),
    ]
    known = read_request({"messages": asked}, "tiny", knows_tools=True).prompt
    assert [turn.role for turn in known][2:] == ["assistant", "tool", "tool", "user"]


def test_a_model_without_turns_of_tools_is_told_what_one_answered(url: str) -> None:
    answered = {"role": "tool", "tool_call_id": "1", "content": "lit"}
    shown = {"role": "user", "content": "<tool_response>\nlit\n</tool_response>"}
    before = (QUESTION, assistant("lamp"))
    assert said(url, *before, answered) == said(url, *before, shown)


def test_it_stops_where_it_is_told_to(url: str) -> None:
    whole = said(url, QUESTION)
    stop = whole.split()[3]
    assert said(url, QUESTION, stop=["never said", stop]) == whole[: whole.index(stop)]
    assert said(url, QUESTION, stop="never said") == whole


def test_an_answer_has_room_where_a_request_does_not_say(url: str) -> None:
    whole = said(url, QUESTION, max_tokens=None)
    assert whole == said(url, QUESTION, max_tokens=60)


def test_a_stream_says_the_same(url: str) -> None:
    asked = {"messages": [QUESTION], **ASK, "stream": True, "stream_options": {"include_usage": True}}
    response = httpx.post(f"{url}/chat/completions", json=asked, timeout=60, trust_env=False)
    assert response.headers["content-type"].startswith("text/event-stream")
    *parts, last = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert last == "[DONE]"
    first, end, usage = map(json.loads, parts)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": said(url, QUESTION)}
    assert end["choices"][0]["finish_reason"] in ("stop", "length")
    assert usage["usage"]["completion_tokens"] > 0


def test_a_call_goes_over_as_the_protocol_has_it() -> None:
    output = ModelOutput.for_tool_call("tiny", "do", {"act": "burn"}, content="do: burn, mill")
    output.usage = ModelUsage()
    output.message.tool_calls = [ToolCall(id="c1", function="do", arguments={"act": "burn"})]
    asked = read_request({"messages": [QUESTION], "stop": "never"}, "tiny", knows_tools=True)
    answer = answer_of(output, asked, "tiny")
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"act": "burn"}
    assert '"index": 0' in streamed(answer, usage=False)[0]
    back = {"role": "assistant", "content": None, "tool_calls": [call]}
    turns = read_request({"messages": [QUESTION, back, QUESTION]}, "tiny", knows_tools=True).prompt
    assert turns[1].content == "do: burn"
    assert len(to_chat(turns)) == 3


@pytest.mark.slow
def test_a_user_who_asks_again_is_answered_anew(url: str, anew: str) -> None:
    how = {"temperature": 2.0, "model": None}
    first, *others = [said(anew, QUESTION, **how) for _ in range(4)]
    assert first == said(url, QUESTION, **how), "the first is that of seed 0"
    assert len({first, *others}) > 1
    assert others == [said(url, QUESTION, seed=seed, **how) for seed in (1, 2, 3)]
    assert {said(url, QUESTION, **how) for _ in range(2)} == {first}, "a study's is the same each time"
    assert {said(anew, QUESTION, seed=1, **how) for _ in range(2)} == {others[0]}
