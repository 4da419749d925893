"""Adapters across stages: merged and stacked are one function; only the newest is trained and saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from peft import PeftModel
from safetensors.torch import load_file, save_file
from stages import WAYS, apart, logits, lora, save_random, stage, three_stages, train, trainable

from planb.errors import PlanBError
from planb.models.adapters import add_adapter, train_newest
from planb.models.checkpoints import (
    ADAPTER,
    Card,
    Policy,
    base_folder,
    load_policy,
    save_policy,
)
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World

Chains = Callable[[str, str], list[Path]]


@pytest.fixture
def llama(policy: Policy) -> Path:
    """Its embeddings are tied to its head."""
    return policy.folder


@pytest.fixture
def qwen(policy: Policy, tmp_path: Path) -> Path:
    return save_random("qwen", policy.tokenizer, tmp_path / "qwen" / "base")


@pytest.fixture(scope="module")
def chains(world: World, tmp_path_factory: pytest.TempPathFactory) -> Chains:
    """(Architecture, way of training) -> the folders of a base and three stages; to be read only."""

    @cache
    def made(name: str, way: str) -> list[Path]:
        base = tmp_path_factory.mktemp(f"{name}-{way}") / "base"
        return three_stages(save_random(name, tokenizer(world), base), way)

    return made


@pytest.fixture(params=["llama", "qwen"])
def name(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


class TestAChain:
    @pytest.mark.slow
    @pytest.mark.parametrize("trained", WAYS)
    def test_merged_and_stacked_are_one_function(self, chains: Chains, name: str, trained: str) -> None:
        """Ranks, scales and targets differ between the stages; float32."""
        folders = chains(name, trained)
        for below, folder in pairwise(folders):
            merged, stacked = (load_policy(folder, adapters=way).model for way in WAYS)
            assert apart(merged, stacked) < 5e-6
            assert apart(load_policy(below).model, merged) > 1e-2, "the stage does something"

    def test_each_adapter_has_its_name_and_all_are_active_and_frozen(self, chains: Chains) -> None:
        last = chains("llama", "stack")[-1]
        model = load_policy(last, adapters="stack").model
        assert list(model.peft_config) == model.active_adapters == ["stage1", "stage2", "stage3"]
        assert [model.peft_config[name].r for name in model.active_adapters] == [2, 5, 3]
        assert not trainable(model)
        assert not model.training
        assert not isinstance(load_policy(last).model, PeftModel)

    def test_full_weights_have_nothing_to_stack(self, llama: Path) -> None:
        stacked = load_policy(llama, adapters="stack").model
        assert not isinstance(stacked, PeftModel)
        assert torch.equal(logits(stacked), logits(load_policy(llama).model))

    @pytest.mark.parametrize("way", WAYS)
    def test_other_weights_at_the_bottom_are_an_error(self, llama: Path, way: str) -> None:
        last = three_stages(llama)[-1]
        weights = load_file(llama / "model.safetensors")
        weights["model.norm.weight"] += 1.0
        save_file(weights, llama / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(PlanBError, match=r"adapter in .*stack0 was trained on other weights"):
            load_policy(last, adapters=way)

    def test_an_adapter_that_lacks_weights_is_an_error(self, llama: Path) -> None:
        stage(0, llama, llama.parent / "one")
        file = llama.parent / "one" / ADAPTER / "adapter_model.safetensors"
        weights = load_file(file)
        del weights[sorted(weights)[0]]
        save_file(weights, file, metadata={"format": "pt"})
        with pytest.raises(PlanBError, match="lacks 1 of its weights"):
            load_policy(llama.parent / "one")


class TestAFreshAdapter:
    @pytest.mark.parametrize("way", WAYS)
    def test_it_says_what_was_said_before(self, chains: Chains, name: str, way: str) -> None:
        model = load_policy(chains(name, "stack")[-1], adapters=way).model
        before = logits(model)
        assert torch.equal(logits(add_adapter(model, lora())), before)

    @pytest.mark.slow
    def test_only_the_newest_learns_and_is_saved(
        self, chains: Chains, name: str, tmp_path: Path
    ) -> None:
        *_, second, _ = chains(name, "stack")
        policy = load_policy(second, adapters="stack")
        before = {key: weight.clone() for key, weight in policy.model.named_parameters()}
        model = add_adapter(policy.model, lora(r=3))
        assert {key.split(".")[-2] for key in trainable(model)} == {"stage3"}
        train(model)
        assert all(weight.abs().max() > 0 for weight in trainable(model).values())
        after = dict(model.named_parameters())
        assert all(torch.equal(after[key], weight) for key, weight in before.items())
        assert all(after[key].grad is None for key in before)
        assert apart(load_policy(second).model, model.eval()) > 1e-2

        out = tmp_path / "third"
        save_policy(model, policy.tokenizer, out, Card(what="third"), base=second)
        saved = load_file(out / ADAPTER / "adapter_model.safetensors")
        assert len(saved) == len(trainable(model))
        assert base_folder(out) == second.resolve()
        for way in WAYS:
            assert apart(load_policy(out, adapters=way).model, model) < 5e-6

    def test_training_is_the_same_on_merged_and_stacked_weights(
        self, chains: Chains, name: str
    ) -> None:
        ends = [chains(name, way)[-1] for way in WAYS]
        assert apart(*(load_policy(end).model for end in ends)) < 1e-4
        configs = [json.loads((end / ADAPTER / "adapter_config.json").read_text()) for end in ends]
        assert configs[0] | {"base_model_name_or_path": "../stack1"} == configs[1]

    def test_a_live_model_takes_one_stage_after_the_other(self, llama: Path, tmp_path: Path) -> None:
        policy, below = load_policy(llama), llama
        for number, name in enumerate(["default", "stage2", "stage3"]):
            policy.model = add_adapter(policy.model, lora(r=number + 1))
            assert list(policy.model.peft_config)[-1] == name
            train(policy.model)
            out = tmp_path / name
            save_policy(policy.model, policy.tokenizer, out, Card(what=name), base=below)
            below = out
        assert apart(load_policy(below).model, policy.model.eval()) < 5e-6

    def test_the_caller_s_configuration_is_left_alone(self, llama: Path) -> None:
        config, policy = lora(), load_policy(llama)
        before = config.to_dict()
        add_adapter(policy.model, config)
        assert config.to_dict() == before

    @pytest.mark.parametrize("start", [False, "pissa", "olora"])
    def test_one_that_changes_the_model_at_once_is_an_error(self, llama: Path, start: Any) -> None:
        with pytest.raises(PlanBError, match="does not start as the identity"):
            add_adapter(load_policy(llama).model, lora(init_lora_weights=start))

    @pytest.mark.parametrize("part", ["embed_tokens", "lm_head"])
    def test_tied_embeddings_are_no_target(self, llama: Path, qwen: Path, part: str) -> None:
        with pytest.raises(PlanBError, match="ties them"):
            add_adapter(load_policy(llama).model, lora(target_modules=[part]))
        add_adapter(load_policy(qwen).model, lora(target_modules=[part]))

    @pytest.mark.slow
    def test_what_does_not_add_up_is_merged_and_not_stacked(self, llama: Path, tmp_path: Path) -> None:
        policy = load_policy(llama)
        model = add_adapter(policy.model, lora(use_dora=True))
        train(model)
        dora, above = tmp_path / "dora", tmp_path / "above"
        save_policy(model.eval(), policy.tokenizer, dora, Card(what="DoRA"), base=llama)
        merged = load_policy(dora)
        assert apart(merged.model, model) < 5e-6
        with pytest.raises(PlanBError, match=r'stage1 sets use_dora.*adapters="merge"'):
            add_adapter(load_policy(dora, adapters="stack").model, lora())

        save_policy(add_adapter(merged.model, lora()), policy.tokenizer, above, Card(what="x"), dora)
        assert apart(load_policy(above).model, model) < 5e-6
        with pytest.raises(PlanBError, match=r'stage1 sets use_dora.*adapters="merge"'):
            load_policy(above, adapters="stack")


class TestTrainNewest:
    """What PEFT and the Trainer leave behind is put right."""

    @pytest.fixture
    def model(self, llama: Path) -> Any:
        stage(0, llama, llama.parent / "one")
        return add_adapter(load_policy(llama.parent / "one", adapters="stack").model, lora())

    def test_after_a_resume(self, model: Any, llama: Path, tmp_path: Path) -> None:
        expected = set(trainable(model))
        train(model)
        model.save_pretrained(tmp_path / "checkpoint-1")  # as the Trainer does
        fresh = load_policy(llama.parent / "one", adapters="stack").model
        resumed = add_adapter(fresh, lora())
        arguments = hf.TrainingArguments(output_dir=str(tmp_path), report_to=[], use_cpu=True)
        trainer = hf.Trainer(resumed, arguments)
        trainer._load_from_checkpoint(str(tmp_path / "checkpoint-1"))
        assert resumed.active_adapters == ["stage1"], "the trap; if it is gone, so may be train_newest"
        train_newest(resumed)
        assert set(trainable(resumed)) == expected
        assert torch.equal(logits(resumed.eval()), logits(model.eval()))

    def test_after_disable_adapter(self, model: Any) -> None:
        expected, before = set(trainable(model)), logits(model)
        with model.disable_adapter():
            pass
        assert set(trainable(model)) > expected, "the trap; if it is gone, so may be train_newest"
        train_newest(model)
        assert set(trainable(model)) == expected
        assert torch.equal(logits(model), before)
