"""Small random models of several architectures, and the naive way to run them: one text at a time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from planb.models.checkpoints import Policy, load_policy
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World
from planb.training.packing import Layout, collate, log_probs
from planb.training.rows import Row

WORLD = World(materials=4, forms=4, heldout_forms=1)
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
WINDOW = 16


def configs(vocabulary: int) -> dict[str, Any]:
    """Name -> configuration. ``*_window`` ones attend to the last ``WINDOW`` tokens only."""
    shape = {"vocab_size": vocabulary, **SHAPE}
    heads = {"head_dim": 8, "sliding_window": WINDOW, "query_pre_attn_scalar": 8}
    return {
        "llama": hf.LlamaConfig(**shape),
        "mistral": hf.MistralConfig(**shape, sliding_window=None),
        "qwen2": hf.Qwen2Config(**shape),
        "qwen3": hf.Qwen3Config(**shape, head_dim=8),
        "mistral_window": hf.MistralConfig(**shape, sliding_window=WINDOW),
        "qwen2_window": hf.Qwen2Config(
            **shape, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1
        ),
        "gemma2": hf.Gemma2Config(**shape, **heads, attn_logit_softcapping=2.0),
        "gpt2": hf.GPT2Config(vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=4, n_positions=256),
        "bloom": hf.BloomConfig(vocab_size=vocabulary, hidden_size=32, n_layer=2, n_head=4),
    }


def saved(name: str, folder: Path, attention: str | None = None) -> Policy:
    """The model on disk, loaded by its path as any other."""
    words = tokenizer(WORLD)
    config = configs(len(words))[name]
    config.bos_token_id, config.eos_token_id = words.bos_token_id, words.eos_token_id
    config.pad_token_id = words.pad_token_id
    torch.manual_seed(1)
    model = hf.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():  # so that the texts differ, and each token matters to those after it
        for weight in model.parameters():
            weight.mul_(6.0 if weight.dim() > 1 else 1.0)
    model.save_pretrained(str(folder))
    words.save_pretrained(str(folder))
    policy = load_policy(folder)
    if attention:
        policy.model.set_attn_implementation(attention)
    return policy


def rows(number: int, seed: int = 0, longest: int = 20) -> list[Row]:
    """Random rows of 1, 2 or 3 responses; the first has a prompt and a response of one token."""
    rng = random.Random(seed)

    def words(most: int) -> tuple[int, ...]:
        return tuple(rng.randrange(9, 100) for _ in range(rng.randint(1, most)))

    made = []
    for place in range(number):
        tiers = ("refusal", "useless", "harmful")[: 1 + (place + 1) % 3]
        pairs = tuple((b, w) for b in range(len(tiers)) for w in range(b + 1, len(tiers)))
        responses = tuple(words(longest) for _ in tiers)
        made.append(Row(f"row{place}", words(longest), responses, tiers, pairs))
    first = Row("short", (1,), ((9,), words(longest)), ("refusal", "harmful"), ((0, 1),))
    return [first, *made[1:]]


def naive_log_probs(model: Any, chosen: list[Row]) -> torch.Tensor:
    """(R,) summed log-probabilities: each response after its prompt, alone, by the model's logits."""
    sums = []
    for row in chosen:
        for response in row.responses:
            ids = torch.tensor([[*row.prompt, *response]])
            logp = model(input_ids=ids).logits[0].float().log_softmax(-1)
            start = len(row.prompt) - 1
            sums.append(sum(logp[start + t, token] for t, token in enumerate(response)))
    return torch.stack(sums)


def batched_log_probs(policy: Policy, chosen: list[Row], layout: Layout, budget: int) -> torch.Tensor:
    items = [(row, None) for row in chosen]
    return log_probs(policy.model, collate(items, policy.tokenizer.pad_token_id, layout, budget))[0]


def gradients(model: Any, s_R: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of a sum with unlike weights, so that no two responses can be exchanged unseen."""
    model.zero_grad()
    (s_R * torch.linspace(0.5, 2.0, len(s_R))).sum().backward()
    named = model.named_parameters()
    return {name: weight.grad.clone() for name, weight in named if weight.grad is not None}


def distance(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> float:
    """The largest difference of a gradient, relative to the largest entry of its tensor."""
    assert set(one) == set(two)
    assert one
    largest = {name: two[name].abs().max().clamp(min=1e-3) for name in two}
    return max(float((one[name] - two[name]).abs().max() / largest[name]) for name in two)
