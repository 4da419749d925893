"""Models that transformers registers with images only are loaded by name and trained on texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from tiny_models import PAD, SHAPE, WORLD, batched_log_probs, distance, gradients, naive_log_probs, rows

from planb.models.checkpoints import Card, load_policy, save_policy
from planb.sandbox.tokenizer import tokenizer
from planb.training.layout import choose, release
from planb.training.preparing import loaded

ROWS = rows(4)
WORDS = tokenizer(WORLD)
TEXT = {**SHAPE, "vocab_size": len(WORDS), "head_dim": 8}
AXES = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}


def mistral3() -> Any:
    vision = hf.PixtralVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32
    )
    return hf.Mistral3Config(text_config=hf.MistralConfig(**TEXT), vision_config=vision)


def qwen2_5_vl() -> Any:
    vision = {"hidden_size": 16, "intermediate_size": 16, "depth": 1, "num_heads": 2}
    vision["out_hidden_size"] = SHAPE["hidden_size"]
    return hf.Qwen2_5_VLConfig(
        text_config={**TEXT, "rope_parameters": AXES}, vision_config=vision, pad_token_id=PAD
    )


MADE = {
    "mistral3": (mistral3, hf.Mistral3ForConditionalGeneration, "packed"),
    "qwen2_5_vl": (qwen2_5_vl, hf.Qwen2_5_VLForConditionalGeneration, "separate"),
}


@pytest.mark.parametrize("name", MADE)
def test_it_is_loaded_by_name_and_trained_exactly(name: str, tmp_path: Path) -> None:
    configuration, kind, layout = MADE[name]
    torch.manual_seed(1)
    made = kind(configuration())
    with torch.no_grad():
        for part, weight in made.named_parameters():
            weight.mul_(6.0 if weight.dim() > 1 and "norm" not in part else 1.0)
    save_policy(made, WORDS, tmp_path / "base", Card(what="a base"))
    model, _ = loaded(str(tmp_path / "base"), None)
    assert type(model) is kind
    expected_R = naive_log_probs(model, ROWS)
    expected = gradients(model, expected_R)
    way = choose(model, ROWS, PAD)
    assert (way.layout, way.head) == (layout, "chunked")
    found_R = batched_log_probs(model, ROWS, way, 60)
    assert torch.allclose(found_R, expected_R, atol=5e-4, rtol=0)
    assert distance(gradients(model, found_R), expected) < 2e-5
    release(model)
    save_policy(model, WORDS, tmp_path / "again", Card(what="trained"))
    policy = load_policy(tmp_path / "again")
    again = policy.model
    assert policy.positions == again.config.get_text_config().max_position_embeddings > 0
    with torch.no_grad():
        assert torch.equal(naive_log_probs(again, ROWS), expected_R)
