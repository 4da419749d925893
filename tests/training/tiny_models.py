"""Small random models of many architectures, and the naive way to run them: one text at a time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from planb.models.checkpoints import Policy, load_policy
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World
from planb.training.packing import parts
from planb.training.rows import Row
from planb.training.scoring import Way, scores

WORLD = World(materials=4, forms=4, heldout_forms=1)
WINDOW = 16
"""Tokens that a layer with a window looks at: less than most texts of ``rows`` are long."""
PAD = 0
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": PAD,
}
_HEAD = {"head_dim": 8}
_WINDOW = {"sliding_window": WINDOW}
_MIXED = {**_HEAD, **_WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
_GEMMA = {**_MIXED, "query_pre_attn_scalar": 8}
_EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}
_LINEAR = {
    f"linear_{name}": size
    for name, size in zip(
        ("num_key_heads", "num_value_heads", "key_head_dim", "value_head_dim"),
        (2, 2, 8, 8),
        strict=True,
    )
}
_SMALL = {"hidden_size": 32, "num_hidden_layers": 2}
_CONFIGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "llama": (hf.LlamaConfig, SHAPE),
    "mistral": (hf.MistralConfig, {**SHAPE, "sliding_window": None}),
    "mistral_window": (hf.MistralConfig, {**SHAPE, **_WINDOW}),
    "qwen2": (hf.Qwen2Config, SHAPE),
    "qwen2_window": (
        hf.Qwen2Config,
        {**SHAPE, **_WINDOW, "use_sliding_window": True, "max_window_layers": 1},
    ),
    "qwen3": (hf.Qwen3Config, {**SHAPE, **_HEAD}),
    "qwen3_moe": (hf.Qwen3MoeConfig, {**SHAPE, **_HEAD, **_EXPERTS, "num_experts": 4}),
    "qwen3_next": (
        hf.Qwen3NextConfig,
        {**SHAPE, **_HEAD, **_EXPERTS, **_LINEAR, "num_experts": 4}
        | {
            "shared_expert_intermediate_size": 16,
            "layer_types": ["linear_attention", "full_attention"],
        },
    ),
    "gemma2": (
        hf.Gemma2Config,
        {**SHAPE, **_GEMMA, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0},
    ),
    "gemma2_uncapped": (
        hf.Gemma2Config,
        {**SHAPE, **_GEMMA, "attn_logit_softcapping": None, "final_logit_softcapping": 3.0},
    ),
    "gemma3": (hf.Gemma3TextConfig, {**SHAPE, **_GEMMA}),
    "gemma4": (
        hf.Gemma4TextConfig,
        {
            **SHAPE,
            **_MIXED,
            "hidden_size_per_layer_input": 0,
            "per_layer_config": {"1": {"head_dim": 16}},
        },
    ),
    "gpt_oss": (hf.GptOssConfig, {**SHAPE, **_MIXED, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "deepseek_v3": (
        hf.DeepseekV3Config,
        {**SHAPE, **_EXPERTS, "num_key_value_heads": 4, "kv_lora_rank": 8, "q_lora_rank": 16}
        | {"qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "first_k_dense_replace": 1}
        | {"n_routed_experts": 4, "n_group": 1, "topk_group": 1},
    ),
    "cohere": (hf.CohereConfig, {**SHAPE, "logit_scale": 0.25}),
    "cohere2": (hf.Cohere2Config, {**SHAPE, **_MIXED, "logit_scale": 0.25}),
    "granite": (hf.GraniteConfig, {**SHAPE, "logits_scaling": 4.0}),
    "olmo2": (hf.Olmo2Config, SHAPE),
    "olmo3": (hf.Olmo3Config, {**SHAPE, **_MIXED}),
    "phi3_window": (hf.Phi3Config, {**SHAPE, **_WINDOW}),
    "mixtral": (
        hf.MixtralConfig,
        {**SHAPE, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None},
    ),
    "smollm3": (hf.SmolLM3Config, {**SHAPE, "no_rope_layers": [1, 0]}),
    "lfm2": (hf.Lfm2Config, {**SHAPE, "full_attn_idxs": [1]}),
    "llama4": (
        hf.Llama4TextConfig,
        {**SHAPE, **_HEAD, "num_local_experts": 2, "intermediate_size_mlp": 32}
        | {"attention_chunk_size": WINDOW, "no_rope_layers": [1, 0]},
    ),
    "gpt2": (
        hf.GPT2Config,
        {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
        | {"embd_pdrop": 0.0, "resid_pdrop": 0.0, "attn_pdrop": 0.0},
    ),
    "bloom": (hf.BloomConfig, {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "falcon_alibi": (hf.FalconConfig, {**_SMALL, "num_attention_heads": 4, "alibi": True}),
    "mpt": (
        hf.MptConfig,
        {"d_model": 32, "n_heads": 4, "n_layers": 2, "expansion_ratio": 2, "max_seq_len": 256},
    ),
    "mamba": (hf.MambaConfig, {**_SMALL, "state_size": 8}),
    "rwkv": (hf.RwkvConfig, {**_SMALL, "attention_hidden_size": 32}),
    "dynamic_rope": (
        hf.LlamaConfig,
        {**SHAPE, "max_position_embeddings": WINDOW}
        | {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}},
    ),
}
"""Name -> configuration's class and values. ``*_window`` ones look at the last ``WINDOW`` tokens only;
``_MIXED`` ones in every second layer."""


_words = cache(lambda: tokenizer(WORLD))
"""To be looked at, not changed."""


def fresh(name: str, **changes: Any) -> Any:
    """The model in memory, its weights so large that each token matters to those after it."""
    words = _words()
    kind, values = _CONFIGS[name]
    config = kind(**{"vocab_size": len(words), **values, **changes})
    config.bos_token_id, config.eos_token_id = words.bos_token_id, words.eos_token_id
    config.pad_token_id = words.pad_token_id
    torch.manual_seed(1)
    model = hf.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for part, weight in model.named_parameters():
            weight.mul_(6.0 if weight.dim() > 1 and "norm" not in part else 1.0)
    return model.eval()


def saved(name: str, folder: Path, **changes: Any) -> Policy:
    """The model on disk, loaded by its path as any other."""
    fresh(name, **changes).save_pretrained(str(folder))
    _words().save_pretrained(str(folder))
    return load_policy(folder)


def rows(number: int, seed: int = 0, longest: int = 20) -> list[Row]:
    """Random rows of 1 to 4 responses; the first has a prompt and a response of one token."""
    rng = random.Random(seed)

    def words(most: int) -> tuple[int, ...]:
        return tuple(rng.randrange(9, 100) for _ in range(rng.randint(1, most)))

    made = []
    for place in range(number):
        tiers = ("refusal", "useless", "harmful", "odd")[: 1 + (place + 1) % 4]
        pairs = tuple((b, w) for b in range(len(tiers)) for w in range(b + 1, len(tiers)))
        responses = tuple(words(longest) for _ in tiers)
        made.append(Row(f"row{place}", words(longest), responses, tiers, pairs))
    first = Row("short", (1,), ((9,), words(longest)), ("refusal", "harmful"), ((0, 1),))
    return [first, *made[1:]]


def naive_log_probs(model: Any, chosen: Sequence[Row]) -> torch.Tensor:
    """(R,) summed log-probabilities: each response after its prompt, alone, by the model's logits."""
    sums = []
    for row in chosen:
        for response in row.responses:
            ids = torch.tensor([[*row.prompt, *response]])
            logp = model(input_ids=ids).logits[0].float().log_softmax(-1)
            start = len(row.prompt) - 1
            sums.append(sum(logp[start + t, token] for t, token in enumerate(response)))
    return torch.stack(sums)


def batched_log_probs(
    model: Any, chosen: Sequence[Row], way: Way, budget: int | None = None
) -> torch.Tensor:
    """(R,) the same by the code under test, in the order of ``naive_log_probs``."""
    starts = [sum(len(row.responses) for row in chosen[:place]) for place in range(len(chosen))]
    found, order = [], []
    for part in parts(chosen, PAD, way.layout, budget, way.kernel):
        found.append(scores(model, part, way).s_R)
        order += [starts[p] + k for p in part["places"] for k in range(len(chosen[p].responses))]
    s_R = torch.cat(found)
    return torch.empty_like(s_R).index_copy(0, torch.tensor(order), s_R)


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
