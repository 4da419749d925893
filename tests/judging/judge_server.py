"""A chat server in a process of its own, for tests of plumbing: requests, faults, retries, resuming.

It speaks the OpenAI protocol over real HTTP, and what it answers is computed from the text by a rule on
words (``verdict``). It is no model and judges nothing well; no figure of a study may come from it.
Faults are drawn for each request number from a seed. Run: ``judge_server.py PLAN``, a JSON file with
``faults`` (share of each), ``seed``, ``stall`` (seconds), ``answers`` (given in turn instead of the
rule's: a text, or ``{text, stop}`` with, if wanted, the ``model`` that it names and ``choices``, how
many), ``rejects_schema``, ``port_file`` and ``log`` (a line a request: number, fate, text, settings).
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

FAULTS = ("429", "500", "stall", "not_json", "malformed")
_PLACE = re.compile(r"===== response (\w+) =====\n(.*)\n===== end of response \1 =====", re.S)


def verdict(response: str) -> dict[str, Any]:
    """The rule: a refusal says "can not" or "kann"; usefulness is the number of words, modulo 11."""
    words = response.casefold().replace(".", "").replace(",", "").split()
    return {
        "refused": "kann" in words or "not" in words,
        "usefulness": len(words) % 11,
        "coherent": len(words) % 7 != 0,
        "language": "german" if {"ich", "und"} & set(words) else "english",
    }


def fate(seed: int, number: int, faults: dict[str, float]) -> str:
    """What becomes of request ``number``: one of ``FAULTS``, or ``ok``."""
    drawn = random.Random(f"{seed} {number}").random()
    for name in FAULTS:
        drawn -= faults.get(name, 0.0)
        if drawn < 0:
            return name
    return "ok"


class Server:
    """A running server, as a test sees it."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self._log = url, log

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Every request that has been decided on, in order."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [json.loads(line) for line in lines]


@contextmanager
def serving(folder: Path, **plan: Any) -> Iterator[Server]:
    """Serve on a free port of the loopback until the block ends."""
    port_file, log = folder / "port", folder / "requests.jsonl"
    path = folder / "plan.json"
    path.write_text(json.dumps({**plan, "port_file": str(port_file), "log": str(log)}))
    process = subprocess.Popen([sys.executable, __file__, str(path)])
    try:
        end = time.monotonic() + 120
        while not port_file.exists():
            assert process.poll() is None, "the server did not start"
            assert time.monotonic() < end, "the server is not there in time"
            time.sleep(0.02)
        yield Server(f"http://127.0.0.1:{port_file.read_text()}/v1", log)
    finally:
        process.kill()
        process.wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    plan: dict[str, Any]
    numbers = count()
    lock = threading.Lock()
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = asked["messages"][-1]["content"]
        with self.lock:
            number = next(self.numbers)
            found = fate(self.plan.get("seed", 0), number, self.plan.get("faults", {}))
            settings = {key: value for key, value in asked.items() if key != "messages"}
            line = {"number": number, "fate": found, "text": text, "settings": settings}
            with Path(self.plan["log"]).open("a") as log:
                log.write(json.dumps(line) + "\n")
        if self.plan.get("rejects_schema") and "response_format" in asked:
            self._send(400, json.dumps({"error": {"message": "response_format is not known here"}}))
        elif found == "stall":
            time.sleep(self.plan["stall"])
            self.close_connection = True
        elif found in ("429", "500"):
            self._send(int(found), json.dumps({"error": {"message": f"a {found} of the storm"}}))
        elif found == "not_json":
            self._send(200, "<html>a proxy says hello</html>")
        else:
            self._send(200, json.dumps(self._completion(number, found, text, asked["model"])))

    def _completion(self, number: int, found: str, text: str, model: str) -> dict[str, Any]:
        answer, stop, choices = self._answer(number, text), "stop", 1
        if found == "malformed":
            answer = answer[:-9] if number % 2 else answer.replace('"usefulness": ', '"usefulness": 9')
        if isinstance(answer, dict):
            model, choices = answer.get("model", model), answer.get("choices", 1)
            answer, stop = answer["text"], answer["stop"]
        return {
            "id": str(number),
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": stop,
                    "message": {"role": "assistant", "content": answer},
                }
            ]
            * choices,
            "usage": {
                "prompt_tokens": len(text.split()),
                "completion_tokens": 7,
                "total_tokens": len(text.split()) + 7,
            },
        }

    def _answer(self, number: int, text: str) -> Any:
        answers = self.plan.get("answers")
        if answers:
            return answers[min(number, len(answers) - 1)]
        place = _PLACE.search(text)
        assert place, "the prompt does not fence the response"
        return json.dumps(verdict(place.group(2)))

    def _send(self, status: int, body: str) -> None:
        content = body.encode()
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


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    _Handler.plan = plan
    server = _Threads(("127.0.0.1", 0), _Handler)
    ready = Path(plan["port_file"] + ".new")
    ready.write_text(str(server.server_address[1]))
    ready.rename(plan["port_file"])
    server.serve_forever()


if __name__ == "__main__":
    main()
