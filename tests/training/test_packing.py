"""Batches in numbers, and what every filling of rows into parts keeps to."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_models import PAD, fresh, rows

from planb.training import attention
from planb.training.layout import adopt
from planb.training.packing import BUDGET, collate, fill, on_device, parts
from planb.training.rows import Row
from planb.training.scoring import Way, scores

ROWS = rows(9)
LAYOUTS = ("packed", "separate")
FIRST = Row("first", (11, 12), ((21,), (31, 32)), ("a", "b"), ((0, 1),), (2.5,), (-1.0, -2.0))
SECOND = Row("second", (13,), ((41, 42, 43),), ("c",), (), (), (-3.0,))


def plain(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: x.tolist() if isinstance(x, torch.Tensor) else x for name, x in batch.items()}


COMMON = {
    "example_R": [0, 0, 1],
    "pairs_P3": [[0, 0, 1]],
    "weight_P": [2.5],
    "singles_S": [2],
    "examples": 2,
    "tiers": ["a", "b", "c"],
    "reference_R": [-1.0, -2.0, -3.0],
}


class TestABatchByHand:
    """Two rows: a prompt of 2 tokens with responses of 1 and 2; a prompt of 1 with a response of 3."""

    def test_packed(self) -> None:
        batch = plain(collate([FIRST, SECOND], PAD, "packed"))
        inputs = plain(batch.pop("inputs"))
        assert inputs.pop("pack") is not None
        assert inputs == {
            #              prompt    a   b           prompt  c
            "input_ids": [[11, 12, 21, 31, 32, 13, 41, 42, 43]],
            "position_ids": [[0, 1, 2, 2, 3, 0, 1, 2, 3]],
            "attention_mask": [[[[True]]]],
        }
        assert batch == {
            **COMMON,
            "predictor_N": [1, 1, 3, 5, 6, 7],  # a response's first token: from the prompt's last
            "target_N": [21, 31, 32, 41, 42, 43],
            "owner_N": [0, 1, 1, 2, 2, 2],
            "tokens": 9,
            "prompts": False,
        }

    def test_separate(self) -> None:
        batch = plain(collate([FIRST, SECOND], 99, "separate"))
        assert plain(batch.pop("inputs")) == {
            "input_ids": [[11, 12, 21, 99], [11, 12, 31, 32], [13, 41, 42, 43]],
            "attention_mask": [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]],
        }
        assert batch == {
            **COMMON,
            "predictor_N": [1, 5, 6, 8, 9, 10],
            "target_N": [21, 31, 32, 41, 42, 43],
            "owner_N": [0, 1, 1, 2, 2, 2],
            "tokens": 11,  # padding not counted
            "prompts": False,
        }

    def test_packed_with_prompts(self) -> None:
        """Owners from 3, the number of responses, on: a prompt of one token has nothing to predict."""
        batch = plain(collate([SECOND, FIRST], PAD, "packed", prompts=True))
        assert batch["prompts"] is True
        assert batch["predictor_N"] == [0, 1, 2, 4, 5, 5, 7]
        assert batch["target_N"] == [41, 42, 43, 12, 21, 31, 32]
        assert batch["owner_N"] == [0, 0, 0, 3 + 1, 1, 2, 2]

    def test_separate_with_prompts(self) -> None:
        """A prompt that stands before each response is counted once."""
        batch = plain(collate([FIRST], PAD, "separate", prompts=True))
        assert batch["predictor_N"] == [0, 1, 5, 6]
        assert batch["target_N"] == [12, 21, 31, 32]
        assert batch["owner_N"] == [2, 0, 1, 1]

    def test_segments(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("planb.training.packing.pack", lambda segments, kernel: [*segments, kernel])
        found = collate([FIRST, SECOND], PAD, "packed", "varlen")["inputs"]["pack"]
        assert found == [(0, 3, ()), (3, 2, ((0, 2),)), (5, 4, ()), "varlen"]
        assert all(isinstance(segment, attention.Segment) for segment in found[:-1])


class TestCollate:
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_pairs_singles_and_targets_point_at_their_responses(self, layout: Any) -> None:
        batch = collate(ROWS, PAD, layout)
        starts = [sum(len(r.responses) for r in ROWS[:e]) for e in range(len(ROWS))]
        pairs = [[e, starts[e] + b, starts[e] + w] for e, row in enumerate(ROWS) for b, w in row.pairs]
        assert batch["pairs_P3"].tolist() == pairs
        assert batch["singles_S"].tolist() == [starts[e] for e, r in enumerate(ROWS) if not r.pairs]
        assert batch["example_R"].tolist() == [e for e, row in enumerate(ROWS) for _ in row.responses]
        order = batch["owner_N"].argsort(stable=True)
        targets = [token for row in ROWS for response in row.responses for token in response]
        assert batch["target_N"][order].tolist() == targets
        ids = batch["inputs"]["input_ids"]
        before = [
            token
            for row in ROWS
            for response in row.responses
            for token in (row.prompt[-1], *response[:-1])
        ]
        assert ids.flatten()[batch["predictor_N"]][order].tolist() == before

    def test_every_response_of_a_row_without_pairs_is_imitated(self) -> None:
        row = Row("all", (1, 2), ((3,), (4, 5), (6,)), ("a", "a", "b"))
        assert collate([SECOND, row], PAD, "packed")["singles_S"].tolist() == [0, 1, 2, 3]

    def test_weights_are_1_where_none_are_given(self) -> None:
        plain_row = replace(ROWS[1], weights=())
        weighed = replace(ROWS[1], weights=(0.5, 0.25, 2.0))
        assert len(plain_row.pairs) == 3
        batch = collate([plain_row, weighed, SECOND], PAD, "packed")
        assert batch["weight_P"].tolist() == [1, 1, 1, 0.5, 0.25, 2]
        assert batch["pairs_P3"][:, 0].tolist() == [0, 0, 0, 1, 1, 1]

    def test_rows_without_pairs_alone(self) -> None:
        batch = collate([SECOND], PAD, "separate")
        assert batch["pairs_P3"].shape == (0, 3)
        assert batch["weight_P"].shape == (0,)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_references_stand_at_their_responses(self, layout: Any) -> None:
        assert "reference_R" not in collate(ROWS, PAD, layout)
        known = [
            replace(row, reference=tuple(-e - k / 10 for k in range(len(row.responses))))
            for e, row in enumerate(ROWS)
        ]
        for part in parts(known, PAD, layout, 60):
            expected = [r for place in part["places"] for r in known[place].reference]
            assert part["reference_R"].tolist() == pytest.approx(expected)
            tiers = [tier for place in part["places"] for tier in known[place].tiers]
            assert part["tiers"] == tiers

    def test_it_moves_to_a_device_whole(self) -> None:
        moved = on_device(collate(ROWS[:2], PAD, "packed"), torch.device("meta"))
        assert moved["inputs"]["pack"]["groups"][0]["query_SQ"].device.type == "meta"
        assert moved["target_N"].device.type == "meta"
        assert moved["tiers"] == [tier for row in ROWS[:2] for tier in row.tiers]


def many(seed: int) -> list[Row]:
    rng = random.Random(seed)
    return rows(rng.randint(1, 40), seed, rng.choice([3, 20, 60]))


class TestFill:
    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("budget", [1, 60, 200, BUDGET, None])
    def test_every_row_once_and_no_more_than_the_budget(self, layout: Any, budget: int | None) -> None:
        """A single row may take more: it cannot be cut."""
        for seed in range(20):
            chosen = many(seed)
            filled = fill(chosen, layout, budget)
            assert sorted(place for some in filled for place in some) == list(range(len(chosen)))
            assert all(filled)
            for some in filled:
                size = tokens(chosen, some, layout)
                assert budget is None or size <= budget or len(some) == 1
                ids = collate([chosen[place] for place in some], PAD, layout)["inputs"]["input_ids"]
                assert ids.numel() == size
            for some, after in itertools.pairwise(filled):  # and none could take the next
                assert budget is not None
                assert tokens(chosen, [*some, after[0]], layout) > budget

    def test_packed_rows_keep_their_order(self) -> None:
        for budget in (1, 100, None):
            order = [place for some in fill(ROWS, "packed", budget) for place in some]
            assert order == list(range(len(ROWS)))

    def test_separate_rows_stand_by_length(self) -> None:
        """Rows of like length share a part, so less is padded."""
        chosen = rows(40)
        widths = [
            len(chosen[place].prompt) + max(map(len, chosen[place].responses))
            for some in fill(chosen, "separate", 200)
            for place in some
        ]
        assert widths == sorted(widths)
        padded = sum(tokens(chosen, some, "separate") for some in fill(chosen, "separate", 200))
        assert padded < 1.5 * sum(row.separate_tokens for row in chosen)

    def test_by_hand(self) -> None:
        """Packed: 4 + 4, and 3 would make 11. Separate: widths 3, 4 and 5, so 2 x 4, then 5."""
        of = [
            Row("x", (1, 1), ((1, 1),), ("a",)),
            Row("y", (1, 1), ((1, 1, 1),), ("a",)),
            Row("z", (1, 1), ((1,),), ("a",)),
        ]
        assert fill(of, "packed", 9) == [[0, 1], [2]]
        assert fill(of, "separate", 9) == [[2, 0], [1]]


def tokens(chosen: list[Row], places: list[int], layout: str) -> int:
    some = [chosen[place] for place in places]
    if layout == "packed":
        return sum(len(row.prompt) + sum(map(len, row.responses)) for row in some)
    texts = [len(row.prompt) + len(response) for row in some for response in row.responses]
    return len(texts) * max(texts)


class TestParts:
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_a_part_is_the_batch_of_its_rows(self, layout: Any) -> None:
        found = parts(ROWS, PAD, layout, 100, prompts=True)
        assert len(found) > 2
        for part in found:
            alone = collate([ROWS[p] for p in part.pop("places")], PAD, layout, prompts=True)
            ids, expected = (x.pop("inputs")["input_ids"] for x in (part, alone))
            assert torch.equal(ids, expected)
            assert plain(part) == plain(alone)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("head", ["chunked", "own"])
def test_log_probabilities_of_prompts(layout: Any, head: Any) -> None:
    """Each response's is its example's: all the prompt's tokens but the first."""
    model = fresh("mistral_window")
    way = Way(layout, head=head)
    expected = {}
    with torch.no_grad():
        for place, row in enumerate(ROWS):
            logp = model(torch.tensor([row.prompt])).logits[0].log_softmax(-1)
            expected[place] = sum(
                (float(logp[t, token]) for t, token in enumerate(row.prompt[1:])), 0.0
            )
        adopt(model, way)
        for part in parts(ROWS, PAD, layout, 100, prompts=True):
            told, untold = (
                scores(model, collate([ROWS[p] for p in part["places"]], PAD, layout, prompts=p), way)
                for p in (True, False)
            )
            at = [place for place in part["places"] for _ in ROWS[place].responses]
            right = torch.tensor([expected[place] for place in at])
            assert torch.allclose(told.prompt_s_R, right, atol=5e-4, rtol=0)
            assert told.prompt_n_R.tolist() == [len(ROWS[place].prompt) - 1 for place in at]
            assert torch.allclose(told.s_R, untold.s_R, atol=1e-4, rtol=0)
            assert torch.equal(told.n_R, untold.n_R)
            assert untold.prompt_s_R is None
            assert untold.prompt_n_R is None
