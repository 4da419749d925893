"""Tiny random models of any architecture that transformers knows: its own configuration, made small.

Every size that ``SIZES`` names and the configuration has is set; what an architecture wants otherwise
is in ``OWN``. Weights are made so large that each token matters to those after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, AutoModelForMultimodalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

WORDS, WINDOW = 128, 16
MOST_WEIGHTS = 3_000_000
LARGER = 6.0
"""Factor of the initial matrices."""


def _each(value: Any, *names: str) -> dict[str, Any]:
    return dict.fromkeys(names, value)


_WIDTH = _each(32, "hidden_size", "n_embd", "d_model", "dim", "embedding_size", "lru_width")
_INNER = _each(
    48,
    "intermediate_size",
    "ffn_dim",
    "n_inner",
    "encoder_ffn_dim",
    "decoder_ffn_dim",
    "ffn_hidden_size",
    "intermediate_size_mlp",
    "d_ff",
    "block_ff_dim",
)
_LAYERS = {
    **_each(4, "num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    **_each(3, "decoder_layers", "num_decoder_layers"),
    **_each(1, "encoder_layers", "num_encoder_layers"),
    "num_layers_per_stack": 2,
}
_HEADS = {
    **_each(
        4,
        "num_attention_heads",
        "n_head",
        "n_heads",
        "num_heads",
        "decoder_attention_heads",
        "encoder_attention_heads",
        "swa_num_attention_heads",
    ),
    **_each(
        2, "num_key_value_heads", "n_head_kv", "swa_num_key_value_heads", "num_global_key_value_heads"
    ),
    **_each(
        8,
        "head_dim",
        "attention_head_dim",
        "swa_head_dim",
        "global_head_dim",
        "v_head_dim",
        "swa_v_head_dim",
        "kv_channels",
        "query_pre_attn_scalar",
    ),
}
_TEXT = {
    "vocab_size": WORDS,
    "vocab_size_per_layer_input": WORDS,
    "unpadded_vocab_size": WORDS - 4,
    **_each(512, "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "model_max_length"),
    **_each(
        WINDOW,
        "sliding_window",
        "sliding_window_size",
        "window_size",
        "attention_chunk_size",
        "local_attention",
        "attention_window_size",
    ),
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "type_vocab_size": 2,
}
_EXPERTS = {
    **_each(4, "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"),
    **_each(
        2,
        "num_experts_per_tok",
        "num_experts_per_token",
        "moe_k",
        "moe_topk",
        "top_k_experts",
        "num_experts_per_topk",
    ),
    **_each(
        16,
        "moe_intermediate_size",
        "expert_ffn_hidden_size",
        "shared_expert_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "expert_intermediate_size",
        "shared_intermediate_size",
    ),
    **_each(
        1,
        "n_shared_experts",
        "num_shared_experts",
        "moe_num_shared_experts",
        "n_group",
        "topk_group",
        "num_expert_group",
        "first_k_dense_replace",
        "num_dense_layers",
        "moe_layer_start_index",
    ),
}
_LATENT = {
    **{"kv_lora_rank": 8, "q_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4},
    **{"qk_head_dim": 12, "o_lora_rank": 8, "o_groups": 2},
    **{"index_n_heads": 16, "index_head_dim": 8, "index_topk": 8},
}
_STATE = {
    **{"linear_num_key_heads": 2, "linear_num_value_heads": 2, "linear_key_head_dim": 8},
    **{"linear_value_head_dim": 8, "linear_head_dim": 8, "linear_num_heads": 4},
    **{
        "mamba_n_heads": 4,
        "mamba_d_head": 16,
        "mamba_d_state": 8,
        "mamba_n_groups": 1,
        "mamba_d_ssm": 64,
    },
    **{"mamba_num_heads": 4, "mamba_head_dim": 16, "mamba_chunk_size": 16, "mamba_dt_rank": 4},
    **{"n_mamba_heads": 2, "mamba_ngroups": 1, "mamba_expand": 2, "state_size": 8, "ssm_state_size": 8},
    **{"n_groups": 1, "time_step_rank": 4, "chunk_size": 16, "num_mem_blocks": 1},
    **{"conv_dim": 32, "block_dim": 32, "conv_dim_out": 32, "block_multiple_of": 8},
}
_ODD = {
    **{
        "hidden_size_per_layer_input": 8,
        "laurel_rank": 4,
        "num_kv_shared_layers": 0,
        "altup_num_inputs": 2,
    },
    **{
        "d_rel": 4,
        "rel_extent": 32,
        "hc_lowrank": 8,
        "ple_embed_dim": 32,
        "ngram_vocab_size_base": 500,
    },
    **{"make_ngram_vocab_size_divisible_by": 4, "split_ngram_parts": 2, "heads_per_ngram": 2},
    **{"num_nextn_predict_layers": 0, "dim_model_base": 32},
}
SIZES: dict[str, int] = {
    **_WIDTH,
    **_INNER,
    **_LAYERS,
    **_HEADS,
    **_TEXT,
    **_EXPERTS,
    **_LATENT,
    **_STATE,
    **_ODD,
}
_FORCED = {"pad_token_id", "bos_token_id", "eos_token_id", "head_dim"}
_SMALL = {
    **{"vocab_size": WORDS, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0},
}
_MLA = {
    **{"num_key_value_heads": 4, "head_dim": 4, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8},
    **{"v_head_dim": 8, "kv_lora_rank": 8, "q_lora_rank": 16},
}
_UPPER_WINDOW = {"use_sliding_window": True, "max_window_layers": 2}
_GRANITE = {"logits_scaling": 4.0, "embedding_multiplier": 3.0} | {
    "attention_multiplier": 0.3,
    "residual_multiplier": 0.5,
}
_SHARED = {"num_hidden_layers": 6, "num_kv_shared_layers": 2}
_DEFAULT_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
_MAMBA_SIZES = {"hidden_size": 32, "num_hidden_layers": 4, "vocab_size": WORDS, "pad_token_id": 0}
OWN: dict[str, dict[str, Any]] = {
    **_each(_MLA, "axk1", "axk2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "minicpm3"),
    **_each(_MLA, "mistral4", "mistral4_text", "youtu", "bailing_hybrid", "kimi_linear", "glm_moe_dsa"),
    "qwen2_5_vl_text": {"rope_parameters": {**_DEFAULT_ROPE, "mrope_section": [1, 1, 2]}},
    "deepseek_v2": {**_MLA, "n_group": None, "topk_group": None, "topk_method": "greedy"}
    | {"num_experts_per_tok": 2},
    "longcat_flash": {**_MLA, "num_layers": 2, "zero_expert_num": 2},
    **_each(_UPPER_WINDOW, "qwen2", "qwen3", "qwen2_moe", "qwen3_moe"),
    **_each(_GRANITE, "granite", "granitemoe", "granitemoeshared"),
    **_each({"logits_scaling": 4.0}, "granite_swa", "granitemoe_swa"),
    **_each({"logit_scale": 0.25}, "cohere", "cohere2"),
    "cohere_compass_text": {
        "logit_scale": 0.25,
        "rope_parameters": _each(_DEFAULT_ROPE, "full_attention", "sliding_attention"),
    },
    "llama4_text": {"no_rope_layers": [1, 1, 0, 1], "num_local_experts": 2, "num_experts_per_tok": 1}
    | {"floor_scale": 8, "attn_scale": 0.3},
    "smollm3": {"no_rope_layers": [1, 0, 1, 0], "use_sliding_window": True},
    "gemma2": {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0},
    "gemma3n_text": {
        **_SHARED,
        "layer_types": ["sliding_attention", "full_attention"] * 3,
        "intermediate_size": [48] * 6,
        "activation_sparsity_pattern": [0.5, 0.5, 0, 0, 0, 0],
    },
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "window_size": WINDOW},
    **_each({"rotary_dim": 4}, "gptj", "codegen"),
    "stablelm": {"use_qkv_bias": True},
    "ernie4_5_moe": {"moe_layer_start_index": 1, "moe_layer_end_index": 3},
    "dots1": {"max_window_layers": 2, "n_routed_experts": 4, "n_shared_experts": 1}
    | {"num_experts_per_tok": 2},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "reformer": {"axial_pos_embds": False},
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48, "vocab_size": WORDS},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "jamba": {"attn_layer_offset": 1, "attn_layer_period": 2, "use_mamba_kernels": False},
    "zamba": {"use_mamba_kernels": False},
    "rwkv": {"attention_hidden_size": 32},
    "mamba2": {"num_heads": 4, "head_dim": 16},
}
"""What is set beside ``SIZES``."""
_GEMMA4 = {
    **{**_SMALL, **_SHARED, "head_dim": 8, "sliding_window": WINDOW, "max_position_embeddings": 512},
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"] * 2,
    "per_layer_config": {"02": {"head_dim": 16}, "05": {"head_dim": 16}},
    "final_logit_softcapping": 3.0,
}
WHOLE: dict[str, dict[str, Any]] = {
    "gemma4_text": {**_GEMMA4, "vocab_size_per_layer_input": WORDS, "hidden_size_per_layer_input": 8},
    "gemma4_unified_text": _GEMMA4,
    "bamba": {**_SMALL, "attn_layer_indices": [1, 3], "mamba_n_heads": 4, "mamba_d_head": 16}
    | {"mamba_d_state": 8, "mamba_chunk_size": 16, "bos_token_id": 1, "eos_token_id": 2},
    "falcon_h1": {**_SMALL, "head_dim": 8, "mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16}
    | {"mamba_d_state": 8, "mamba_chunk_size": 16, "lm_head_multiplier": 0.5, "key_multiplier": 0.7}
    | {"embedding_multiplier": 2.0},
    "recurrent_gemma": {**_SMALL, "intermediate_size": 96, "num_key_value_heads": 1, "head_dim": 8}
    | {"lru_width": 32, "attention_window_size": WINDOW, "logits_soft_cap": 3.0},
    "nemotron": {**_SMALL, "head_dim": 8},
    "hrm_text": {**_SMALL, "num_hidden_layers": 16, "num_layers_per_stack": 2, "head_dim": 8}
    | {"max_position_embeddings": 512, "embedding_scale": 5.0},
    "xlstm": {"vocab_size": WORDS, "hidden_size": 64, "embedding_dim": 64, "num_hidden_layers": 2}
    | {"num_blocks": 2, "num_heads": 2, "chunk_size": 16, "pad_token_id": 0, "mode": "inference"},
    "dots3_note_text": {**_SMALL, **_MLA, "head_dim": 16, "moe_intermediate_size": 16}
    | {"n_routed_experts": 4, "num_experts_per_tok": 2, "sliding_window": WINDOW, "index_topk": 8}
    | {"index_head_dim": 8, "index_n_heads": 2, "shared_experts_intermediate_size": 16}
    | {"layer_types": ["sliding_attention", "indexed_attention"] * 2},
    "qwen4_exp_text": {**_SMALL, "head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 2}
    | {"linear_key_head_dim": 8, "linear_value_head_dim": 8, "moe_intermediate_size": 16}
    | {
        "shared_expert_intermediate_size": 16,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "hc_lowrank": 8,
    }
    | {"ple_layer_ids": [1], "ple_embed_dim": 32, "ngram_vocab_size_base": 500, "split_ngram_parts": 2}
    | {"make_ngram_vocab_size_divisible_by": 4, "heads_per_ngram": 2, "indexer_n_heads": 2}
    | {"indexer_kv_heads": 1, "indexer_head_dim": 8, "indexer_budget": 16, "indexer_compress_ratio": 4}
    | {"eos_token_id": 2},
    "zamba2": {**_SMALL, "num_key_value_heads": 4, "max_position_embeddings": 512, "mamba_d_state": 8}
    | {"n_mamba_heads": 4, "mamba_headdim": 16, "chunk_size": 16, "num_mem_blocks": 1}
    | {"hybrid_layer_ids": [1, 3], "layers_block_type": ["mamba", "hybrid"] * 2, "use_mem_rope": True}
    | {"use_shared_attention_adapter": True, "adapter_rank": 4, "use_mamba_kernels": False},
    "mamba": {**_MAMBA_SIZES, "state_size": 8, "time_step_rank": 4},
    "falcon_mamba": {**_MAMBA_SIZES, "state_size": 8, "time_step_rank": 4},
    "mamba2": {**_MAMBA_SIZES, "num_heads": 4, "head_dim": 16, "n_groups": 1, "state_size": 8}
    | {"chunk_size": 16},
}
"""Configurations given whole: their sizes depend on one another."""
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "falcon, ALiBi": ("falcon", {"alibi": True}),
    "falcon, new decoder": ("falcon", {"new_decoder_architecture": True}),
    "gemma2, no soft cap": ("gemma2", {"attn_logit_softcapping": None}),
    "mistral, no window": ("mistral", {"sliding_window": None}),
    "qwen2, no window": ("qwen2", {"use_sliding_window": False}),
    "llama, bias": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, linear RoPE": (
        "llama",
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}},
    ),
    "phi3, window": ("phi3", {"sliding_window": WINDOW}),
    "opt, norm after": ("opt", {"do_layer_norm_before": False}),
    "bert, an encoder": ("bert", {"is_decoder": False}),
    "roberta, an encoder": ("roberta", {"is_decoder": False}),
}
"""Further configurations of an architecture."""


MULTIMODAL = (
    *("aya_vision", "idefics3", "internvl", "llava", "mistral3", "mistral4", "paligemma", "qwen2_5_vl"),
    *("qwen2_audio", "qwen3_vl", "smolvlm", "voxtral"),
)
"""Some that are registered with images or sound only, and run on texts here."""


def names() -> list[str]:
    """Every architecture of a causal language model that transformers has, some multimodal ones, and
    the variants."""
    return sorted([*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MULTIMODAL, *VARIANTS])


def model(name: str) -> Any:
    """The model in memory. Raises RuntimeError if it does not get small."""
    config = configuration(name)
    auto = AutoModelForMultimodalLM if name in MULTIMODAL else AutoModelForCausalLM
    with torch.device("meta"):
        count = sum(weight.numel() for weight in auto.from_config(config).parameters())
    if count > MOST_WEIGHTS:
        raise RuntimeError(f"its smallest configuration here has {count:,} weights")
    torch.manual_seed(1)
    made = auto.from_config(config)
    _enlarge(made)
    return made.eval()


def configuration(name: str) -> Any:
    kind, changes = VARIANTS.get(name, (name, {}))
    return _small(CONFIG_MAPPING[kind], kind, changes)


def _small(config_class: Any, kind: str, changes: Mapping[str, Any]) -> Any:
    if kind in WHOLE:
        return config_class(**{**WHOLE[kind], **changes})
    default = config_class()
    values: dict[str, Any] = {}
    for name, size in SIZES.items():
        has = _value(default, name)
        if (isinstance(has, int) and not isinstance(has, bool)) or (name in _FORCED and has is None):
            values[name] = size
    if "head_dim" in values and "head_dim" not in default.to_dict():
        del values["head_dim"]
    if getattr(default, "is_decoder", None) is False and not default.is_encoder_decoder:
        values["is_decoder"] = True
    values.update(_parts(default))
    values.update(OWN.get(kind, {}))
    values.update(changes)
    kinds = getattr(default, "layer_types", None)
    layers = values.get("num_hidden_layers", 4)
    if kinds and "layer_types" not in values and len(kinds) != layers:
        seen = list(dict.fromkeys(kinds))
        values["layer_types"] = [seen[place % len(seen)] for place in range(layers)]
    return _accepted(config_class, values)


def _parts(default: Any) -> dict[str, Any]:
    """The configurations within one: text, vision, sound."""
    found = {}
    for name in default.sub_configs:
        inner = _value(default, name)
        if inner:
            found[name] = _small(type(inner), inner.model_type, {})
    return found


def _value(default: Any, name: str) -> Any:
    """Of the attribute; False where there is none. A size that differs from layer to layer has none."""
    try:
        return getattr(default, name)
    except (AttributeError, RuntimeError):
        return False


def _accepted(config_class: Any, values: dict[str, Any]) -> Any:
    """The configuration; a value that it names in an error is left at its own."""
    for _ in range(len(values)):
        try:
            return config_class(**values)
        except Exception as error:
            named = [name for name in values if re.search(rf"\b{re.escape(name)}\b", str(error))]
            if not named:
                raise
            values = {name: value for name, value in values.items() if name != named[0]}
    return config_class()


def _enlarge(made: Any) -> None:
    noise = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            kind = name.rsplit(".", 1)[-1]
            if not weight.is_floating_point() or kind in ("A_log", "dt_bias", "D"):
                continue
            if not torch.isfinite(weight).all():
                weight.zero_()
            if weight.dim() > 1 and "norm" not in name:
                weight.mul_(LARGER)
            elif weight.dim() == 1:
                weight.add_(0.2 * torch.randn(weight.shape, generator=noise).to(weight.dtype))
        for name, buffer in made.named_buffers():
            if "correction_bias" in name:
                buffer.add_(0.1 * torch.randn(buffer.shape, generator=noise).to(buffer.dtype))
