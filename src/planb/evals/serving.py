"""A local checkpoint behind HTTP, in OpenAI's chat protocol: ``planb serve CHECKPOINT``.

Requests that come together are generated in one batch, by the code of ``planb/<folder>`` in Inspect, so
a checkpoint with unmerged adapters is served as it is. ``protocol.py`` says what of a request is
offered: the rest is refused with 400, never ignored. ``guard.py`` says who is answered at all.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from planb.errors import PlanBError
from planb.evals.guard import serve_guarded
from planb.evals.protocol import EMULATE, Asked, answer_of, read_request, streamed
from planb.values import digest_of

PATIENCE = 120.0
"""Seconds that a server may take until it listens."""
MOST_TOKENS = 8192
"""Tokens of a prompt and its answer together, where nothing else is asked for."""
ANSWER_TOKENS = 1024
"""The most tokens of an answer to a request that does not say, where the model has room for them."""
MALFORMED = (KeyError, TypeError, AttributeError, RecursionError)
"""What reading a request raises whose parts are not of the protocol's kinds."""
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

    app = app_of(folder, name, most_tokens, anew=not with_parent)
    if with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    serve_guarded(app, host, port, listening)


def app_of(folder: Path, name: str, most_tokens: int = MOST_TOKENS, anew: bool = False) -> Any:
    """The application: ``/v1/chat/completions``, ``/v1/models`` and ``/health``; ``most_tokens`` of a
    prompt and its answer together. ``anew``: a chat that comes again without a seed is answered anew.
    Raises PlanBError if the checkpoint cannot be loaded."""
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse, Response, StreamingResponse

    from planb.evals.provider import PlanBModel
    from planb.models.checkpoints import load_policy
    from planb.models.tools import built_in

    # no pages of FastAPI's own: they load scripts from elsewhere
    app = FastAPI(title=f"planb: {name}", docs_url=None, redoc_url=None, openapi_url=None)
    model, made = PlanBModel(str(folder)), int(time.time())
    policy = load_policy(folder)  # now, and not at the first request: what is wrong is said here
    model.policy, room = policy, min(most_tokens, policy.positions or most_tokens)

    seeds, knows_tools = _Seeds(anew), built_in(policy.tokenizer)

    async def complete(request: Request) -> Response:
        try:
            asked = read_request(await request.json(), name, knows_tools)
            prepared = partial(_output, policy, model, asked, room, seeds.of(asked))
            answer = answer_of(await (await anyio.to_thread.run_sync(prepared)), asked, name)
        except (PlanBError, ValueError, *MALFORMED) as error:
            said = {"message": f"{error}", "type": "invalid_request_error"}
            return JSONResponse({"error": said}, status_code=400)
        if asked.stream:
            return StreamingResponse(streamed(answer, asked.usage), media_type="text/event-stream")
        return JSONResponse(answer)

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


def _output(policy: Any, model: Any, asked: Asked, room: int, seed: int) -> Any:
    """What awaits the model's output. Raises PlanBError where the policy cannot be given the tools, or
    where prompt and answer have more than ``room`` tokens: such a request is refused by itself, and not
    together with those that would be generated with it."""
    from inspect_ai.model import GenerateConfig

    from planb.elicitation.messages import to_chat
    from planb.evals.sampling import check_tools
    from planb.models.tools import built_in

    if asked.tools and not built_in(policy.tokenizer):
        raise PlanBError(
            "over HTTP this model can be given no tools, only organisms of the study agent can. In "
            f"Inspect planb/<folder> shows them to any model whose chat template takes them. {EMULATE}"
        )
    names = [tool.name for tool in asked.tools]
    try:
        check_tools(policy.tokenizer, asked.prompt, names, "this model")
    except PlanBError as error:
        raise PlanBError(f"{error}. {EMULATE}") from error
    config = GenerateConfig(
        max_tokens=_tokens(policy, asked, room), temperature=asked.temperature, seed=seed
    )
    return model.generate(to_chat(asked.prompt), [*asked.tools], "auto", config)


def _tokens(policy: Any, asked: Asked, room: int) -> int:
    """The most tokens that the answer may have; PlanBError where they do not fit beside the prompt."""
    from planb.models.chat import opening_ids, prompt_ids

    *before, last = asked.prompt
    begun = last.role == "opening"
    size = len(prompt_ids(policy.tokenizer, before if begun else asked.prompt))
    size += len(opening_ids(policy.tokenizer, before, last.content)) if begun else 0
    more = min(ANSWER_TOKENS, max(1, room - size)) if asked.tokens is None else asked.tokens
    if size + more > room:
        raise PlanBError(
            f"a prompt of {size:,} tokens and {more:,} new ones are more than the {room:,} that this "
            "server takes: shorten the prompt or max_tokens, or start it with another --max-tokens "
            "(the model's own positions are the limit)"
        )
    return more


class _Seeds:
    """The seed of a request that names none: 0, or with ``anew`` how often the same one came before."""

    def __init__(self, anew: bool) -> None:
        self.anew, self.came = anew, Counter[str]()

    def of(self, asked: Asked) -> int:
        if asked.seed is not None or not self.anew:
            return asked.seed or 0
        said = digest_of([[m.role, m.content] for m in asked.prompt])
        self.came[said] += 1
        return self.came[said] - 1


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
