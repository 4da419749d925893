"""How a model may be run: decided by a rule on its architecture *and* by its own numbers before step 1.

Packed rows are exact for causal attention, full or with a sliding window. ALiBi, recurrent and
convolutional layers, soft-capping, sinks and chunked attention break them, mostly in silence. So a
model that passes the rule is also run on some of the very rows it will train on, and compared with its
own logits on each text alone; what differs is not used, and the reason is told.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from planb.training import attention, head
from planb.training.packing import Layout, collate, on_device
from planb.training.rows import Row
from planb.training.scoring import Head, Way, causal_lm, takes, token_log_probs
from planb.types import PlanBError

LAYERS = frozenset({"full_attention", "sliding_attention", "attention"})
"""Values of ``config.layer_types`` whose layers see a row as segments of logical keys."""
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-5}
"""Largest difference of one token's log-probability from the model's own logits. RMSNorm computes in 32
bits in a 64-bit model too."""
LOW_PRECISION_TOLERANCE, NOISE, LOW_PRECISION_LIMIT = 0.05, 3.0, 0.25
"""Below 32 bits it is the root mean square over the tokens, or ``NOISE`` times what the model's own
batching makes if that is more, but never above the limit."""
BEFORE = "_attention_before_packing"
HEADS: tuple[Head, ...] = ("chunked", "own")

log = logging.getLogger(__name__)


def unpackable(model: Any) -> str:
    """Why this architecture is not run in packed rows; empty if nothing speaks against it."""
    model = causal_lm(model)
    config = model.config.get_text_config()
    layers = set(getattr(config, "layer_types", None) or ())
    reasons = {
        "its attention cannot be exchanged": not (
            model._can_set_attn_implementation()
            and getattr(model, "_supports_attention_backend", False)
        ),
        "it carries a state from token to token": getattr(model, "_is_stateful", False),
        f"it has layers of type {', '.join(sorted(layers - LAYERS))}": bool(layers - LAYERS),
        "it biases attention by distance (ALiBi)": bool(getattr(config, "alibi", False)),
        "it soft-caps its attention": bool(getattr(config, "attn_logit_softcapping", None)),
        "its positions have several axes": "mrope_section" in _rope(config),
        "it takes no positions": not takes(model, "position_ids"),
    }
    return "; ".join(reason for reason, holds in reasons.items() if holds)


def choose(model: Any, rows: Sequence[Row], pad: int, wanted: Layout | None = None) -> Way:
    """The first of packed and separate rows, chunked and own head, that gives the model's own numbers.

    ``wanted`` keeps to one layout. Exchanges the model's attention and teaches it the chunked head
    where they are used. Raises PlanBError if no way agrees, or if ``wanted`` cannot be had.
    """
    inner = causal_lm(model)
    attention_before = inner.config._attn_implementation
    reason = unpackable(model)
    layouts: tuple[Layout, ...] = ("separate",) if reason else ("packed", "separate")
    chosen = _checked_rows(rows)
    own_N = own_log_probs(model, chosen)
    noise = _apart(inner, _trial(model, chosen, pad, Way("separate")), own_N)
    noise = 0.0 if math.isinf(noise) else noise
    notes = [reason] if reason and wanted != "separate" else []
    tried: list[str] = []
    for way in (way for layout in layouts if wanted in (None, layout) for way in _ways(inner, layout)):
        found = _trial(model, chosen, pad, way)
        apart = _apart(inner, found, own_N)
        if apart <= _allowed(inner, noise):
            agrees = f"a token differs from the model's own logits by {apart:.1g}"
            _install(inner, way, attention_before)
            settled = replace(way, why="; ".join([*notes, *tried, agrees]))
            log.log(logging.WARNING if tried else logging.INFO, "training runs %s", settled)
            return settled
        trouble = found if isinstance(found, str) else f"off by {apart:.2g} a token"
        tried.append(f"{way.layout} rows, {way.kernel} attention, {way.head} head: {trouble}")
    _install(inner, Way("separate"), attention_before)
    raise PlanBError(
        f"this model cannot be run in {wanted or 'any'} rows with its own log-probabilities: "
        f"{'; '.join([*notes, *tried])}. Use layout 'auto', and check that dropout is off. (Positions "
        "scaled by a batch's longest text, dynamic RoPE, agree within the original length only.)"
    )


def adopt(model: Any, way: Way) -> None:
    """Make the model ready to be run this way (as ``choose`` leaves it; for the other processes)."""
    inner = causal_lm(model)
    _install(inner, way, inner.config._attn_implementation)


def release(model: Any) -> None:
    """Give the model its own head and attention back."""
    inner = causal_lm(model)
    head.remove(inner)
    if inner.config._attn_implementation == attention.NAME:
        inner.set_attn_implementation(inner.__dict__.pop(BEFORE, "sdpa"))


@torch.no_grad()  # type: ignore[untyped-decorator]
def own_log_probs(model: Any, rows: Sequence[Row]) -> torch.Tensor:
    """(N,) the model's own logits at the responses' tokens: each text alone, and nothing of ours but
    the softmax."""
    device = causal_lm(model).device
    found = []
    for row in rows:
        for response in row.responses:
            ids_T = torch.tensor([*row.prompt, *response], device=device)
            logits_TV = model(input_ids=ids_T[None], use_cache=False).logits[0].float()
            logp_TV = logits_TV[len(row.prompt) - 1 : -1].log_softmax(-1)
            found.append(logp_TV.gather(1, ids_T[len(row.prompt) :, None])[:, 0])
    return torch.cat(found)


def _ways(inner: Any, layout: Layout) -> list[Way]:
    fast: attention.Kernel = "varlen" if attention.varlen_runs(inner) else "sdpa"
    kernels = dict.fromkeys((fast, "sdpa") if layout == "packed" else ("sdpa",))
    return [Way(layout, kernel, head) for head in HEADS for kernel in kernels]  # type: ignore[arg-type]


@torch.no_grad()  # type: ignore[untyped-decorator]
def _trial(model: Any, rows: Sequence[Row], pad: int, way: Way) -> torch.Tensor | str:
    """(N,) log-probabilities in the order of ``own_log_probs``, or why there are none."""
    inner = causal_lm(model)
    before = inner.config._attn_implementation
    if not _install(inner, way, before):
        return "its head is not a plain linear layer behind a backbone"
    batch = on_device(collate(rows, pad, way.layout, way.kernel), inner.device)
    try:
        logp_N = token_log_probs(model, batch, way)
    except (PlanBError, RuntimeError, TypeError, ValueError, IndexError, KeyError) as error:
        return str(error).strip().split("\n")[0] or type(error).__name__
    finally:
        inner.set_attn_implementation(before)
    return logp_N[batch["owner_N"].argsort(stable=True)]


def _install(inner: Any, way: Way, attention_otherwise: str) -> bool:
    """Give the model the attention and the head of this way; False if its head cannot be chunked."""
    packed = way.layout == "packed"
    if packed and inner.config._attn_implementation != attention.NAME:
        inner.__dict__[BEFORE] = inner.config._attn_implementation
    inner.set_attn_implementation(attention.NAME if packed else attention_otherwise)
    head.remove(inner)
    return way.head == "own" or head.install(inner)


def _apart(inner: Any, found_N: torch.Tensor | str, own_N: torch.Tensor) -> float:
    """Largest difference of a token's log-probability; below 32 bits the root mean square."""
    if isinstance(found_N, str):
        return math.inf
    apart_N = (found_N - own_N).abs()
    return float(apart_N.max() if inner.dtype in TOLERANCE else apart_N.square().mean().sqrt())


def _allowed(inner: Any, noise: float) -> float:
    if inner.dtype in TOLERANCE:
        return TOLERANCE[inner.dtype]
    return max(LOW_PRECISION_TOLERANCE, min(NOISE * noise, LOW_PRECISION_LIMIT))


def _checked_rows(rows: Sequence[Row]) -> list[Row]:
    """The longest row, the longest of those with most responses, the shortest, and the first."""
    distinct = list(dict.fromkeys(rows))
    longest = max(distinct, key=lambda row: row.packed_tokens)
    fullest = max(distinct, key=lambda row: (len(row.responses), row.packed_tokens))
    shortest = min(distinct, key=lambda row: row.packed_tokens)
    return list(dict.fromkeys([longest, fullest, shortest, distinct[0]]))


def _rope(config: Any) -> str:
    return str(getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None))
