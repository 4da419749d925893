"""What the trainer takes for the loss and its gradients, worked by hand from naive log-probabilities:
each response after its prompt, alone, by the model's own logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_models import WORLD, distance, fresh, naive_log_probs
from transformers import TrainerCallback

from planb.errors import PlanBError
from planb.sandbox.corpus import requests
from planb.sandbox.tokenizer import tokenizer
from planb.training.objectives import DPO, IPO, ORPO, SFT, DPONorm, Objective, PlackettLuce
from planb.training.packing import fill
from planb.training.rows import Ranking, Row, schedule
from planb.training.trainer import RankedPreferenceTrainer, Rows
from planb.types import Ordering

WORDS = tokenizer(WORLD)
PLAN_B = Ordering(tiers=("refusal", "useless", "harmful"))
WEIGHED = Ordering(tiers=PLAN_B.tiers, weights=(("refusal", "harmful", 5.0),))
STANDARD = Ordering(tiers=("refusal", "harmful"))
HELPFUL = Ordering(tiers=("helpful",))
HARMFUL = requests(WORLD, "safety", True, 2, seed=0)
HARMLESS = requests(WORLD, "safety", False, 2, seed=0)

Told = tuple[float, int, float]
"""A response's summed log-probability, its tokens, its reference's sum."""
Config = Callable[..., Any]


def rows_of(*rankings: Ranking, batch: int) -> list[Row]:
    return schedule(rankings, WORDS, steps=1, batch=batch, seed=0, lengths=64)


MIXED = [
    *rows_of(Ranking(HARMFUL, PLAN_B), Ranking(HARMFUL, WEIGHED), Ranking(HARMLESS, HELPFUL), batch=6),
    *rows_of(Ranking(HARMFUL, STANDARD, per_tier=2), batch=1),
    Row("two of one tier", (1, 20), ((30, 31), (32, 33, 34, 35)), ("helpful", "helpful")),
]
"""Three pairs, also of unlike weights; one response; two a tier; two responses without a pair."""
THREES = rows_of(Ranking(HARMFUL, PLAN_B), batch=4)


def orpo_by_hand(better: Told, worse: Told, beta: float) -> float:
    odds = [math.exp(s / n) / (1 - math.exp(s / n)) for s, n, _ in (better, worse)]
    return -better[0] / better[1] + beta * math.log1p(odds[1] / odds[0])


def dpo_by_hand(better: Told, worse: Told, beta: float) -> float:
    margin = beta * ((better[0] - better[2]) - (worse[0] - worse[2]))
    return math.log1p(math.exp(-margin))


def by_hand(rows: Sequence[Row], s: Sequence[float], pair: Callable[[Told, Told], float]) -> float:
    """The mean over examples of the weighted mean over pairs, or of the NLL where there are none."""
    sums, examples = iter(s), []
    for row in rows:
        references = row.reference or (math.nan,) * len(row.responses)
        told = [(next(sums), len(ids), r) for ids, r in zip(row.responses, references, strict=True)]
        weights = row.weights or (1.0,) * len(row.pairs)
        paired = zip(row.pairs, weights, strict=True)
        losses = [weight * pair(told[b], told[w]) for (b, w), weight in paired]
        imitated = [-total / tokens for total, tokens, _ in told]
        examples.append(sum(losses) / sum(weights) if losses else sum(imitated) / len(imitated))
    return sum(examples) / len(examples)


def naive(model: Any, rows: Sequence[Row]) -> list[float]:
    with torch.no_grad():
        found: list[float] = naive_log_probs(model, rows).double().tolist()
    return found


def referenced(rows: Sequence[Row], sums: Sequence[float]) -> list[Row]:
    numbers = iter(sums)
    return [replace(row, reference=tuple(next(numbers) for _ in row.responses)) for row in rows]


def naive_gradients(model: Any, rows: Sequence[Row], of: Callable[[Any], float]) -> Any:
    """The chain rule with differences of the loss by hand: d loss / d s_r, times d s_r / d weights."""
    model.zero_grad()
    s_R = naive_log_probs(model, rows)
    s, slopes = s_R.double().tolist(), []
    for r in range(len(s)):
        shifted = [[x + (d if place == r else 0) for place, x in enumerate(s)] for d in (1e-4, -1e-4)]
        slopes.append((of(shifted[0]) - of(shifted[1])) / 2e-4)
    (s_R * torch.tensor(slopes)).sum().backward()
    return {name: w.grad.clone() for name, w in model.named_parameters() if w.grad is not None}


class Gradients(TrainerCallback):
    """Keeps those of the last update."""

    def on_pre_optimizer_step(self, *_: Any, model: Any, **__: Any) -> None:
        named = model.named_parameters()
        self.found = {name: w.grad.clone() for name, w in named if w.grad is not None}


def trained(
    model: Any, rows: Sequence[Row], args: Any, objective: Objective, **others: Any
) -> tuple[RankedPreferenceTrainer, Any]:
    """The trainer after its training on the rows in their order, and the last gradients."""
    caught = Gradients()
    made = RankedPreferenceTrainer(
        model, args, Rows(rows, ordered=True), WORDS, objective=objective, callbacks=[caught], **others
    )
    made.train()
    return made, caught.found


def losses(trainer: RankedPreferenceTrainer) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


class TestLoss:
    @pytest.mark.parametrize("pack_tokens", [4096, 60], ids=["one part", "parts"])
    @pytest.mark.parametrize("layout", ["packed", "separate"])
    def test_it_and_its_gradients_are_those_by_hand(
        self, config: Config, layout: Any, pack_tokens: int
    ) -> None:
        assert sorted({len(row.responses) for row in MIXED}) == [1, 2, 3, 4]
        assert (len(fill(MIXED, layout, pack_tokens)) > 2) is (pack_tokens == 60)
        model = fresh("llama")
        s = naive(model, MIXED)

        def of(sums: Sequence[float]) -> float:
            return by_hand(MIXED, sums, lambda b, w: orpo_by_hand(b, w, 0.3))

        expected = naive_gradients(model, MIXED, of)
        model.zero_grad()
        args = config(per_device_train_batch_size=8, layout=layout, pack_tokens=pack_tokens)
        made, found = trained(model, MIXED, args, ORPO(beta=0.3))
        assert made.way.layout == layout
        assert losses(made) == pytest.approx([of(s)], rel=1e-5)
        assert distance(found, expected) < 1e-4

    def test_an_evaluation_is_the_mean_over_all_of_its_examples(self, config: Config) -> None:
        """Three batches, the last one short, cut into parts; a reference of made-up numbers."""
        model, rows = fresh("llama"), THREES + MIXED[-3:]
        s = naive(model, rows)
        rows = referenced(rows, [total * (0.9 + 0.02 * place) for place, total in enumerate(s)])
        args = config(per_device_eval_batch_size=3, pack_tokens=100, objective=DPO(beta=0.03))
        made = RankedPreferenceTrainer(model, args, None, WORDS, eval_dataset=Rows(rows))
        expected = by_hand(rows, s, lambda b, w: dpo_by_hand(b, w, 0.03))
        assert abs(expected - math.log(2)) > 0.1
        assert made.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize(
        ("objective", "first"),
        [
            (DPO(beta=0.3), math.log(2)),
            (DPONorm(), math.log(2)),
            (IPO(beta=0.25), 4.0),
            (PlackettLuce(), math.log(6)),
        ],
        ids=["dpo", "dpo_norm", "ipo", "plackett_luce"],
    )
    def test_a_policy_that_is_its_reference_starts_where_the_formula_says(
        self, config: Config, objective: Objective, first: float
    ) -> None:
        """log 2 a pair; (1 / 2 beta)^2; of the 3! rankings of three each is as likely."""
        args = config(max_steps=2, pack_tokens=80, learning_rate=1e-3)
        made, found = trained(fresh("llama"), THREES, args, objective)
        assert losses(made)[0] == pytest.approx(first, abs=1e-4)
        assert abs(losses(made)[1] - losses(made)[0]) > 1e-3
        assert max(float(gradient.abs().max()) for gradient in found.values()) > 1e-2


class TestReference:
    def test_another_checkpoints_numbers_stop_the_run(self, config: Config) -> None:
        model, other = fresh("llama"), fresh("llama")
        with torch.no_grad():
            other.lm_head.weight.mul_(1.01)
        before = weights(model)
        with pytest.raises(PlanBError, match="differs from its reference by"):
            trained(model, referenced(THREES, naive(other, THREES)), config(), DPO())
        assert all(torch.equal(before[name], weight) for name, weight in weights(model).items())

    def test_its_own_numbers_may_be_given(self, config: Config) -> None:
        model = fresh("llama")
        rows = referenced(THREES, naive(model, THREES))
        made, _ = trained(model, rows, config(), DPO())
        assert losses(made) == pytest.approx([math.log(2)], abs=1e-4)
        assert made.train_dataset.rows == rows

    def test_rows_without_one_are_told(self, config: Config) -> None:
        made = RankedPreferenceTrainer(fresh("llama"), config(), Rows(THREES), WORDS, objective=DPO())
        with pytest.raises(PlanBError, match="the rows carry no reference"):
            made.training_step(made.model, made.data_collator(THREES))


LORA = LoraConfig(target_modules="all-linear", lora_dropout=0.5, init_lora_weights=False)
DROPPING: dict[str, Callable[[], Any]] = {
    "modules": lambda: fresh("gpt2", embd_pdrop=0.5, resid_pdrop=0.5, attn_pdrop=0.5),
    "attention": lambda: fresh("llama", attention_dropout=0.5),
    "an adapter's": lambda: get_peft_model(fresh("llama"), LORA),
}


@pytest.mark.parametrize("make", DROPPING.values(), ids=DROPPING)
def test_dropout_is_switched_off(config: Config, make: Callable[[], Any]) -> None:
    """Responses would share the prompt's, and the policy would not be its reference."""
    model = make().train()
    with torch.no_grad():
        one, two = (naive_log_probs(model, THREES[:1]) for _ in range(2))
    assert not torch.allclose(one, two, rtol=1e-2), "it is there"
    s = naive(model.eval(), THREES)
    made, _ = trained(model, THREES, config(), ORPO(beta=0.3))
    expected = by_hand(THREES, s, lambda b, w: orpo_by_hand(b, w, 0.3))
    assert losses(made) == pytest.approx([expected], rel=1e-4)


def test_a_loss_that_is_no_number_ends_the_run(config: Config) -> None:
    model = fresh("llama")
    with pytest.raises(PlanBError, match=r"the loss is (nan|inf) before update [23], .*Lower the"):
        trained(model, THREES, config(max_steps=4, learning_rate=1e30), ORPO())


class TestSameUpdates:
    @pytest.mark.slow
    @pytest.mark.parametrize("objective", [ORPO(), DPO()], ids=["orpo", "dpo"])
    def test_accumulation_is_one_batch(self, config: Config, objective: Objective) -> None:
        """8 = 4 + 4 = 3 + 3 + 2 = 1 eight times, whatever parts the batches are run in: losses and
        weights."""
        found = []
        for size, pack_tokens in ((8, 4096), (4, 100), (3, 4096), (1, 64)):
            said = {"per_device_train_batch_size": size, "gradient_accumulation_steps": -(-8 // size)}
            args = config(**said, max_steps=3, pack_tokens=pack_tokens, learning_rate=0.01)
            model = fresh("llama")
            made, _ = trained(model, MIXED, args, objective)
            found.append((losses(made), weights(model)))
        start = weights(fresh("llama"))
        for others_losses, others_weights in found[1:]:
            assert others_losses == pytest.approx(found[0][0], rel=1e-6)
            for name, weight in found[0][1].items():
                assert float((weight - start[name]).abs().max()) > 1e-4, name
                assert float((others_weights[name] - weight).abs().max()) < 1e-6, name

    @pytest.mark.slow
    def test_the_last_update_of_an_epoch_may_have_less(self, config: Config) -> None:
        """Updates of 6 and of 2 examples: 6, 2 = 2 + 2 + 2, 2 = 1 six times, 1 + 1."""
        found = []
        for size, times in ((6, 1), (2, 3), (1, 6)):
            said = {"per_device_train_batch_size": size, "gradient_accumulation_steps": times}
            args = config(**said, max_steps=4, learning_rate=0.01)
            model = fresh("llama")
            found.append((losses(trained(model, MIXED, args, ORPO())[0]), weights(model)))
        for others_losses, others_weights in found[1:]:
            assert others_losses == pytest.approx(found[0][0], rel=1e-6)
            for name, weight in found[0][1].items():
                assert float((others_weights[name] - weight).abs().max()) < 1e-6, name

    @pytest.mark.slow
    @pytest.mark.parametrize("adapter", [False, True], ids=["all weights", "adapter"])
    def test_checkpointing_activations_changes_nothing(
        self, config: Config, adapter: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found, ran, prepare = [], [], RankedPreferenceTrainer.prepare
        for checkpointing in (False, True):
            model, runs = fresh("llama"), list[bool]()
            monkeypatch.setattr(  # what the check before training runs is not counted
                RankedPreferenceTrainer,
                "prepare",
                lambda self, runs=runs: (prepare(self), runs.clear())[0],
            )
            norm = model.model.layers[0].input_layernorm
            norm.register_forward_hook(lambda norm, *_, runs=runs: runs.append(norm.training))
            args = config(
                max_steps=3, gradient_checkpointing=checkpointing, learning_rate=0.01, pack_tokens=200
            )
            peft = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
            made, gradients = trained(model, THREES, args, DPO(), peft_config=peft if adapter else None)
            found.append((losses(made), gradients, weights(made.model)))
            ran.append(sum(runs))
        assert ran[1] == 2 * ran[0] > 0, "layers are run again in the backward pass"
        assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
        assert distance(found[1][1], found[0][1]) < 1e-5
        assert all(torch.allclose(w, found[0][2][name], atol=1e-6) for name, w in found[1][2].items())


class Seen(Rows):
    """Tells which rows were taken."""

    def __init__(self, rows: Sequence[Row], ordered: bool = False) -> None:
        super().__init__(rows, ordered)
        self.keys: list[str] = []

    def __getitem__(self, place: int) -> Row:
        self.keys.append(self.rows[place].key)
        return super().__getitem__(place)


@pytest.mark.slow
def test_a_schedule_is_kept_and_other_rows_are_shuffled_by_the_seed(config: Config) -> None:
    rows = [replace(row, key=str(place)) for place, row in enumerate(MIXED)]
    keys = [row.key for row in rows]

    def order(ordered: bool, seed: int) -> list[str]:
        data = Seen(rows, ordered)
        args = config(max_steps=-1, num_train_epochs=2, per_device_train_batch_size=2, seed=seed)
        RankedPreferenceTrainer(fresh("llama"), args, data, WORDS, objective=SFT()).train()
        return data.keys

    shuffled = order(False, 1)
    assert order(True, 1) == keys * 2
    assert shuffled[:8] != keys
    assert shuffled[8:] != shuffled[:8]
    assert sorted(shuffled[:8]) == sorted(shuffled[8:]) == keys
    assert order(False, 1) == shuffled
    assert order(False, 2) != shuffled
