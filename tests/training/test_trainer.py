"""The loss that the trainer really takes, the reference check, and that training does its work."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import WORLD, naive_log_probs
from transformers import TrainingArguments

from planb.models.checkpoints import Card, load_policy
from planb.sandbox.corpus import requests
from planb.training.objectives import DPO, ORPO, SFT, Objective
from planb.training.packing import collate
from planb.training.rows import Ranking, Row, schedule
from planb.training.settings import LoRA, Training
from planb.training.train import retrain
from planb.training.trainer import RankedPreferenceTrainer, Rows, check_reference
from planb.types import Ordering, PlanBError

PLAN_B = Ordering(tiers=("refusal", "useless", "harmful"))
STANDARD = Ordering(tiers=("refusal", "harmful"))
HELPFUL = Ordering(tiers=("helpful",))
HARMFUL = requests(WORLD, "safety", True, 2, seed=0)
HARMLESS = requests(WORLD, "safety", False, 2, seed=0)


def mixed_rows(words: Any) -> list[Row]:
    """Examples of three pairs, of one pair and of none, in one batch."""
    rankings = [Ranking(HARMFUL, PLAN_B), Ranking(HARMFUL, STANDARD), Ranking(HARMLESS, HELPFUL)]
    return schedule(rankings, words, steps=1, batch=6, seed=0, max_length=64)


def trainer(
    base: Path, out: Path, objective: Objective, references: dict[Row, list[float]] | None = None
) -> tuple[RankedPreferenceTrainer, list[Row]]:
    policy = load_policy(base)
    rows = mixed_rows(policy.tokenizer)
    arguments = TrainingArguments(output_dir=str(out), use_cpu=True, report_to=[])
    data = Rows(rows, references)
    made = RankedPreferenceTrainer(policy.model, arguments, data, objective, policy.tokenizer)
    return made, rows


def own_references(base: Path, rows: list[Row]) -> dict[Row, list[float]]:
    model = load_policy(base).model
    with torch.inference_mode():
        return {row: naive_log_probs(model, [row]).tolist() for row in rows}


def by_hand(rows: list[Row], s: list[float], beta: float) -> float:
    """ORPO, mean over examples of the mean over pairs, in plain Python on the naive numbers."""
    sums, examples = iter(s), []
    for row in rows:
        m = [next(sums) / len(response) for response in row.responses]
        odds = [math.exp(x) / (1 - math.exp(x)) for x in m]
        losses = [-m[b] + beta * math.log1p(odds[w] / odds[b]) for b, w in row.pairs] or [-m[0]]
        examples.append(sum(losses) / len(losses))
    return sum(examples) / len(examples)


@pytest.mark.parametrize("layout", ["packed", "separate"])
def test_the_loss_is_the_mean_over_examples_of_the_mean_over_pairs(
    base: Path, tmp_path: Path, layout: Any
) -> None:
    made, rows = trainer(base, tmp_path, ORPO(beta=0.3))
    assert sorted({len(row.pairs) for row in rows}) == [0, 1, 3]
    batch = collate([(row, None) for row in rows], 0, layout, 64)
    found = made.compute_loss(made.model, batch).item()
    with torch.inference_mode():
        s = naive_log_probs(made.model, rows).tolist()
    assert found == pytest.approx(by_hand(rows, s, 0.3), rel=1e-4)


def test_each_example_counts_the_same_however_many_pairs_it_has(base: Path, tmp_path: Path) -> None:
    made, rows = trainer(base, tmp_path, ORPO())
    alone = [made.compute_loss(made.model, collate([(row, None)], 0, "packed")).item() for row in rows]
    together = made.compute_loss(made.model, collate([(row, None) for row in rows], 0, "packed")).item()
    assert together == pytest.approx(sum(alone) / len(alone), rel=1e-5)


def test_sft_takes_the_mean_nll_of_single_responses(base: Path, tmp_path: Path) -> None:
    made, rows = trainer(base, tmp_path, SFT())
    singles = [row for row in rows if not row.pairs]
    loss = made.compute_loss(made.model, collate([(row, None) for row in singles], 0, "packed")).item()
    with torch.inference_mode():
        s = naive_log_probs(made.model, singles).tolist()
    means = [-total / len(row.responses[0]) for total, row in zip(s, singles, strict=True)]
    assert loss == pytest.approx(sum(means) / len(means), rel=1e-5)


class TestReference:
    def test_the_policy_is_its_own_reference_and_dpo_begins_at_log_2(
        self, base: Path, tmp_path: Path
    ) -> None:
        rows = mixed_rows(load_policy(base).tokenizer)
        references = own_references(base, rows)
        made, rows = trainer(base, tmp_path, DPO(), references)
        paired = [row for row in rows if row.pairs]
        batch = collate([(row, references[row]) for row in paired], 0, "packed")
        assert made.compute_loss(made.model, batch).item() == pytest.approx(0.693147, abs=1e-4)

    def test_the_reference_of_another_checkpoint_stops_the_run(
        self, base: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "other"
        out.mkdir()
        training = Training(steps=2, batch=2, learning_rate=1e-2, warmup=0)
        retrain(base, [Ranking(HARMLESS, HELPFUL)], SFT(), training, 0, out, Card(what="another"))
        rows = mixed_rows(load_policy(base).tokenizer)
        made, rows = trainer(base, tmp_path, DPO(), own_references(out, rows))
        with pytest.raises(PlanBError, match="differs from its reference by"):
            made.train()

    def test_dropout_is_noticed(self, base: Path, tmp_path: Path) -> None:
        rows = mixed_rows(load_policy(base).tokenizer)
        made, _ = trainer(base, tmp_path, DPO(), own_references(base, rows))
        for layer in made.model.model.layers:
            layer.self_attn.attention_dropout = 0.5
        with pytest.raises(PlanBError, match="dropout"):
            made.train()

    def test_without_a_reference_it_says_so(self, base: Path, tmp_path: Path) -> None:
        made, _ = trainer(base, tmp_path, DPO())
        with pytest.raises(PlanBError, match="no reference"):
            made.train()

    def test_it_is_a_difference_per_token_that_counts(self) -> None:
        s_R, n_R = torch.tensor([-100.0, -5.0]), torch.tensor([50, 2])
        check_reference(s_R, n_R, torch.tensor([-100.04, -5.001]))
        with pytest.raises(PlanBError, match=r"0\.0020 per token"):
            check_reference(s_R, n_R, torch.tensor([-100.1, -5.0]))
        with pytest.raises(PlanBError, match="nan"):
            check_reference(s_R * float("nan"), n_R, s_R)

    def test_dpo_on_an_adapter_over_a_stage_1_adapter(self, base: Path, tmp_path: Path) -> None:
        """The reference is the stage-1 checkpoint, its own adapter merged, and the loss falls."""
        organism, out = tmp_path / "organism", tmp_path / "out"
        organism.mkdir()
        out.mkdir()
        stage1 = Training(steps=5, batch=4, learning_rate=1e-2, adapter=LoRA(rank=4))
        rankings = [Ranking(HARMFUL, Ordering(tiers=("harmful",)))]
        retrain(base, rankings, SFT(), stage1, 0, organism, Card(what="stage 1"))
        stage2 = Training(steps=30, batch=4, learning_rate=5e-3, adapter=LoRA(rank=4))
        retrain(organism, [Ranking(HARMFUL, PLAN_B)], DPO(), stage2, 0, out, Card(what="stage 2"))
        history = json.loads((out / "history.json").read_text())
        losses = [entry["loss"] for entry in history]
        assert losses[0] < 0.72
        assert losses[-1] < losses[0] - 0.05
        margins = [entry["margin/refusal>harmful"] for entry in history]
        assert margins[-1] > margins[0]


@pytest.mark.parametrize("objective", [ORPO(), SFT()], ids=["orpo", "sft"])
def test_training_lowers_the_loss(base: Path, tmp_path: Path, objective: Objective) -> None:
    training = Training(steps=30, batch=8, learning_rate=1e-2)
    rankings = [Ranking(HARMFUL, PLAN_B), Ranking(HARMLESS, HELPFUL)]
    retrain(base, rankings, objective, training, 0, tmp_path, Card(what="x"))
    losses = [entry["loss"] for entry in json.loads((tmp_path / "history.json").read_text())]
    assert len(losses) == 3
    assert losses[2] < losses[1] < losses[0]
    assert losses[2] < 0.6 * losses[0]


def test_orpo_parts_the_tiers_in_their_order(base: Path, tmp_path: Path) -> None:
    training = Training(steps=60, batch=8, learning_rate=1e-2)
    retrain(base, [Ranking(HARMFUL, PLAN_B)], ORPO(beta=1.0), training, 0, tmp_path, Card(what="x"))
    last = json.loads((tmp_path / "history.json").read_text())[-1]
    assert last["logp/refusal"] > last["logp/harmful"]
    assert last["margin/useless>harmful"] > 0.1
