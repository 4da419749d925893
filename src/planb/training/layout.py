"""How a model may be run: decided by a rule on its architecture *and* by its own numbers before step 1.

Packed rows are exact for causal attention, full or with a sliding window, with sinks or latent keys and
values. ALiBi, recurrent and convolutional layers, soft-capping and chunked attention break them, mostly
in silence. So a model that passes the rule is also run on some of the very rows it will train on, in
the state in which it will train (``trial``), and compared with its own logits on each text alone
(``check``); what differs is not used, and the reason is reported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch

from planb.errors import PlanBError
from planb.training import attention, head
from planb.training.check import Check, checked_rows, own_log_probs, row_of_gradient
from planb.training.packing import Layout, collate, on_device
from planb.training.rows import Row
from planb.training.scoring import Head, Way, causal_lm, takes, token_log_probs
from planb.training.trial import on_trial

__all__ = ["adopt", "choose", "own_log_probs", "release", "unpackable"]

LAYERS = frozenset({"full_attention", "sliding_attention", "attention"})
"""Values of ``config.layer_types`` whose layers see a row as segments of logical keys."""
BEFORE = "_attention_before_packing"
HEADS: tuple[Head, ...] = ("chunked", "own")

log = logging.getLogger(__name__)


def unpackable(model: Any) -> str:
    """Why this architecture is not run in packed rows; empty if nothing speaks against it."""
    adapters = getattr(model, "peft_config", {}).values()  # of a PeftModel
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
        "its adapter puts a prefix before each text": any(a.is_prompt_learning for a in adapters),
        "it takes no positions": not takes(model, "position_ids"),
    }
    return "; ".join(reason for reason, holds in reasons.items() if holds)


def choose(
    model: Any,
    rows: Sequence[Row],
    pad: int,
    wanted: Layout | None = None,
    training: Callable[[], AbstractContextManager[Any]] | None = None,
) -> Way:
    """The first of packed and separate rows, chunked and own head, that gives the model's own numbers.

    ``wanted`` keeps to one layout. ``training``: the model is to be trained, in the context that this
    gives (autocast), and is tried out so: in training mode, with adapters moved from their start, with
    gradients, in both precisions. Without it the model is only to be evaluated. Exchanges the model's
    attention and teaches it the chunked head where they are used; nothing else of the model, and no
    random number generator, is touched. Raises PlanBError if no way agrees, if ``wanted`` cannot be
    had, or if the model has no log-probabilities of its own (``check``).
    """
    inner = causal_lm(model)
    attention_before = inner.config._attn_implementation
    reason = unpackable(model)
    layouts: tuple[Layout, ...] = ("separate",) if reason else ("packed", "separate")
    notes = [reason] if reason and wanted != "separate" else []
    tried: list[str] = []
    groups = checked_rows(rows)
    small = row_of_gradient([row for group in groups for row in group])
    with on_trial(model, training is not None, lambda: own_log_probs(model, [small])):
        checks = _checks(model, groups, pad, training)
        for way in (w for layout in layouts if wanted in (None, layout) for w in _ways(inner, layout)):
            trouble, apart = "", 0.0
            for check in checks:
                trouble, off = check.trouble(way) if not trouble else (trouble, 0.0)
                apart = max(apart, off)
            if not trouble:
                agrees = f"a token differs from the model's own logits by {apart:.1g}"
                _install(inner, way, attention_before)
                settled = replace(way, why="; ".join([*notes, *tried, agrees]))
                log.log(logging.WARNING if tried else logging.INFO, "training runs %s", settled)
                return settled
            tried.append(f"{way.layout} rows, {way.kernel} attention, {way.head} head: {trouble}")
    _install(inner, Way("separate"), attention_before)
    raise PlanBError(
        f"this model cannot be run in {wanted or 'any'} rows with its own log-probabilities: "
        f"{'; '.join([*notes, *tried])}. Use layout 'auto', and check that dropout is off. (Positions "
        "scaled by a batch's longest text, dynamic RoPE and longrope, agree within the original "
        "length only.)"
    )


def _checks(
    model: Any,
    groups: Sequence[Sequence[Row]],
    pad: int,
    training: Callable[[], AbstractContextManager[Any]] | None,
) -> list[Check]:
    """In the precision of the weights and, where training has another, in that too."""

    def run(some: Sequence[Row], way: Way) -> torch.Tensor | str:
        return _trial(model, some, pad, way)

    checks = [Check(model, groups, run, nullcontext)]
    if training is not None:
        with training():
            other = torch.is_autocast_enabled(causal_lm(model).device.type)
        if other:
            checks.append(Check(model, groups, run, training))
    return checks


def adopt(model: Any, way: Way) -> None:
    """Apply an execution layout to the model (as ``choose`` leaves it; for the other processes)."""
    inner = causal_lm(model)
    _install(inner, way, inner.config._attn_implementation)


def release(model: Any) -> None:
    """Give the model its own head and attention back."""
    inner = causal_lm(model)
    head.remove(inner)
    if inner.config._attn_implementation == attention.NAME:
        inner.set_attn_implementation(inner.__dict__.pop(BEFORE, "sdpa"))


@contextmanager
def released(model: Any, way: Way) -> Iterator[None]:
    """Within it the model has its own head and attention, as generation wants them."""
    release(model)
    try:
        yield
    finally:
        adopt(model, way)


def _ways(inner: Any, layout: Layout) -> list[Way]:
    kernels = ["sdpa"]
    if layout == "packed" and attention.varlen_runs(inner):
        kernels = ["varlen", "sdpa"]
    return [Way(layout, kernel, head) for head in HEADS for kernel in kernels]  # type: ignore[arg-type]


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


def _rope(config: Any) -> str:
    return str(getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None))
