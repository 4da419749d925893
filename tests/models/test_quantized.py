"""4-bit bases: what is missing is said, and nothing is merged into them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from stages import apart, distance, logits, lora, save_random, stage, train, trainable

from planb.errors import PlanBError
from planb.models.adapters import add_adapter
from planb.models.checkpoints import (
    Card,
    Policy,
    checkpoint_digest,
    load_policy,
    read_card,
    save_policy,
)


@pytest.fixture
def llama(policy: Policy) -> Path:
    """Its embeddings are tied to its head."""
    return policy.folder


@pytest.fixture
def qwen(policy: Policy, tmp_path: Path) -> Path:
    return save_random("qwen", policy.tokenizer, tmp_path / "qwen" / "base")


class TestFourBits:
    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_without_a_gpu_it_says_what_is_missing(self, llama: Path) -> None:
        missing = (
            "a CUDA GPU" if find_spec("bitsandbytes") else "a CUDA GPU .* and the package bitsandbytes"
        )
        with pytest.raises(PlanBError, match=rf"in 4 bits: this machine lacks {missing}"):
            load_policy(llama, quantize="4bit")

    def test_merging_would_round_the_adapter(self, llama: Path) -> None:
        stage(0, llama, llama.parent / "one")
        with pytest.raises(PlanBError, match=r'quantized.*adapters="stack"'):
            load_policy(llama.parent / "one", quantize="4bit")

    def test_nor_is_anything_merged_into_weights_that_were_saved_quantized(self, llama: Path) -> None:
        config = json.loads((llama / "config.json").read_text())
        stage(0, llama, llama.parent / "one")
        bits = {"quant_method": "bitsandbytes", "load_in_4bit": True}
        (llama / "config.json").write_text(json.dumps({**config, "quantization_config": bits}))
        card = read_card(llama.parent / "one")
        card = card.but(base_digest=checkpoint_digest(llama))
        (llama.parent / "one" / "planb.json").write_text(card.model_dump_json())
        with pytest.raises(PlanBError, match=r'quantized.*adapters="stack"'):
            load_policy(llama.parent / "one")

    @pytest.mark.gpu
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    def test_a_stack_trains_on_them(self, qwen: Path) -> None:
        pytest.importorskip("bitsandbytes")
        stage(0, qwen, qwen.parent / "one")
        policy = load_policy(qwen.parent / "one", adapters="stack", quantize="4bit")
        before = logits(policy.model)
        model = add_adapter(policy.model, lora())
        assert {name.split(".")[-2] for name in trainable(model)} == {"stage2"}
        assert distance(logits(model), before) < 0.02
        train(model)
        out = qwen.parent / "two"
        save_policy(model.eval(), policy.tokenizer, out, Card(what="two"), base=qwen.parent / "one")
        loaded = load_policy(out, adapters="stack", quantize="4bit").model
        assert apart(loaded, model) < 0.05
        assert distance(logits(loaded), before) > 0.1
