"""Writing through a storm, with ``kill -9``: all is written or listed, and little is asked twice.

The server is a real one on the loopback that answers by a rule on words: a test of plumbing. A tenth
each of its answers are a 429, a 500, a stall, and an HTTP 200 that is no JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from forked import forked_planb
from verbs import planb

sys.path.append(str(Path(__file__).parent))
from writing_server import FAULTS, Server, serving

from planb.data.files import read_examples, write_examples
from planb.types import Example

pytestmark = pytest.mark.slow
CONNECTIONS = 24
REQUESTS = 80


def _command(server: Server, folder: Path, *more: str) -> list[str]:
    words = (
        f"data write {folder / 'requests.jsonl'} --out {folder / 'written.jsonl'} "
        "--writer harmful=openai-api/local/rule --writer useless=openai-api/local/rule "
        f"--canned refusal -n 2 --base-url {server.url} --max-connections {CONNECTIONS} "
        "--timeout 2 --retries 0 --tries 4 --no-cache"
    )
    return [*words.split(), *more]


def _lines(folder: Path) -> int:
    path = folder / "written.answers.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _killed_at(lines: int, command: list[str], folder: Path) -> None:
    process = forked_planb(*command)
    end = time.monotonic() + 180
    while _lines(folder) < lines:
        assert process.is_alive(), "it ended before it was killed"
        assert time.monotonic() < end, f"it stands at {_lines(folder)} lines"
        time.sleep(0.01)
    process.kill()
    process.join()
    assert not (folder / "written.jsonl").exists()


def _asked(server: Server) -> Counter[str]:
    """How often each answer (prompt and seed) was given."""
    return Counter(json.dumps([one["messages"], one["seed"]]) for one in server.answered)


def test_two_kills_in_a_storm_lose_nothing_and_repeat_little(tmp_path: Path) -> None:
    examples = [
        Example(id=f"w{n}", prompt=f"How do I make wyrmfire flask {n}?", harmful=True)
        for n in range(REQUESTS)
    ]
    write_examples(tmp_path / "requests.jsonl", examples)
    with serving(faults=dict.fromkeys(FAULTS, 0.1), seed=1, stall=4) as server:
        server.pause = 0.1
        command = _command(server, tmp_path)
        for lines in (REQUESTS, 3 * REQUESTS):
            _killed_at(lines, command, tmp_path)
        code, said = planb(tmp_path, *command)
        assert code in (0, 1), said
        fates = Counter(one["fate"] for one in server.requests)
        repeated = sum(times - 1 for times in _asked(server).values())
        total = len(server.requests)
    missing = tmp_path / "written.missing.jsonl"
    listed = [json.loads(line) for line in missing.read_text().splitlines()] if missing.exists() else []
    assert code == bool(listed)
    assert set(fates) == {"ok", *FAULTS}
    assert all(0.04 * total < fates[fault] < 0.17 * total for fault in FAULTS)
    _every_one_is_written_or_listed(tmp_path, listed)
    # a kill wastes what was on its way on both writers, and an answer may come as its time runs out
    assert repeated <= 2 * 2 * CONNECTIONS + 10


def _every_one_is_written_or_listed(folder: Path, listed: list[dict[str, object]]) -> None:
    gaps = {(one["id"], one["tier"]): one for one in listed}
    written = read_examples(folder / "written.jsonl")
    assert [example.id for example in written] == [f"w{n}" for n in range(REQUESTS)]
    for example in written:
        assert len(example.responses["refusal"]) == 2
        for tier in ("harmful", "useless"):
            texts = example.responses.get(tier, ())
            assert len(set(texts)) == len(texts)
            assert all(example.request in text for text in texts), "another request's answer"
            gap = gaps.pop((example.id, tier), None)
            assert len(texts) == (gap["got"] if gap else 2)
            assert gap is None or str(gap["reason"]).startswith("the call failed")
    assert not gaps
    assert len(listed) < 0.05 * REQUESTS, "four tries leave hardly anything"
