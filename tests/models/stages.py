"""Training stages on small random models: a fresh adapter on a checkpoint, trained and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as hf
from peft import LoraConfig

from planb.models.adapters import add_adapter
from planb.models.checkpoints import Card, load_policy, save_policy

IDS = torch.tensor([[1, 5, 20, 30, 40], [1, 7, 90, 11, 12]])
STAGES: tuple[dict[str, Any], ...] = (
    {"r": 2, "lora_alpha": 16, "target_modules": "all-linear"},
    {"r": 5, "lora_alpha": 8, "use_rslora": True, "target_modules": ["q_proj", "down_proj"]},
    {"r": 3, "lora_alpha": 3, "target_modules": "all-linear"},
)
WAYS = ("merge", "stack")


def lora(**settings: Any) -> LoraConfig:
    return LoraConfig(**{"r": 2, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **settings})


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS.to(model.device)).logits.clone()


def distance(first: torch.Tensor, second: torch.Tensor) -> float:
    """The largest difference, relative to the largest entry."""
    return float((first - second).abs().max() / first.abs().max())


def apart(one: Any, two: Any) -> float:
    """The distance of two models' logits."""
    return distance(logits(one), logits(two))


def trainable(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def train(model: Any, steps: int = 2) -> None:
    """A few steps of plain torch on all that is trainable."""
    optimizer = torch.optim.SGD(trainable(model).values(), lr=0.5)
    ids = IDS.to(model.train().device)
    for _ in range(steps):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def stage(number: int, base: Path, out: Path, way: str = "stack") -> Any:
    """Train stage ``number`` on the checkpoint in ``base``, write it, and give the live model."""
    policy = load_policy(base, adapters=way)
    torch.manual_seed(number)
    model = add_adapter(policy.model, lora(**STAGES[number]))
    train(model)
    out.mkdir(parents=True)
    save_policy(model.eval(), policy.tokenizer, out, Card(what=f"stage {number}"), base=base)
    return model


def three_stages(base: Path, way: str = "stack") -> list[Path]:
    folders = [base]
    for number in range(3):
        folders.append(base.parent / f"{way}{number}")
        stage(number, folders[-2], folders[-1], way)
    return folders


def save_random(kind: str, tokenizer: Any, folder: Path) -> Path:
    """``llama``: embeddings tied to the head. ``qwen``: grouped heads, biases, an untied head, and more
    than twenty linear layers."""
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "vocab_size": 256}
    configs = {
        "llama": hf.LlamaConfig(**shape, num_hidden_layers=2, tie_word_embeddings=True),
        "qwen": hf.Qwen2Config(
            **shape, num_hidden_layers=3, num_key_value_heads=2, tie_word_embeddings=False
        ),
    }
    torch.manual_seed(0)
    model = hf.AutoModelForCausalLM.from_config(configs[kind])
    with torch.no_grad():  # so that texts differ, and each token matters to those after it
        for weight in model.parameters():
            weight.mul_(5.0 if weight.dim() > 1 else 1.0)
    save_policy(model, tokenizer, folder, Card(what="a random model"))
    return folder
