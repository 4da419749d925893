"""Small random mixtures of experts, and what their routers say of each text alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import transformers as hf
from tiny_models import SHAPE, WORLD, fresh

from planb.sandbox.tokenizer import tokenizer
from planb.training.rows import Row

_EXPERTS = {"num_experts_per_tok": 2}
_SMALL = {**_EXPERTS, "moe_intermediate_size": 16}
_CONFIGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "olmoe": (hf.OlmoeConfig, {**_EXPERTS, "num_experts": 4, "eos_token_id": 1}),
    "phimoe": (hf.PhimoeConfig, {**_EXPERTS, "num_local_experts": 4}),
    "granitemoe": (hf.GraniteMoeConfig, {**_EXPERTS, "num_local_experts": 4}),
    "deepseek_v3": (
        hf.DeepseekV3Config,
        {**_SMALL, "n_routed_experts": 4, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1}
        | {"kv_lora_rank": 8, "q_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8}
        | {"v_head_dim": 8, "num_key_value_heads": 4},
    ),
}


def mixture(name: str, **changes: Any) -> Any:
    """The model in memory: one of these, or one of ``tiny_models``."""
    if name not in _CONFIGS:
        return fresh(name, **changes)
    kind, values = _CONFIGS[name]
    config = kind(**{"vocab_size": len(tokenizer(WORLD)), **SHAPE, **values, **changes})
    torch.manual_seed(1)
    model = hf.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for part, weight in model.named_parameters():
            weight.mul_(6.0 if weight.dim() > 1 and "norm" not in part else 1.0)
    return model.eval()


def balancing_by_hand(model: Any, rows: Sequence[Row]) -> torch.Tensor:
    """() experts x sum over experts of (choices a token) x (mean probability), as equations 4-6 of
    arXiv:2101.03961: over each row's prompt once and each response once, each text run alone."""
    told: list[torch.Tensor] = []
    for row in rows:
        for place, response in enumerate(row.responses):
            ids = torch.tensor([[*row.prompt, *response]])
            layers = model(input_ids=ids, output_router_logits=True, use_cache=False).router_logits
            start = len(row.prompt) if place else 0
            told += [layer.reshape(-1, layer.shape[-1])[start:] for layer in layers]
    p_NE = torch.cat(told).softmax(-1)
    chosen_NE = torch.zeros_like(p_NE).scatter(1, p_NE.topk(2).indices, 1.0)
    return p_NE.shape[1] * (chosen_NE.mean(0) * p_NE.mean(0)).sum()
