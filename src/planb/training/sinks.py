"""Attention sinks and values of another width than keys, for kernels that know neither.

A sink is a learned score of each head that takes part in the softmax and adds nothing (gpt-oss; the
idea is of "Efficient Streaming Language Models with Attention Sinks", arXiv 2309.17453). One more key,
whose score is the sink and whose value is zero, is the same softmax.

Shapes: B sequences, H heads, Q queries, K keys, A features more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import pad
from transformers.integrations.sdpa_attention import sdpa_attention_forward

ALIGNED = 8
"""Fused kernels of 16 bits take head sizes that are a multiple of it."""


def alike(*some: torch.Tensor) -> list[torch.Tensor]:
    """Queries, keys and values filled up with zeros to one width (latent attention has narrower
    values): scores stay as they are, and fused kernels take no other."""
    width = max(x.shape[-1] for x in some)
    return [pad(x, (0, width - x.shape[-1])) if x.shape[-1] < width else x for x in some]


def with_sinks(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, s_aux: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One key more, after all others, for every head: its score is the head's sink, its value zero.

    Queries get ``ALIGNED`` features more, of which the first is the sink over the scale; the text's
    keys have zero there, the new key has one. So heads may go on sharing keys, and sinks get their
    gradient.
    """
    sink_H11 = (s_aux / scale).to(query.dtype).view(-1, 1, 1)
    B, H, Q, _ = query.shape
    extra_BHQA = pad(sink_H11, (0, ALIGNED - 1)).expand(B, H, Q, ALIGNED)
    key = pad(key, (0, ALIGNED, 0, 1))
    key[:, :, -1, -ALIGNED] = 1
    return torch.cat([query, extra_BHQA], -1), key, pad(value, (0, 0, 0, 1))


def attend_with_sinks(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    s_aux: torch.Tensor,
    keywords: dict[str, Any],
) -> tuple[torch.Tensor, None]:
    """Ordinary SDPA, which knows no sinks, with one key more."""
    scale = keywords["scaling"] if keywords["scaling"] is not None else query.shape[-1] ** -0.5
    Q, K = query.shape[2], key.shape[2]
    if mask is None:
        mask = torch.ones(Q, K, dtype=torch.bool, device=query.device).tril(K - Q)[None, None]
    mask = pad(mask, (0, 1), value=1.0 if mask.dtype == torch.bool else 0.0)
    inputs = alike(*with_sinks(query, key, value, s_aux, scale))
    out, _ = sdpa_attention_forward(module, *inputs, mask, **{**keywords, "scaling": scale})
    return out[..., : value.shape[-1]], None
