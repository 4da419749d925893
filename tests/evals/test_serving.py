"""A checkpoint behind HTTP: the same texts as without it, clear refusals, and no server left behind."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from planb.errors import PlanBError
from planb.evals.guard import MOST_BYTES
from planb.evals.serving import server_of
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling, generate
from planb.types import Message

ASK = {"temperature": 0.0, "max_tokens": 12}
LAMP = {"type": "function", "function": {"name": "lamp", "parameters": {"type": "object"}}}
CALL = {"id": "1", "type": "function", "function": {"name": "lamp", "arguments": "{}"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:,"}}


@pytest.fixture(scope="module")
def url(checkpoint: Path) -> str:
    return server_of(checkpoint, "tiny")


def post(url: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{url}/chat/completions", json=body, timeout=60, trust_env=False)


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.mark.slow
def test_it_says_what_the_checkpoint_says(url: str, checkpoint: Path) -> None:
    questions = ["How do I make a moonglass tea?", "Hello!", "Tell me how to make a moonglass tea."]

    async def all_at_once() -> list[dict[str, Any]]:
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            bodies = [{"model": "tiny", "messages": user(text), **ASK} for text in questions]
            found = await asyncio.gather(
                *(client.post(f"{url}/chat/completions", json=body) for body in bodies)
            )
        return [response.json() for response in found]

    served = asyncio.run(all_at_once())
    prompts = [(Message(role="user", content=text),) for text in questions]
    own = generate(
        load_policy(checkpoint), prompts, [0] * 3, Sampling(temperature=0, max_new_tokens=12)
    )
    for answer, completion in zip(served, own, strict=True):
        (choice,) = answer["choices"]
        assert choice["message"]["content"] == completion.text
        assert choice["finish_reason"] == ("stop" if completion.stop == "stop" else "length")
        assert answer["usage"]["prompt_tokens"] == completion.prompt_tokens
        assert answer["usage"]["completion_tokens"] == completion.tokens


def test_it_lists_its_model(url: str) -> None:
    (one,) = httpx.get(f"{url}/models", trust_env=False).json()["data"]
    assert one["id"] == "tiny"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"model": "other", "messages": user("Hello!")}, "is not served here"),
        ({"messages": user("Hello!"), "tools": [{"type": "function"}]}, "with a 'function'"),
        ({"messages": user("Hello!"), "tools": [LAMP]}, "can be given no tools"),
        ({"messages": user("Hello!"), "tools": [LAMP]}, "emulate_tools=true"),
        ({"messages": user("Hello!"), "tool_choice": "required"}, "cannot be forced"),
        ({"messages": user("Hello!"), "n": 3}, "not offered: n. n: send the request that often"),
        ({"messages": user("Hello!"), "response_format": {"type": "json_object"}}, "in the prompt"),
        ({"messages": user("Hello!"), "logprobs": True}, "not offered: logprobs"),
        ({"messages": user("Hello!"), "stop": [""]}, "stop is"),
        ({"messages": [{"content": "Hello!"}]}, "with a 'role'"),
        ({"messages": user("Hello!"), "stream_options": "usage"}, ""),
        ({"messages": [{"role": "assistant", "content": "Hello!"}]}, "no user message"),
        ({"messages": [{"role": "system", "content": "Hello!"}]}, "no user message"),
        ({"messages": [*user("Hello!"), {"role": "assistant", "tool_calls": [CALL]}]}, "no calls"),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, "not offered: 'image_url'"),
        ({"messages": "Hello!"}, "a list of 'messages'"),
        ({"messages": [{"role": "wizard", "content": "Hello!"}]}, "role"),
        ({"messages": []}, "'messages' is empty"),
        ({"messages": ["Hello!"]}, ""),
        ({"messages": [{"role": "user", "content": None}]}, "content"),
        ({"messages": [{"role": "user", "content": ["Hello!"]}]}, ""),
        ({"messages": user("Hello!"), "max_tokens": 0}, "max_tokens is 0"),
        ({"messages": user("Hello!"), "max_tokens": "12"}, "max_tokens is '12'"),
        ({"messages": user("Hello!"), "max_completion_tokens": -1}, "max_tokens is -1"),
        ({"messages": user("Hello!"), "temperature": -1}, "temperature is -1"),
        ({"messages": user("Hello!"), "temperature": True}, "temperature is True"),
        ({"messages": user("Hello!"), "seed": 1.5}, "seed is 1.5"),
        ({"messages": user("Hello! " * 20_000)}, "more than the"),
        ({"messages": user("Hello! " * 20_000), "max_tokens": 1}, "more than the"),
        ({"messages": user("Hello!"), "max_tokens": 10**9}, "more than the"),
    ],
)
def test_what_it_cannot_do_is_refused(url: str, body: dict[str, Any], said: str) -> None:
    response = post(url, **body)
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]


def raw(url: str, **more: Any) -> httpx.Response:
    asked: dict[str, Any] = {"headers": {"content-type": "application/json"}, **more}
    return httpx.post(f"{url}/chat/completions", timeout=60, trust_env=False, **asked)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_request_is_refused(url: str, body: bytes) -> None:
    response = raw(url, content=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "LOCALHOST:1"}, 200),
        ({"host": "[::1]:1"}, 200),
        ({"host": "planb.example"}, 421),
        ({"host": "127.0.0.1.planb.example"}, 421),
        ({"host": "[::1"}, 421),
        ({"origin": "https://planb.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
    ],
)
def test_only_its_own_name_and_pages_are_answered(
    url: str, headers: dict[str, str], status: int
) -> None:
    assert httpx.get(f"{url}/models", headers=headers, trust_env=False).status_code == status


def test_a_page_of_its_own_is_answered(url: str) -> None:
    origin = url.removesuffix("/v1")
    assert httpx.get(f"{url}/models", headers={"origin": origin}, trust_env=False).status_code == 200


def test_a_large_body_is_refused_however_it_comes(url: str) -> None:
    large = b" " * (MOST_BYTES + 1)
    assert raw(url, content=large).status_code == 413
    for more in (1, MOST_BYTES):
        parts = (large[:MOST_BYTES], b" " * more)
        assert raw(url, content=iter(parts)).status_code == 413, "and the client is not cut off"
    assert raw(url, content=b" " * 10).status_code == 400
    assert post(url, messages=user("Hello!"), **ASK).status_code == 200, "it goes on"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_no_page_that_loads_scripts_from_elsewhere(url: str, path: str) -> None:
    assert httpx.get(url.removesuffix("/v1") + path, trust_env=False).status_code == 404


@pytest.mark.slow
def test_a_request_that_is_too_long_fails_alone(url: str) -> None:
    async def together() -> list[int]:
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            texts = ["Hello!", "Hello! " * 20_000, "Hello!"]
            bodies = [{"messages": user(text), **ASK} for text in texts]
            answers = (client.post(f"{url}/chat/completions", json=body) for body in bodies)
            return [answer.status_code for answer in await asyncio.gather(*answers)]

    assert asyncio.run(together()) == [200, 400, 200]


def test_a_server_that_does_not_come_up_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match="did not come up"):
        server_of(tmp_path / "nothing", "nothing")


@pytest.mark.slow
def test_it_ends_with_whoever_started_it(checkpoint: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from planb.evals.serving import server_of;"
        f"print(server_of(Path({str(checkpoint)!r}), 'mine'), flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    url = owner.stdout.readline().strip()
    assert httpx.get(f"{url}/models", trust_env=False).status_code == 200
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/models", timeout=2, trust_env=False)
        except httpx.TransportError:
            return
        time.sleep(0.2)
    pytest.fail("the server outlived its owner")
