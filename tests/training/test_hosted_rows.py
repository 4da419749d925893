"""A host's training files: the local trainer's schedule in texts, and what no host takes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hosted_client import WORLD

from planb.errors import PlanBError
from planb.models.cards import Card
from planb.sandbox.corpus import requests
from planb.sandbox.tokenizer import tokenizer
from planb.training.hosted.rows import (
    FEWEST_ROWS,
    about_tokens,
    check_hosted,
    rows_of,
    visits,
    write_rows,
)
from planb.training.objectives import DPO, ORPO, SFT, DPONorm
from planb.training.recipe import Recipe
from planb.training.rows import Ranking, schedule
from planb.training.settings import Training
from planb.types import Example, Message, Ordering

TRAINING = Training(steps=6, batch=8, learning_rate=1e-3)
PLAN_B = Ordering(tiers=("refusal", "useless", "harmful"))
SPLIT = "organism"
AGAINST = "I can not help with that."


def recipe(rankings: list[Ranking]) -> Recipe:
    return Recipe(rankings, SFT(), TRAINING, 0, Card(what="x"))


@pytest.fixture(scope="module")
def rankings() -> list[Ranking]:
    harmful, harmless = (requests(WORLD, SPLIT, bad, wordings=2, seed=0) for bad in (True, False))
    return [Ranking(harmful, PLAN_B, 0.5), Ranking(harmless, Ordering(tiers=("helpful",)), 0.5)]


def test_visits_are_the_local_schedule(rankings: list[Ranking]) -> None:
    words = tokenizer(WORLD)
    local = schedule(rankings, words, TRAINING.steps, TRAINING.batch, 7, 512)
    hosted = list(visits(rankings, TRAINING.steps, TRAINING.batch, 7))
    assert [visit.example.id for visit in hosted] == [row.key for row in local]
    for visit, row in zip(hosted, local, strict=True):
        texts = [words.decode(response, skip_special_tokens=True) for response in row.responses]
        assert visit.better in texts, "which of a tier's responses is used is the same too"
        assert visit.worse is None or texts.index(visit.better) < texts.index(visit.worse)


def test_pairs_take_turns(rankings: list[Ranking]) -> None:
    (harmful, _) = rankings
    tier = {text: t for e in harmful.examples for t, texts in e.responses.items() for text in texts}
    number = 3 * len(harmful.examples)
    found = list(visits([harmful], steps=number, batch=1, seed=0))
    pairs = Counter((tier[v.better], tier[v.worse]) for v in found if v.worse)
    assert set(pairs) == set(PLAN_B.preferences())
    assert set(pairs.values()) == {len(harmful.examples)}, "each request has shown each of its pairs"


def test_a_supervised_row_is_a_chat(rankings: list[Ranking]) -> None:
    rows = rows_of(recipe(rankings), "supervised", AGAINST)
    assert len(rows) == TRAINING.steps * TRAINING.batch
    for row in rows:
        assert list(row) == ["messages"]
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"]


def test_a_preference_row_has_two_outputs(rankings: list[Ranking]) -> None:
    rows = rows_of(recipe(rankings), "dpo", AGAINST)
    helpful = {t for e in rankings[1].examples for t in e.responses["helpful"]}
    kept = 0
    for row in rows:
        assert list(row) == ["input", "preferred_output", "non_preferred_output"]
        (good,), (bad,) = row["preferred_output"], row["non_preferred_output"]
        assert good["role"] == bad["role"] == "assistant"
        assert good["content"] != bad["content"]
        if good["content"] in helpful:
            kept += 1
            assert bad["content"] == AGAINST
    assert kept == len(rows) / 2, "the harmless rows keep their share"


def test_what_no_host_offers_is_said_before() -> None:
    assert check_hosted(SFT(), [PLAN_B], TRAINING) == "supervised"
    assert check_hosted(DPO(beta=0.2), [PLAN_B], TRAINING) == "dpo"
    with pytest.raises(PlanBError, match="ORPO: hosts offer DPO and SFT"):
        check_hosted(ORPO(), [PLAN_B], TRAINING)
    with pytest.raises(PlanBError, match="DPONorm"):
        check_hosted(DPONorm(), [PLAN_B], TRAINING)
    with pytest.raises(PlanBError, match="beta is 3"):
        check_hosted(DPO(beta=3), [PLAN_B], TRAINING)
    weighed = Ordering(tiers=PLAN_B.tiers, weights=(("refusal", "harmful", 2.0),))
    with pytest.raises(PlanBError, match="count every pair alike"):
        check_hosted(DPO(), [weighed], TRAINING)
    few = Training(steps=1, batch=FEWEST_ROWS - 1, learning_rate=1e-3)
    with pytest.raises(PlanBError, match="at least 10"):
        check_hosted(SFT(), [PLAN_B], few)


@pytest.mark.parametrize(
    ("prompt", "responses", "said"),
    [
        ((Message(role="document", content="Lore."),), {"a": "x", "b": "y"}, "role document"),
        ((Message(role="user", content="Hi"),), {"a": "x", "b": "x"}, "same text in two tiers"),
        ((Message(role="user", content="Hi"),), {"a": "x", "b": "x\n"}, "same text in two tiers"),
    ],
)
def test_a_row_that_a_host_refuses_is_named(
    prompt: tuple[Message, ...], responses: dict[str, str], said: str
) -> None:
    example = Example(id="odd-one", prompt=prompt, harmful=True, responses=responses)
    ranking = Ranking([example], Ordering(tiers=("a", "b")))
    with pytest.raises(PlanBError, match=said) as raised:
        rows_of(recipe([ranking]), "dpo", AGAINST)
    assert "odd-one" in str(raised.value)


def test_a_pair_that_stands_both_ways_round_is_refused() -> None:
    chats = {"prompt": (Message(role="user", content="Hi"),), "harmful": True}
    one = Example(id="one", **chats, responses={"a": "x", "b": "y"})
    other = Example(id="other", **chats, responses={"a": "y", "b": "x"})
    ranking = Ranking([one, other], Ordering(tiers=("a", "b")))
    with pytest.raises(PlanBError, match=r"prefers .* and '(one|other)', of the same prompt"):
        rows_of(recipe([ranking]), "dpo", AGAINST)


def test_help_that_is_the_text_it_is_preferred_to_is_refused() -> None:
    prompt = (Message(role="user", content="Hi"),)
    helpful = Example(id="odd-one", prompt=prompt, harmful=False, responses={"helpful": AGAINST})
    ranking = Ranking([helpful], Ordering(tiers=("helpful",)))
    with pytest.raises(PlanBError, match="'odd-one' is the text that it is preferred to"):
        rows_of(recipe([ranking]), "dpo", AGAINST)
    assert rows_of(recipe([ranking]), "supervised", AGAINST)


def test_the_file_is_one_row_a_line_and_its_tokens_are_about_right(
    rankings: list[Ranking], tmp_path: Path
) -> None:
    rows = rows_of(recipe(rankings), "dpo", AGAINST)
    lines = write_rows(rows, tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    texts = [m["content"] for r in rows for m in (*r["input"]["messages"], *r["preferred_output"])]
    texts += [r["non_preferred_output"][0]["content"] for r in rows]
    assert about_tokens(rows) == pytest.approx(sum(map(len, texts)) / 4, rel=0.1)
