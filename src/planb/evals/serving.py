"""A local checkpoint behind HTTP, in OpenAI's chat protocol: ``planb serve CHECKPOINT``.

Requests that come together are generated in one batch, by the code of ``planb/<folder>`` in Inspect, so
a checkpoint with unmerged adapters is served as it is. What the protocol has and a local policy has not
(tools, streams, schemas) is refused with 400, never ignored. ``guard.py`` says who is answered at all.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from planb.errors import PlanBError
from planb.evals.guard import serve_guarded

PATIENCE = 120.0
"""Seconds that a server may take until it listens."""
IGNORED = {"user", "metadata", "store"}
MOST_HEAT = 2.0
MOST_TOKENS = 8192
"""Tokens of a prompt and its answer together, where nothing else is asked for."""
KNOWN = {"model", "messages", "max_tokens", "max_completion_tokens", "temperature", "seed"}
_servers: dict[tuple[str, str], tuple[subprocess.Popen[str], str]] = {}


def server_of(folder: Path, name: str) -> str:
    """The base URL of a server of the checkpoint ``folder`` under the model name ``name``.

    It is a process of its own, started at the first call, and ends with this one however this one ends.
    Raises PlanBError if it does not come up.
    """
    key = (str(folder.resolve()), name)
    if key in _servers and _servers[key][0].poll() is None:
        return _servers[key][1]
    command = [sys.executable, "-m", "planb.evals.serving", key[0], name]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(child.kill)
    url = _announced(child, folder)
    _servers[key] = (child, url)
    return url


def serve(
    folder: Path,
    name: str,
    host: str,
    port: int,
    with_parent: bool = False,
    most_tokens: int = MOST_TOKENS,
) -> None:
    """Serve until stopped; port 0 takes a free one. ``with_parent``: say the URL on stdout, and end
    when stdin does. On a loopback address, only requests to loopback names are answered."""

    def listening(address: str) -> None:
        url = f"{address}/v1"
        print(url if with_parent else f"{name} at {url} (Ctrl-C stops it)", flush=True)

    app = app_of(folder, name, most_tokens)
    if with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    serve_guarded(app, host, port, listening)


def app_of(folder: Path, name: str, most_tokens: int = MOST_TOKENS) -> Any:
    """The application: ``/v1/chat/completions``, ``/v1/models`` and ``/health``; ``most_tokens`` of a
    prompt and its answer together. Raises PlanBError if the checkpoint cannot be loaded."""
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse

    from planb.evals.provider import PlanBModel
    from planb.models.checkpoints import load_policy

    # no pages of FastAPI's own: they load scripts from elsewhere
    app = FastAPI(title=f"planb: {name}", docs_url=None, redoc_url=None, openapi_url=None)
    model, made = PlanBModel(str(folder)), int(time.time())
    policy = load_policy(folder)  # now, and not at the first request: what is wrong is said here
    model.policy, room = policy, min(most_tokens, policy.positions or most_tokens)

    async def complete(request: Request) -> JSONResponse:
        from inspect_ai.model import GenerateConfig

        try:
            asked = await request.json()
            messages = _messages(asked, name)
            config = GenerateConfig(**_settings(asked))
            await anyio.to_thread.run_sync(partial(_fits, policy, messages, config, room))
            output = await model.generate(messages, [], "none", config)
        except (PlanBError, ValueError, KeyError, TypeError, RecursionError) as error:
            said = {"message": f"{error}", "type": "invalid_request_error"}
            return JSONResponse({"error": said}, status_code=400)
        return JSONResponse(_answer(output, name))

    async def models() -> dict[str, Any]:
        one = {"id": name, "object": "model", "created": made, "owned_by": "planb"}
        return {"object": "list", "data": [one]}

    async def health() -> dict[str, str]:
        return {"status": "ok"}

    complete.__annotations__["request"] = Request  # FastAPI reads it, and it is local here
    app.post("/v1/chat/completions", response_model=None)(complete)
    app.get("/v1/models")(models)
    app.get("/health")(health)
    return app


def _messages(asked: Any, name: str) -> list[Any]:
    """The chat messages of a request; PlanBError for what is not served here."""
    from planb.elicitation.messages import to_chat
    from planb.types import Message

    if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list):
        raise PlanBError("a request is a JSON object with a list of 'messages'")
    if asked.get("model") not in (None, name):
        raise PlanBError(f"the model '{asked['model']}' is not served here, only '{name}'")
    plain: dict[str, Any] = {key: (None, False, 0, [], {}) for key in asked} | {
        "n": (None, 1),
        "top_p": (None, 1),
    }
    more = {key for key, value in asked.items() if value is True or value not in plain[key]}
    if unknown := sorted(more - KNOWN - IGNORED):
        raise PlanBError(f"not offered: {', '.join(unknown)}. Offered: {', '.join(sorted(KNOWN))}")
    if not asked["messages"]:
        raise PlanBError("'messages' is empty: a request needs at least one message")
    found = []
    for message in asked["messages"]:
        content = message["content"]
        if isinstance(content, list):
            content = "".join(part["text"] for part in content)
        found.append(Message(role=message["role"], content=content))
    return to_chat(found)


def _settings(asked: dict[str, Any]) -> dict[str, Any]:
    """Inspect's settings of a request; PlanBError for a number that is none, or out of range."""
    given = [asked.get(name) for name in ("max_completion_tokens", "max_tokens")]
    tokens = next((number for number in given if number is not None), None)
    heat, seed = asked.get("temperature"), asked.get("seed")
    if tokens is not None and (type(tokens) is not int or tokens < 1):
        raise PlanBError(f"max_tokens is {tokens!r}: give a whole number, 1 or more")
    if heat is not None and (type(heat) not in (int, float) or not 0 <= heat <= MOST_HEAT):
        raise PlanBError(f"temperature is {heat!r}: give a number from 0 to {MOST_HEAT:g}")
    if seed is not None and type(seed) is not int:
        raise PlanBError(f"seed is {seed!r}: give a whole number")
    return {"max_tokens": tokens, "temperature": 1.0 if heat is None else heat, "seed": seed}


def _fits(policy: Any, messages: list[Any], config: Any, room: int) -> None:
    """PlanBError where a prompt and its answer have more than ``room`` tokens: it is refused by itself,
    and not together with those that would be generated with it."""
    from planb.elicitation.messages import from_chat
    from planb.evals.sampling import sampling_of
    from planb.models.chat import prompt_ids

    sampling = sampling_of(config)
    size = len(prompt_ids(policy.tokenizer, from_chat(messages)))
    more = sampling.max_new_tokens + (sampling.thought_tokens or 0)
    if size + more > room:
        raise PlanBError(
            f"a prompt of {size:,} tokens and {more:,} new ones are more than the {room:,} that this "
            "server takes: shorten the prompt or max_tokens, or start it with another --max-tokens "
            "(the model's own positions are the limit)"
        )


def _answer(output: Any, name: str) -> dict[str, Any]:
    reason = "length" if output.stop_reason == "max_tokens" else "stop"
    message = {"role": "assistant", "content": output.completion}
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


def _announced(child: subprocess.Popen[str], folder: Path) -> str:
    assert child.stdout is not None
    ready, _, _ = select.select([child.stdout], [], [], PATIENCE)
    url = child.stdout.readline().strip() if ready else ""
    if not url:
        child.kill()
        raise PlanBError(
            f"the server of {folder} did not come up within {PATIENCE:.0f} s: try it by hand with "
            f"`planb serve {folder}`"
        )
    return url


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    # its requests are planb's own, as long as the model takes
    serve(Path(sys.argv[1]), sys.argv[2], "127.0.0.1", 0, with_parent=True, most_tokens=2**31)
