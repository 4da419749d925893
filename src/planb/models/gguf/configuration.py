"""A model's configuration, with what transformers' GGUF reader leaves out of it: the file states it,
the class of the model knows it, and without it the same weights are another model."""

from __future__ import annotations

from typing import Any

from planb.errors import PlanBError
from planb.models.gguf.header import FACTORS, Header

STATED = {
    "attention.sliding_window": "sliding_window",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
    "logit_scale": "logit_scale",
    "residual_scale": "residual_multiplier",
    "embedding_scale": "embedding_multiplier",
    "attention.scale": "attention_multiplier",
    "attention.clamp_kqv": "clip_qkv",
}
"""{key of the file: field of the configuration}: numbers that a model computes with."""
LLAMA_3 = {
    "rope_type": "llama3",
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
"""How Llama 3.1 and later scale rotary positions; the factor is read off the file."""
CLOSE = 1e-3


def configuration(header: Header) -> Any:
    """The configuration that the file's model needs. Raises PlanBError where that cannot be had."""
    from transformers import AutoConfig

    place = header.path
    try:
        config = AutoConfig.from_pretrained(str(place.parent), gguf_file=place.name)
    except Exception as error:  # an architecture, or a version, that it does not know
        raise PlanBError(
            f"transformers cannot read the model in {place} ({header.architecture}): "
            f"{error or type(error).__name__}"
        ) from error
    for key, name in STATED.items():
        stated = header.fields.get(f"{header.architecture}.{key}")
        if stated is None or getattr(config, name, None) == stated:
            continue
        if not hasattr(config, name):
            raise PlanBError(
                f"{place} states {key} = {stated}, which transformers' class for it "
                f"({type(config).__name__}) does not know: the model would be another"
            )
        setattr(config, name, stated)
    _scale_positions(config, header)
    return config


def _scale_positions(config: Any, header: Header) -> None:
    """Put the scaling of rotary positions into the configuration, in place, where it is Llama 3.1's."""
    scaling = str(header.fields.get(f"{header.architecture}.rope.scaling.type") or "none")
    others = [name for name in header.tensors if name.startswith("rope_")]
    if header.architecture != "gpt-oss" and (scaling != "none" or others):
        raise PlanBError(_not_scaled(header, f"'{scaling}'" if scaling != "none" else others[0]))
    if not header.factors:
        return
    import torch
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    plain = dict(config.rope_parameters)
    config.rope_parameters = {**plain, **LLAMA_3, "factor": round(max(header.factors), 3)}
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    steps = torch.arange(len(scaled)) / len(scaled)
    factors = plain["rope_theta"] ** -steps / scaled
    stated = torch.tensor(header.factors)
    if factors.shape != stated.shape or not torch.allclose(factors, stated, rtol=CLOSE, atol=0):
        raise PlanBError(_not_scaled(header, f"{FACTORS}, otherwise than Llama 3.1"))


def _not_scaled(header: Header, how: str) -> str:
    return (
        f"{header.path} scales its rotary positions ({how}), which transformers' GGUF reader leaves "
        "out: every text would be read at wrong positions. Take the model's safetensors"
    )
