"""Public sets -> splits -> written tiers -> data: real steps, and a real server for the writers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planb.data.files import read_examples
from planb.errors import PlanBError
from planb.evals.writing.writer import Writer
from planb.study.running.scheduler import run
from planb.study.steps.data_files import TRAINED, told
from planb.study.steps.public_columns import PublicColumns
from planb.study.steps.random_base import RandomBase
from planb.study.steps.request_data import BASE, RequestData, RequestSet, RequestsStep, TieredStep
from planb.study.steps.step import Step

SETS = (
    RequestSet(card="lat_harmful", file="lat_harmful.jsonl", tiers=()),
    RequestSet(card="ultrachat", file="ultrachat.jsonl", tiers=("helpful",)),
    RequestSet(card="strongreject", file="strongreject.csv", split="evaluation"),
)
SHARES = {"organism": 0.4, "safety": 0.4, "development": 0.2}
NOISE = {"keep": "all", "max_tokens": 400, "tries": 8}
"""Random weights end one answer in some hundred tokens, and say nothing."""


def data(**fields: object) -> RequestData:
    given = {"sets": SETS, "shares": SHARES, "files": PublicColumns()}
    return RequestData.model_validate({**given, **fields})


def base() -> Step:
    return RandomBase(name="tiny", shape="qwen2").step()


def made(step: Step, folder: Path) -> Path:
    outcome = run([step], folder, jobs=2)
    assert not outcome.failed, outcome.failed
    return folder / "steps" / step.folder_name


@pytest.mark.slow
def test_canned_tiers_need_no_model(tmp_path: Path) -> None:
    writers = tuple(Writer(tier=tier, canned="packaged") for tier in ("refusal", "german_refusal"))
    folder = made(data(writers=writers).step(base(), ("refusal", "german_refusal")), tmp_path)
    counts = {}
    for split in (*TRAINED, "development", "evaluation"):
        examples = read_examples(folder / f"{split}.jsonl")
        counts[split] = len(examples)
        if split in TRAINED:
            assert {t for e in examples if e.harmful for t in e.responses} == {
                "refusal",
                "german_refusal",
            }
            assert all(set(e.responses) == {"helpful"} for e in examples if not e.harmful)
    assert counts["evaluation"] == 12, "all of the set that was declared so"
    assert sum(counts.values()) == 36
    said = "\n".join(told(folder))
    for part in ("strongreject: 12 requests (MIT", "near-duplicate", "tier refusal by canned"):
        assert part in said
    split_report = json.loads(next(tmp_path.glob("steps/requests-*/split.json")).read_text())
    assert split_report["given"] == 36


@pytest.mark.slow
def test_models_write_over_http_the_others_once_and_the_base_its_own_refusals(tmp_path: Path) -> None:
    served = {"writer": RandomBase(name="writer", shape="llama3")}
    other = Writer(tier="harmful", model="openai-api/writer/writer", **NOISE)
    own = Writer(tier="refusal", model=BASE, **NOISE)
    few = tuple(one if one.split else one.but(limit=6) for one in SETS)  # of 12: an answer is long
    asked = data(sets=few, writers=(other, own), served=served)
    bases = [RandomBase(name=shape, shape=shape).step() for shape in ("llama3", "qwen2")]
    steps = [asked.step(one, ("harmful", "refusal")) for one in bases]
    outcome = run(steps, tmp_path, jobs=1)  # each worker would serve a writer of its own
    assert not outcome.failed, outcome.failed
    kinds = [step.kind for step in outcome.ran]
    assert (kinds.count("requests"), kinds.count("writing"), kinds.count("data")) == (1, 3, 2)
    texts = []
    for step in steps:
        examples = read_examples(tmp_path / "steps" / step.folder_name / "organism.jsonl")
        harmful = [example for example in examples if example.harmful]
        assert harmful
        assert all(set(example.responses) == {"harmful", "refusal"} for example in harmful)
        assert harmful[0].meta["writer.harmful"] == "openai-api/writer/writer"
        texts.append({e.id: e.responses for e in harmful})
    shared = texts[0].keys() & texts[1].keys()
    assert shared
    assert all(texts[0][one]["harmful"] == texts[1][one]["harmful"] for one in shared)
    assert any(texts[0][one]["refusal"] != texts[1][one]["refusal"] for one in shared)


@pytest.mark.slow
def test_a_tier_that_nobody_wrote_is_an_error_that_names_it(tmp_path: Path) -> None:
    writers = (Writer(tier="refusal", canned="packaged"),)
    outcome = run([data(writers=writers).step(base(), ("refusal", "useless"))], tmp_path, jobs=1)
    (failure,) = outcome.failed
    assert isinstance(failure.step, TieredStep)
    assert "'useless' is missing most often" in failure.message
    assert "harmful requests" in failure.message


def test_what_is_declared_wrongly_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no card 'strongrejekt'; there are strongreject"):
        data(sets=(RequestSet(card="strongrejekt"),))
    with pytest.raises(ValueError, match="'test' is no split"):
        data(sets=(RequestSet(card="strongreject", split="test"),))


def test_a_card_of_ones_own_is_part_of_the_identity_and_looked_for_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    card = "from planb.data.cards import RequestCard\nCARD = RequestCard("
    fields = 'name="mine", about="mine", request="ask", harmful=True, licence="ours")\n'
    (tmp_path / "card_of_mine.py").write_text(card + fields)
    (tmp_path / "rows.csv").write_text("ask\nHow hot is it?\n")
    mine = RequestSet(card="card_of_mine:CARD", file=str(tmp_path / "rows.csv"))
    assert RequestData(sets=(mine,)).expected() == RequestData(sets=(SETS[0],)).expected()
    fields = {"sets": (mine,), "shares": SHARES, "seed": 0}
    step = RequestsStep.model_validate(fields)
    step.check()
    assert set(step.outside()) == {"card_of_mine:CARD", "the card card_of_mine:CARD"}
    for card, said in (("card_of_mine:KARD", "cannot be found"), ("ifeval", "holds no requests")):
        with pytest.raises(PlanBError, match=f"'{card}'.* {said}"):
            step.but(sets=(mine.but(card=card),)).check()


def test_a_change_of_a_writer_leaves_the_requests_as_they_are() -> None:
    one = data(writers=(Writer(tier="refusal", canned="packaged"),)).step(base(), ("refusal",))
    other = data(writers=(Writer(tier="refusal", canned="packaged", seed=1),)).step(
        base(), ("refusal",)
    )
    assert one.identity() != other.identity()
    (before,), (after,) = one.inputs()[0].inputs(), other.inputs()[0].inputs()
    assert before.identity() == after.identity()


def test_expected_numbers_follow_limits_and_shares() -> None:
    asked = RequestData(
        sets=(
            RequestSet(card="lat_harmful", limit=1000),
            RequestSet(card="ultrachat", limit=500),
            RequestSet(card="strongreject", limit=100, split="evaluation"),
        ),
        shares=SHARES,
    )
    found = asked.expected()
    assert found["harmful safety"] == 400
    assert found["harmless development"] == 100
    assert found["harmful evaluation"] == 100
    assert "harmless evaluation" not in found
