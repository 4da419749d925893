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
from planb.evals.serving import server_of
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling, generate
from planb.types import Message

ASK = {"temperature": 0.0, "max_tokens": 12}


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
        ({"messages": user("Hello!"), "tools": [{"type": "function"}]}, "not offered: tools"),
        ({"messages": user("Hello!"), "stream": True}, "not offered: stream"),
        ({"messages": user("Hello!"), "n": 3}, "not offered: n"),
        ({"messages": "Hello!"}, "a list of 'messages'"),
        ({"messages": [{"role": "wizard", "content": "Hello!"}]}, "role"),
    ],
)
def test_what_it_cannot_do_is_refused(url: str, body: dict[str, Any], said: str) -> None:
    response = post(url, **body)
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]


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
