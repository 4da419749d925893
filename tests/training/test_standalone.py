"""The trainer used alone, as TRL's trainers are: datasets, arguments, models by their path."""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import datasets
import pytest
import torch
from datasets import Dataset
from peft import AdaLoraConfig, LoraConfig, PeftModel, PrefixTuningConfig, get_peft_model
from tiny_models import WORLD, fresh, naive_log_probs, saved
from transformers import AutoModelForCausalLM, TrainingArguments

from planb import RankedPreferenceConfig, RankedPreferenceTrainer
from planb.errors import PlanBError
from planb.models.chat import exchange_ids
from planb.sandbox.corpus import requests
from planb.sandbox.tokenizer import tokenizer
from planb.training.objectives import DPO, OBJECTIVES
from planb.types import Message

WORDS = tokenizer(WORLD)
SPOKEN = sorted(word for word in WORDS.get_vocab() if word.isalpha())
HARMFUL = requests(WORLD, "safety", True, 2, seed=0)
TIERS = ("refusal", "useless", "harmful")
Config = Callable[..., Any]
Row = dict[str, Any]


def texts(number: int, responses: int, seed: int = 0) -> list[list[str]]:
    """(prompt, response, ...) of random words."""
    rng = random.Random(seed)
    sizes = [[rng.randint(1, 7) for _ in range(1 + responses)] for _ in range(number)]
    return [[" ".join(rng.choices(SPOKEN, k=size)) for size in some] for some in sizes]


def said(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


TEXT = [{"prompt": p, "chosen": f" {c}", "rejected": f" {r}"} for p, c, r in texts(6, 2)]
MESSAGES = [
    {"prompt": said("user", p), "chosen": said("assistant", c), "rejected": said("assistant", r)}
    for p, c, r in texts(6, 2)
]
SCORED = [
    {"prompt": said("user", p), "responses": answers, "scores": [1.0, 7.5, 3.0]}
    for p, *answers in texts(6, 3)
]
TIERED = [{"prompt": e.request, "responses": {t: list(e.responses[t]) for t in TIERS}} for e in HARMFUL]
ANSWERED = [{"prompt": said("user", p), "completion": said("assistant", c)} for p, c in texts(6, 1)]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a model with its tokenizer, as anyone has one."""
    datasets.disable_progress_bars()
    folder = tmp_path_factory.mktemp("llama")
    saved("llama", folder)
    return str(folder)


def losses(trainer: Any) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def apart(one: Any, two: Any) -> float:
    """The largest difference of a weight."""
    first, second = weights(one), weights(two)
    assert set(first) == set(second)
    return max(float((first[name] - second[name]).abs().max()) for name in first)


class TestRows:
    @pytest.mark.slow
    @pytest.mark.parametrize("rows", [TEXT, MESSAGES], ids=["text", "messages"])
    @pytest.mark.parametrize("batch", [6, 2], ids=["whole", "shuffled"])
    def test_training_is_what_trls_dpo_does(
        self, llama: str, tmp_path: Path, rows: list[Row], batch: int
    ) -> None:
        """From one dataset, by AdamW, in the order of one seed."""
        trl = pytest.importorskip("trl", reason="compared where TRL is installed")
        size = {"per_device_train_batch_size": batch, "max_steps": 3, "learning_rate": 1e-3}
        quiet = {"report_to": [], "disable_tqdm": True, "logging_steps": 1, "save_strategy": "no"}
        plain = {"use_cpu": True, "bf16": False, "gradient_checkpointing": False}
        common = {"output_dir": str(tmp_path), **size, **quiet, **plain}
        data = Dataset.from_list(rows)
        peers = trl.DPOConfig(beta=0.2, **common)
        peer = trl.DPOTrainer(llama, args=peers, train_dataset=data, processing_class=WORDS)
        peer.train()
        args = RankedPreferenceConfig(objective=DPO(beta=0.2), **common)
        ours = RankedPreferenceTrainer(llama, args, data, WORDS)
        ours.train()
        assert losses(ours) == pytest.approx(losses(peer), abs=1e-5)
        if batch == len(rows):  # else each loss is of another batch
            assert abs(losses(ours)[2] - losses(ours)[0]) > 1e-2
        start = AutoModelForCausalLM.from_pretrained(llama)
        assert apart(start, peer.model) > 1e-3
        assert apart(ours.model, peer.model) < 1e-4

    @pytest.mark.slow
    def test_scored_responses_are_a_ranking(self, config: Config) -> None:
        """The first loss is the mean of the three pairs' log-sigmoids, worked here from the texts."""
        model = fresh("llama")
        args = config(objective="simpo", per_device_train_batch_size=6)
        made = RankedPreferenceTrainer(model, args, Dataset.from_list(SCORED), WORDS)
        expected = []
        for row in SCORED:
            asked = (Message(role="user", content=row["prompt"][0]["content"]),)
            m = []
            for text in row["responses"]:
                prompt, response = exchange_ids(WORDS, asked, text)
                with torch.no_grad():
                    logits = model(torch.tensor([prompt + response])).logits[0].log_softmax(-1)
                after = enumerate(response, len(prompt) - 1)
                m.append(sum(logits[at, token] for at, token in after) / len(response))
            pairs = [(1, 2), (1, 0), (2, 0)]  # of 7.5, 3.0 and 1.0
            margins = torch.stack([2.0 * (m[better] - m[worse]) - 0.5 for better, worse in pairs])
            expected.append(-torch.nn.functional.logsigmoid(margins).mean())
        made.train()
        assert losses(made) == pytest.approx([float(torch.stack(expected).mean())], rel=1e-5)

    @pytest.mark.slow
    def test_tiers_are_ranked_by_the_ordering(self, config: Config) -> None:
        args = config(ordering=list(TIERS), objective="dpo")
        made = RankedPreferenceTrainer(fresh("llama"), args, Dataset.from_list(TIERED), WORDS)
        made.train()
        (entry,) = [entry for entry in made.state.log_history if "loss" in entry]
        assert entry["loss"] == pytest.approx(0.693147, abs=1e-4)
        assert {"logp/useless", "margin/refusal>harmful", "right/useless>harmful"} <= set(entry)
        told = [len({text for texts in row["responses"].values() for text in texts}) for row in TIERED]
        assert [len(row.responses) for row in made.train_dataset.rows] == told
        assert max(told) == 12

    def test_what_is_too_long_is_counted(self, config: Config) -> None:
        def length(text: str) -> int:
            return len(WORDS(text)["input_ids"]) + 1  # its end token

        args = config(max_length=14, when_longer="leave_out")
        made = RankedPreferenceTrainer(fresh("llama"), args, Dataset.from_list(TEXT), WORDS)
        longest = [
            max(length(row["prompt"] + row[name]) for name in ("chosen", "rejected")) for row in TEXT
        ]
        assert 0 < made.counts.left_out == sum(tokens > 14 for tokens in longest) < len(TEXT)
        assert made.counts.kept == len(made.train_dataset) == len(TEXT) - made.counts.left_out


class TestArguments:
    @pytest.mark.slow
    def test_a_model_by_its_path_brings_its_tokenizer(self, llama: str, config: Config) -> None:
        data = Dataset.from_list(MESSAGES)
        made = RankedPreferenceTrainer(llama, config(max_steps=2), data)
        made.train()
        other = RankedPreferenceTrainer(fresh("llama"), config(max_steps=2), data, WORDS)
        other.train()
        assert losses(made) == losses(other)
        assert len(made.processing_class) == len(WORDS)

    @pytest.mark.slow
    def test_none_and_transformers_own(self, config: Config, monkeypatch: Any, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        data, model = Dataset.from_list(TEXT), fresh("llama")
        none = RankedPreferenceTrainer(model, train_dataset=data, processing_class=WORDS)
        assert none.args.output_dir == "ranked-preference"
        assert none.objective == OBJECTIVES["orpo"]()
        same = {"learning_rate": 0.1, "max_steps": 2, "optim": "sgd", "lr_scheduler_type": "constant"}
        theirs = TrainingArguments(
            **same,
            output_dir=str(tmp_path / "out"),
            max_grad_norm=0.0,
            report_to=[],
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            gradient_checkpointing=True,
            adam_beta2=0.95,
        )
        plain = RankedPreferenceTrainer(fresh("llama"), theirs, data, WORDS, objective="ipo")
        plain.train()
        ours = RankedPreferenceTrainer(
            fresh("llama"), config(max_steps=2, objective="ipo"), data, WORDS
        )
        ours.train()
        assert losses(plain) == pytest.approx(losses(ours), rel=1e-6)
        assert plain.args.adam_beta2 == 0.95
        assert plain.model.is_gradient_checkpointing

    def test_an_objective_by_name_by_instance_or_neither(self, config: Config) -> None:
        assert config(objective="dpo").objective == DPO()
        assert config(objective=DPO(beta=0.7)).objective == DPO(beta=0.7)
        with pytest.raises(
            PlanBError, match=r"no objective is called 'kto'\..* There are: orpo, dpo, dpo_norm, ipo"
        ):
            config(objective="kto")
        data = Dataset.from_list(TEXT)
        given = {"args": config(objective="dpo"), "train_dataset": data, "processing_class": WORDS}
        made = RankedPreferenceTrainer(fresh("llama"), objective="simpo", **given)
        assert made.objective == OBJECTIVES["simpo"]()
        with pytest.raises(PlanBError, match="no objective is called 'kto'"):
            RankedPreferenceTrainer(fresh("llama"), objective="kto", **given)

    def test_the_config_is_json(self, config: Config) -> None:
        made = config(objective=DPO(beta=0.7), ordering=TIERS)
        told = json.loads(json.dumps(made.to_dict()))
        assert told == json.loads(made.to_json_string())
        assert told["objective"] == {"class": "DPO", "beta": 0.7}
        assert told["ordering"]["tiers"] == list(TIERS)
        assert told["max_length"] == 2048
        with pytest.raises(PlanBError, match="layout 'rows' is not one of auto, packed, separate"):
            config(layout="rows")

    @pytest.mark.parametrize("wrapped", [False, True])
    def test_adalora_is_refused(self, config: Config, wrapped: bool) -> None:
        """Its loss and its schedule of ranks would be left out without a word."""
        ada = AdaLoraConfig(total_step=9, target_modules=["q_proj"], task_type="CAUSAL_LM")
        model = get_peft_model(fresh("llama"), ada) if wrapped else fresh("llama")
        with pytest.raises(PlanBError, match=r"AdaLoRA's orthogonality loss .* use LoraConfig"):
            RankedPreferenceTrainer(
                model, config(), MESSAGES, WORDS, peft_config=None if wrapped else ada
            )

    @pytest.mark.slow
    def test_a_prefix_is_a_part_of_the_reference(self, llama: str, config: Config) -> None:
        """It is not the identity at its start: the reference is the model with it."""
        prefix = PrefixTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")
        made = config(objective="dpo", max_steps=1)
        trainer = RankedPreferenceTrainer(
            llama, made, Dataset.from_list(MESSAGES), WORDS, peft_config=prefix
        )
        trainer.train()
        assert losses(trainer)[0] == pytest.approx(math.log(2), abs=1e-6)

    def test_without_a_tokenizer_it_says_so(self, config: Config) -> None:
        with pytest.raises(PlanBError, match="give the trainer the model's tokenizer"):
            RankedPreferenceTrainer(fresh("llama"), config(), Dataset.from_list(TEXT))

    @pytest.mark.slow
    def test_an_adapter_is_put_on_and_saved(self, llama: str, config: Config, tmp_path: Path) -> None:
        lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
        args = config(objective="dpo", max_steps=3, optim="adamw_torch", learning_rate=1e-2)
        made = RankedPreferenceTrainer(llama, args, Dataset.from_list(TEXT), peft_config=lora)
        start = AutoModelForCausalLM.from_pretrained(llama)
        made.train()
        assert losses(made)[0] == pytest.approx(0.693147, abs=1e-4)
        assert losses(made)[2] < losses(made)[0]
        made.save_model(str(tmp_path / "adapter"))
        assert not (tmp_path / "adapter" / "model.safetensors").exists()
        ids = torch.tensor([[1, 5, 20, 30]])
        before = start(ids).logits
        again = PeftModel.from_pretrained(start, str(tmp_path / "adapter"))
        assert torch.allclose(again(ids).logits, made.model.eval()(ids).logits, atol=1e-5)
        assert not torch.allclose(again(ids).logits, before, atol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_learns_a_fixed_batch(name: str, config: Config) -> None:
    """Pairs, a ranking of three and plain answers together."""
    data = [*TEXT, *SCORED, *ANSWERED]
    settings = {"optim": "adamw_torch", "learning_rate": 1e-3, "max_steps": 6, "pack_tokens": 256}
    args = config(objective=name, per_device_train_batch_size=len(data), **settings)
    made = RankedPreferenceTrainer(fresh("llama"), args, data, WORDS)
    made.train()
    found = losses(made)
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.95 * found[0]


@pytest.mark.slow
def test_an_evaluation_says_what_a_training_says(config: Config) -> None:
    rows, model = [*MESSAGES[:3], *ANSWERED[:2]], fresh("llama")
    steps = {"max_steps": 4, "eval_strategy": "steps", "eval_steps": 2, "logging_steps": 2}
    args = config(objective="dpo", per_device_eval_batch_size=2, **steps)
    made = RankedPreferenceTrainer(model, args, Dataset.from_list(TEXT), WORDS, eval_dataset=rows)
    first = made.evaluate()
    with torch.no_grad():
        s_R = naive_log_probs(model, made.eval_dataset.rows)
    n_R = torch.tensor([len(ids) for row in made.eval_dataset.rows for ids in row.responses])
    m_R = s_R / n_R
    assert first["eval_logp/chosen"] == pytest.approx(float(m_R[0:6:2].mean()), rel=1e-5)
    assert first["eval_margin/chosen>rejected"] == pytest.approx(
        float((m_R[0:6:2] - m_R[1:6:2]).mean()), abs=1e-4
    )
    assert first["eval_loss/sft"] == pytest.approx(float(-m_R[6:].mean()), rel=1e-5)
    assert first["eval_loss/preference"] == pytest.approx(0.693147, abs=1e-5)
    expected = (3 * 0.693147 - float(m_R[6:].sum())) / 5
    assert first["eval_loss"] == pytest.approx(expected, rel=1e-5)
    made.train()
    names = {name for name in first if "/" in name}
    assert len(names) == 11
    entries = [entry for entry in made.state.log_history if names <= set(entry)]
    assert [entry["step"] for entry in entries] == [2, 4]
    trained = [entry for entry in made.state.log_history if "loss" in entry]
    assert [entry["step"] for entry in trained] == [2, 4]
    assert not any("eval_logp/chosen" in entry for entry in trained)
    assert first["eval_reward/chosen"] == pytest.approx(0, abs=1e-4)
    assert abs(entries[-1]["eval_reward/chosen"]) > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("adapter", [False, True], ids=["all weights", "adapter"])
def test_a_resumed_run_is_the_same(llama: str, config: Config, tmp_path: Path, adapter: bool) -> None:
    """Two epochs of shuffled rows, taken up in the middle of the second."""

    def trainer(folder: str) -> RankedPreferenceTrainer:
        saves = {"save_strategy": "steps", "save_steps": 4, "per_device_train_batch_size": 2}
        adam = {"optim": "adamw_torch", "learning_rate": 1e-2, "max_steps": 6}
        args = config(output_dir=str(tmp_path / folder), objective="dpo", **saves, **adam)
        lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
        data = datasets.concatenate_datasets([Dataset.from_list(r) for r in (MESSAGES, SCORED)])
        return RankedPreferenceTrainer(llama, args, data, peft_config=lora if adapter else None)

    whole, again = trainer("whole"), trainer("again")
    whole.train()
    again.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-4"))
    assert len(losses(whole)) == 6
    assert losses(again) == losses(whole)
    assert apart(again.model, whole.model) == 0
    assert apart(again.model, trainer("start").model) > 1e-3
