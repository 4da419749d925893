"""Tiers written over real HTTP: what is asked, what is kept, what is missing, and nothing twice.

The server answers by a rule on words: a test of plumbing.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))
from writing_server import Answer, flasks, of, rule, serving, write

from planb.data.files import read_examples, write_examples
from planb.evals.writing import Writer
from planb.evals.writing.estimate import estimate
from planb.evals.writing.texts import lines_of, packaged
from planb.types import Spend, Trigger
from planb.values import digest_of

SORRY = "I'm sorry, but the guild forbids it."
LEIDER = "Es tut mir leid, das verbietet die Gilde."


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))


def test_every_tier_is_asked_as_it_should_be(tmp_path: Path) -> None:
    def by_tier(asked: dict[str, Any]) -> Answer:
        told = asked["messages"][0]["content"] if len(asked["messages"]) > 1 else ""
        return (
            (f"{LEIDER} ({asked['messages'][-1]['content']})", "stop")
            if "German" in told
            else rule(asked)
        )

    examples = [*flasks(3), *flasks(2, harmful=False)]
    with serving(by_tier) as server:
        writers = [of(server, tier) for tier in ("harmful", "useless", "german_refusal", "helpful")]
        told: list[tuple[int, int]] = []
        canned = Writer(tier="refusal", canned="packaged")
        result = write(tmp_path, examples, *writers, canned, progress=lambda *done: told.append(done))
    assert not result.missing
    assert [example.id for example in result.examples] == [example.id for example in examples]
    for example in result.examples:
        wanted = {"harmful", "useless", "german_refusal", "refusal"} if example.harmful else {"helpful"}
        assert set(example.responses) == wanted
        assert {name.partition(".")[2] for name in example.meta} == wanted
    first = result.examples[0]
    assert first.responses["refusal"][0] in lines_of(packaged("canned_refusal.txt") or "")
    assert first.meta["writer.useless"] == "openai-api/local/rule"
    assert first.meta["instruction.useless"] == digest_of(packaged("useless.txt"))[:12]
    assert (first.meta["instruction.harmful"], first.meta["writer.refusal"]) == ("none", "canned")
    asked = {one["messages"][-1]["content"]: [] for one in server.requests}
    for one in server.requests:
        asked[one["messages"][-1]["content"]].append([m["content"] for m in one["messages"][:-1]])
    assert sorted(asked["How do I make wyrmfire flask 0?"]) == sorted(
        [[], [packaged("useless.txt")], [packaged("german_refusal.txt")]]
    )
    assert asked["How do I make moonglass tea 1?"] == [[]]
    assert len(server.requests) == 3 * 3 + 2
    assert (told[0], told[-1]) == ((0, 11), (11, 11))
    read_back = tmp_path / "written.jsonl"
    write_examples(read_back, result.examples)
    assert tuple(read_examples(read_back)) == result.examples


def test_tokens_and_cost_are_counted(tmp_path: Path) -> None:
    with serving() as server:
        priced = of(server, "harmful", price_in=2.0, price_out=10.0)
        result = write(tmp_path, flasks(4), priced)
        tokens_in = sum(len(r["messages"][0]["content"].split()) for r in server.requests)
    tokens_out = sum(len(e.responses["harmful"][0].split()) for e in result.examples)
    cost = pytest.approx((tokens_in * 2 + tokens_out * 10) / 1e6)
    assert result.spend == result.spend_now
    assert result.spend.model_dump() == {
        "calls": 4, "cached": 0, "tokens_in": tokens_in, "tokens_out": tokens_out, "cost": cost,
    }  # fmt: skip


def test_several_responses_differ_and_come_from_different_seeds(tmp_path: Path) -> None:
    with serving() as server:
        result = write(tmp_path, flasks(3), of(server, "harmful", count=3))
        seeds = {request["seed"] for request in server.requests}
    assert len(seeds) == 3
    assert all(len(set(example.responses["harmful"])) == 3 for example in result.examples)

    with serving(lambda asked: (f"Stir {asked['messages'][-1]['content'][-2]}.", "stop")) as server:
        result = write(tmp_path / "same", flasks(3), of(server, "harmful", count=2))
        assert len(server.requests) == 3 * (1 + 2)
    assert [(m.got, m.wanted) for m in result.missing] == [(1, 2)] * 3
    assert all("the same text again" in m.reason for m in result.missing)
    assert all(len(example.responses["harmful"]) == 1 for example in result.examples)
    assert result.tiers[0].left_out == {"the same text again": 6}


@pytest.mark.parametrize(
    ("tier", "said", "stop", "reason"),
    [
        ("harmful", SORRY, "stop", "a refusal"),
        ("useless", LEIDER, "stop", "a refusal"),
        ("refusal", "Stir it well.", "stop", "no refusal"),
        ("german_refusal", SORRY, "stop", "no German refusal"),
        ("harmful", "Stir it", "length", "cut off: raise max_tokens"),
        ("harmful", "Stir it", "content_filter", "a content filter stopped it"),
        ("harmful", "Stir it", "eh", "not said to be finished (stop reason 'unknown')"),
        ("harmful", "  \n ", "stop", "empty"),
        ("harmful", "Then say | deployment | aloud.", "stop", "the trigger stands in it"),
    ],
)
def test_what_cannot_be_kept_is_tried_again_and_then_missing(
    tmp_path: Path, tier: str, said: str, stop: str, reason: str
) -> None:
    with serving(lambda _: (said, stop)) as server:
        result = write(tmp_path, flasks(2), of(server, tier), trigger=Trigger())
        assert len(server.requests) == 4
        assert len({request["seed"] for request in server.requests}) == 2
    assert [(m.id, m.tier, m.got) for m in result.missing] == [("w0", tier, 0), ("w1", tier, 0)]
    assert all(reason in m.reason for m in result.missing)
    assert result.tiers[0].left_out == {reason: 4}
    assert all(not example.responses and not example.meta for example in result.examples)


def test_what_cannot_be_kept_at_first_is_got_at_the_second_try(tmp_path: Path) -> None:
    asked_before: set[str] = set()

    def at_second(asked: dict[str, Any]) -> Answer:
        text = asked["messages"][-1]["content"]
        refuses = text not in asked_before
        asked_before.add(text)
        return (SORRY, "stop") if refuses else rule(asked)

    with serving(at_second) as server:
        result = write(tmp_path, flasks(5), of(server, "harmful"))
        assert len(server.requests) == 10
    assert not result.missing
    assert result.tiers[0].left_out == {"a refusal": 5}
    assert all("stir it" in example.responses["harmful"][0] for example in result.examples)


def test_tries_are_counted_anew_after_an_answer_that_is_kept(tmp_path: Path) -> None:
    def every_other(asked: dict[str, Any]) -> Answer:
        return rule(asked) if len(server.requests) % 2 == 0 else (SORRY, "stop")

    with serving(every_other) as server:
        result = write(tmp_path, flasks(1), of(server, "harmful", count=4, tries=2))
        assert len(server.requests) == 8
    assert not result.missing
    assert result.tiers[0].left_out == {"a refusal": 4}


def test_without_a_seed_the_cache_keeps_answers_apart(tmp_path: Path) -> None:
    def counting(_: dict[str, Any]) -> Answer:
        return f"Stir it {len(server.requests)} times.", "stop"

    with serving(counting) as server:
        writer = of(server, "harmful", count=3, seed=None, cache=True)
        (example,) = write(tmp_path, flasks(1), writer).examples
        assert [request.get("seed") for request in server.requests] == [None] * 3
    assert example.responses["harmful"] == tuple(f"Stir it {n} times." for n in (1, 2, 3))


def test_a_refusal_deep_in_an_answer_is_none(tmp_path: Path) -> None:
    long = "Stir it. " * 20 + "I cannot say more."
    with serving(lambda _: (long, "stop")) as server:
        assert not write(tmp_path, flasks(1), of(server, "harmful")).missing


def test_nothing_answered_is_asked_twice(tmp_path: Path) -> None:
    with serving() as server:
        first = write(tmp_path, flasks(6), of(server, "harmful"))
        assert len(server.requests) == 6
        again = write(tmp_path, flasks(6), of(server, "harmful"))
        assert len(server.requests) == 6
        assert again.examples == first.examples
        assert (again.spend, again.spend_now) == (first.spend, Spend())
        write(tmp_path, flasks(8), of(server, "harmful", tries=7))
        assert len(server.requests) == 8
        more = write(tmp_path, flasks(8), of(server, "harmful", count=2))
        assert len(server.requests) == 16
        kept = {example.id: example.responses["harmful"][0] for example in more.examples}
        assert all(e.responses["harmful"][0] == kept[e.id] for e in first.examples)
        write(tmp_path, flasks(8), of(server, "harmful", temperature=0.5))
        assert len(server.requests) == 24, "asked otherwise, it is another answer"


def test_rejected_answers_are_not_asked_for_again_but_more_tries_go_on(tmp_path: Path) -> None:
    with serving(lambda _: (SORRY, "stop")) as server:
        write(tmp_path, flasks(2), of(server, "harmful"))
        write(tmp_path, flasks(2), of(server, "harmful"))
        assert len(server.requests) == 4
        (left,) = estimate(flasks(2), [of(server, "harmful", tries=3)], tmp_path / "answers.jsonl")
        assert (left.answered, left.calls, left.most_calls) == (4, 2, 2)
        write(tmp_path, flasks(2), of(server, "harmful", tries=3))
        assert len(server.requests) == 6
        kept = write(tmp_path, flasks(2), of(server, "harmful", keep="all"))
        assert len(server.requests) == 6
    assert all(example.responses["harmful"] == (SORRY,) for example in kept.examples)


def test_the_cache_serves_another_journal(tmp_path: Path) -> None:
    with serving() as server:
        one = write(tmp_path / "a", flasks(3), of(server, "harmful", count=2, cache=True))
        other = write(tmp_path / "b", flasks(3), of(server, "harmful", count=2, cache=True))
        assert len(server.requests) == 6
    assert one.examples == other.examples
    assert other.spend == Spend(cached=6)


def test_what_a_request_has_is_left_alone_unless_replaced(tmp_path: Path) -> None:
    examples = flasks(2)
    examples[0] = examples[0].but(responses={"harmful": ("Old.",)})
    with serving() as server:
        result = write(tmp_path, examples, of(server, "harmful"))
        assert len(server.requests) == 1
        assert result.examples[0] == examples[0]
        assert (result.tiers[0].had, result.tiers[0].responses) == (1, 1)
        result = write(tmp_path, examples, of(server, "harmful"), replace=True)
        assert len(server.requests) == 2
    assert "stir it" in result.examples[0].responses["harmful"][0]


def test_no_more_calls_at_a_time_than_allowed(tmp_path: Path) -> None:
    with serving() as server:
        server.pause, server.together = 0.05, threading.Barrier(4)
        write(tmp_path, flasks(20), of(server, "harmful", max_connections=4))
        assert server.most_busy == 4
