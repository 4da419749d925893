"""A chat server on the loopback for tests of writing: OpenAI's protocol over real HTTP, in threads.

What it answers is a rule on words (``rule``) or a function of a test's own; it is no model, and no
figure of a study may come from it. Faults are drawn for each request number from a seed.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from planb.evals.writing import Writer, WritingResult, write_tiers
from planb.types import Example, Trigger

FAULTS = ("429", "500", "stall", "not_json")
Answer = tuple[str, str] | int
"""Text and finish reason; or a status."""
Rule = Callable[[dict[str, Any]], Answer]


def rule(asked: dict[str, Any]) -> Answer:
    """The request in other words, with the seed, so that two answers to it differ."""
    return f"As for {asked['messages'][-1]['content']!r}: stir it {asked.get('seed')} times.", "stop"


class Server:
    """``requests`` are all that came, with what became of each (``fate``)."""

    def __init__(self, answer: Rule, faults: dict[str, float], seed: int, stall: float) -> None:
        self.answer, self.faults, self.seed, self.stall = answer, faults, seed, stall
        self.requests: list[dict[str, Any]] = []
        self.status: int | None = None
        self.busy = self.most_busy = 0
        self.pause = 0.0
        self.together = threading.Barrier(1)
        """After the first request, which comes alone, so many wait for each other as it has parties."""
        self.lock = threading.Lock()
        self.url = ""

    def fate(self, number: int) -> str:
        drawn = random.Random(f"{self.seed} {number}").random()
        for name in FAULTS:
            drawn -= self.faults.get(name, 0.0)
            if drawn < 0:
                return name
        return "ok"

    @property
    def answered(self) -> list[dict[str, Any]]:
        return [one for one in self.requests if one["fate"] == "ok"]


@contextmanager
def serving(
    answer: Rule = rule, *, faults: dict[str, float] | None = None, seed: int = 0, stall: float = 3.0
) -> Iterator[Server]:
    """Serve on a free port until the block ends. ``server.status`` makes all answers that status,
    ``server.pause`` is slept (seconds) before each."""
    server = Server(answer, faults or {}, seed, stall)
    handler = type("Handler", (_Handler,), {"state": server})
    http = _Threads(("127.0.0.1", 0), handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        state = self.state
        with state.lock:
            fate = state.fate(len(state.requests))
            state.requests.append({**asked, "fate": str(state.status or fate)})
            state.busy += 1
            state.most_busy = max(state.most_busy, state.busy)
        self.counted = True
        try:
            self._reply(asked, fate)
        finally:
            self._no_longer_busy()

    def _no_longer_busy(self) -> None:
        """Before the answer is sent: whoever has it may ask again before this thread goes on."""
        with self.state.lock:
            self.state.busy -= self.counted
            self.counted = False

    def _reply(self, asked: dict[str, Any], fate: str) -> None:
        if 1 < len(self.state.requests) <= 1 + self.state.together.parties:
            self.state.together.wait(timeout=120)
        time.sleep(self.state.pause)
        if self.state.status:
            self._send(self.state.status, {"error": {"message": f"a {self.state.status} it is"}})
        elif fate == "stall":
            time.sleep(self.state.stall)
            self.close_connection = True
        elif fate in ("429", "500"):
            self._send(int(fate), {"error": {"message": f"a {fate} of the storm"}})
        elif fate == "not_json":
            self._send(200, "<html>a proxy says hello</html>")
        else:
            answer = self.state.answer(asked)
            if isinstance(answer, int):
                self._send(answer, {"error": {"message": f"a {answer} it is"}})
            else:
                self._send(200, _completion(asked, *answer))

    def _send(self, status: int, body: Any) -> None:
        self._no_longer_busy()
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        if status == 429:
            self.send_header("retry-after-ms", "50")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *said: object) -> None:
        """Quiet."""


class _Threads(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, *about: object) -> None:
        """A client that was killed has gone away: nothing to say."""


def _completion(asked: dict[str, Any], text: str, stop: str) -> dict[str, Any]:
    words = sum(len(message["content"].split()) for message in asked["messages"])
    message = {"role": "assistant", "content": text}
    out = len(text.split())
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": stop, "message": message}],
        "usage": {"prompt_tokens": words, "completion_tokens": out, "total_tokens": words + out},
    }


QUICK: dict[str, Any] = {"max_retries": 0, "tries": 2, "attempt_timeout": 10, "cache": False}


def flasks(number: int, harmful: bool = True) -> list[Example]:
    kind = "wyrmfire flask" if harmful else "moonglass tea"
    return [
        Example(id=f"{kind[0]}{n}", prompt=f"How do I make {kind} {n}?", harmful=harmful)
        for n in range(number)
    ]


def of(server: Server, tier: str, **fields: Any) -> Writer:
    return Writer(tier=tier, model="openai-api/local/rule", base_url=server.url, **{**QUICK, **fields})


def write(
    path: Path, examples: list[Example], *writers: Writer, trigger: Trigger | None = None, **more: Any
) -> WritingResult:
    return write_tiers(examples, writers, path / "answers.jsonl", trigger=trigger, **more)
