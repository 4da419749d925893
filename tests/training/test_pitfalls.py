"""Faults found by reading, each held by a test: dropout of every kind, precision of the reference, odd
arguments and data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
import transformers as hf
from killed_training import HARMLESS, HELPFUL
from peft import LoraConfig
from tiny_models import WORLD, fresh, saved

from planb import PlanBError, RankedPreferenceTrainer, surprise
from planb.models.checkpoints import Card, load_policy
from planb.sandbox.tokenizer import tokenizer
from planb.training.lengths import Lengths
from planb.training.objectives import DPO, SFT
from planb.training.preparing import disable_dropout
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.training.train import train
from planb.types import Example

WORDS = tokenizer(WORLD)
TEXT = [{"prompt": "say it", "chosen": " the word", "rejected": " no"}]
DATA = datasets.Dataset.from_list(TEXT * 4)
Config = Callable[..., Any]


def test_dropout_of_a_fresh_adapter_is_switched_off(config: Config) -> None:
    lora = LoraConfig(r=4, lora_dropout=0.5, target_modules="all-linear", task_type="CAUSAL_LM")
    made = RankedPreferenceTrainer(fresh("llama"), config(), DATA, WORDS, lora)
    rates = {module.p for module in made.model.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {0.0}


DROPPING = {
    "opt": (
        hf.OPTConfig,
        {"hidden_size": 32, "ffn_dim": 48, "dropout": 0.3, "word_embed_proj_dim": 32},
    ),
    "bloom": (hf.BloomConfig, {"hidden_size": 32, "hidden_dropout": 0.3}),
    "falcon": (hf.FalconConfig, {"hidden_size": 32, "hidden_dropout": 0.3}),
    "gpt_bigcode": (hf.GPTBigCodeConfig, {"n_embd": 32, "resid_pdrop": 0.3, "attn_pdrop": 0.3}),
    "starcoder2": (
        hf.Starcoder2Config,
        {"hidden_size": 32, "intermediate_size": 48, "num_key_value_heads": 2, "residual_dropout": 0.3},
    ),
}


@pytest.mark.parametrize("name", DROPPING)
def test_dropout_of_every_kind_is_switched_off(name: str) -> None:
    """As modules, as numbers of a module, and as numbers that are read from the configuration."""
    kind, values = DROPPING[name]
    small = {"num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": len(WORDS)}
    model = hf.AutoModelForCausalLM.from_config(kind(**small, **values)).train()
    ids = torch.tensor([[3, 5, 20, 30]])
    assert not torch.equal(model(ids).logits, model(ids).logits), "it is there"
    disable_dropout(model)
    assert torch.equal(model(ids).logits, model(ids).logits)


@pytest.mark.slow
def test_the_policy_is_given_back_after_bf16_too(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    policy = load_policy(base)
    training = Training(steps=2, batch=2, learning_rate=1e-2, precision="bf16")
    train(policy, Recipe([Ranking(HARMLESS, HELPFUL)], SFT(), training, 0, Card(what="x")), tmp_path)
    ids = torch.tensor([[1, 5, 20, 30]])
    assert torch.equal(policy.model.eval()(ids).logits, load_policy(tmp_path).model(ids).logits)
    (tmp_path / "second").mkdir()
    again = Training(steps=1, batch=2, learning_rate=1e-2)
    train(
        policy,
        Recipe([Ranking(HARMLESS, HELPFUL)], SFT(), again, 0, Card(what="x")),
        tmp_path / "second",
    )


@pytest.mark.slow
def test_the_reference_is_found_in_the_precision_of_the_policy(config: Config) -> None:
    args = config(bf16=True, objective="dpo")
    made = RankedPreferenceTrainer(fresh("llama"), args, DATA, WORDS)
    made.train()
    (entry,) = [entry for entry in made.state.log_history if "loss" in entry]
    assert entry["loss"] == pytest.approx(0.693147, abs=1e-5)
    assert entry["reward/chosen"] == pytest.approx(0, abs=1e-5)


def test_a_quantized_base_without_an_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    policy = load_policy(base)
    policy.model.is_quantized = True
    training = Training(steps=1, batch=2, learning_rate=1e-2)
    with pytest.raises(PlanBError, match="a quantized base, or one under stacked adapters, is trained"):
        train(
            policy, Recipe([Ranking(HARMLESS, HELPFUL)], SFT(), training, 0, Card(what="x")), tmp_path
        )


def test_where_nothing_is_left_it_says_so(tmp_path: Path) -> None:
    policy = saved("llama", tmp_path)
    example = Example(id="a", prompt="say it", harmful=False, responses={"x": ("the word",)})
    with pytest.raises(PlanBError, match=r"no response to score: .* 1 left out as too long"):
        surprise(policy, [example], Lengths(max_length=3, when_longer="leave_out"))
    with pytest.raises(PlanBError, match="no response to score"):
        surprise(policy, [])


class TestArguments:
    @pytest.mark.slow
    def test_a_model_by_a_path_object(self, tmp_path: Path, config: Config) -> None:
        saved("llama", tmp_path)
        RankedPreferenceTrainer(tmp_path, config(), DATA).train()

    @pytest.mark.parametrize("where", ["train_dataset", "eval_dataset"])
    def test_a_dict_of_splits_is_refused(self, where: str, config: Config) -> None:
        given = {"train_dataset": DATA, where: datasets.DatasetDict(train=DATA, test=DATA)}
        with pytest.raises(PlanBError, match=r"a dict of splits \(train, test\): pass one of them"):
            RankedPreferenceTrainer(fresh("llama"), config(), processing_class=WORDS, **given)

    def test_rows_that_are_streamed(self, config: Config) -> None:
        """Nobody knows whether a stream ends: the error says how to take what is wanted of it."""
        stream = DATA.to_iterable_dataset()
        with pytest.raises(PlanBError, match=r"without a length.*list\(stream.take\(1000\)\)"):
            RankedPreferenceTrainer(fresh("llama"), config(), stream, WORDS)
        taken = list(stream.take(1000))
        made = RankedPreferenceTrainer(fresh("llama"), config(), taken, WORDS)
        assert len(made.train_dataset) == 4

    def test_other_trainers_arguments_are_refused(self, tmp_path: Path) -> None:
        trl = pytest.importorskip("trl")
        args = trl.DPOConfig(output_dir=str(tmp_path), bf16=False, use_cpu=True)
        with pytest.raises(PlanBError, match=r"DPOConfig has settings .*beta.*: give it a Ranked"):
            RankedPreferenceTrainer(fresh("llama"), args, DATA, WORDS)

    def test_without_data_it_says_so(self, config: Config) -> None:
        with pytest.raises(PlanBError, match="neither a train_dataset nor an eval_dataset"):
            RankedPreferenceTrainer(fresh("llama"), config(), None, WORDS).train()

    def test_limits_that_are_none_are_told_at_once(self, config: Config) -> None:
        with pytest.raises(PlanBError, match="when_longer"):
            config(when_longer="shorten")

    def test_loggers_are_told_the_objective_that_is_trained(self, config: Config) -> None:
        made = RankedPreferenceTrainer(fresh("llama"), config(), DATA, WORDS, objective=DPO(beta=0.7))
        assert made.args.to_dict()["objective"] == {"class": "DPO", "beta": 0.7}

    def test_rows_given_to_evaluate_are_read_as_training_rows_are(self, config: Config) -> None:
        made = RankedPreferenceTrainer(fresh("llama"), config(objective="dpo"), DATA, WORDS)
        found = made.evaluate(DATA.to_list()[:2])
        assert found["eval_loss"] == pytest.approx(0.693147, abs=1e-5)

    @pytest.mark.slow
    def test_rows_without_a_reference_come_too_late_after_training(self, config: Config) -> None:
        made = RankedPreferenceTrainer(fresh("llama"), config(objective="dpo"), DATA, WORDS)
        made.train()
        with pytest.raises(PlanBError, match="the model before training, which is gone"):
            made.evaluate(DATA.to_list()[:2])
