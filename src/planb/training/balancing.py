"""The load-balancing loss of a mixture of experts (Fedus et al. 2021, Switch Transformers,
arXiv:2101.03961, equations 4-6): the number of experts times the sum over experts of the share of
tokens sent to it times its mean routing probability. It is computed by the function in the model's own
code, and transformers adds it to the loss where the model's configuration has ``output_router_logits``.

Here it is taken over the tokens of one forward pass, each distinct token once: the prompt once and each
response once, in packed rows (where they are so run) and in separate ones (where the further copies of
a prompt are left out). TRL runs a prompt again with each response of each pair, and counts it as often.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch

from planb.errors import PlanBError
from planb.training.packing import Batch
from planb.training.scoring import causal_lm

KEY, FUNCTION = "router_logits", "load_balancing_loss_func"


def balancing_coefficient(model: Any, asked: float | None) -> float:
    """The loss's weight; ``asked=None``: that of the model's configuration, if it says that the loss is
    to be added. Raises PlanBError for a model that has none."""
    inner = causal_lm(model)
    config = inner.config.get_text_config()
    if asked is None:
        told = getattr(config, "output_router_logits", False)
        asked = getattr(config, "router_aux_loss_coef", 0.0) if told else 0.0
    if not asked:
        return 0.0
    if asked < 0:
        raise PlanBError(f"router_aux_loss_coef is {asked}: it must not be negative")
    if _function(inner) is None or not any(_recorded(inner)):
        raise PlanBError(
            f"router_aux_loss_coef is {asked}, and {type(inner).__name__} has no load-balancing loss: "
            "leave it out"
        )
    return float(asked)


@contextmanager
def router_logits(model: Any, wanted: bool = True) -> Iterator[list[torch.Tensor]]:
    """Within it the routers' logits of a forward pass are kept, (tokens, experts) each, in order."""
    found: list[torch.Tensor] = []

    def keep(index: int) -> Callable[..., None]:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            logits = output[index] if isinstance(output, tuple) else output
            if logits is not None:
                found.append(logits.reshape(-1, logits.shape[-1]))

        return hook

    routers = _recorded(causal_lm(model)) if wanted else ()
    handles = [router.register_forward_hook(keep(index)) for router, index in routers]
    try:
        yield found
    finally:  # before the backward pass, which may run layers again
        for handle in handles:
            handle.remove()


def balancing_loss(model: Any, logits: list[torch.Tensor], batch: Batch) -> torch.Tensor:
    """() the loss of a forward pass over the batch."""
    inner = causal_lm(model)
    function = _function(inner)
    assert function is not None
    experts, chosen = inner.num_experts, inner.num_experts_per_tok
    found: torch.Tensor = function(tuple(logits), experts, chosen, _distinct(batch))
    return found


def _distinct(batch: Batch) -> torch.Tensor | None:
    """(B, T), 1 for each distinct token: not for padding, nor for a prompt's further copies; ``None``:
    all of them."""
    inputs = batch["inputs"]
    if "pack" in inputs:
        return None
    mask_BT: torch.Tensor = inputs["attention_mask"]
    width, R = mask_BT.shape[1], len(batch["example_R"])
    of_response = batch["owner_N"] < R
    at_N, owner_N = batch["predictor_N"][of_response], batch["owner_N"][of_response]
    first_R = at_N.new_full((R,), width).scatter_reduce(0, owner_N, at_N % width, "amin")
    example_R = batch["example_R"]
    again_R = torch.zeros_like(example_R, dtype=torch.bool)
    again_R[1:] = example_R[1:] == example_R[:-1]
    place_T = torch.arange(width, device=mask_BT.device)
    copied_BT = again_R[:, None] & (place_T <= first_R[:, None])
    return mask_BT * ~copied_BT


def _function(inner: Any) -> Callable[..., torch.Tensor] | None:
    """The model's own balancing loss, if it is the usual one (Doge's experts are products of keys)."""
    found = getattr(sys.modules[type(inner).__module__], FUNCTION, None)
    usual = ["gate_logits", "num_experts", "top_k", "attention_mask"]
    if found is None or list(signature(found).parameters) != usual:
        return None
    named = hasattr(inner, "num_experts") and hasattr(inner, "num_experts_per_tok")
    return found if named else None


def _recorded(inner: Any) -> Iterator[tuple[Any, int]]:
    """(module, place of the logits in its output): what transformers' own ``output_router_logits``
    records."""
    told = (getattr(inner, "_can_record_outputs", None) or {}).get(KEY)
    if told is None:
        backbone = getattr(inner, inner.base_model_prefix, None)
        told = (getattr(backbone, "_can_record_outputs", None) or {}).get(KEY, [])
    for spec in told if isinstance(told, list) else [told]:
        kind: Any = getattr(spec, "target_class", spec)
        index = getattr(spec, "index", 1)
        within = getattr(spec, "layer_name", None)
        for name, module in inner.named_modules():
            if isinstance(module, kind) and (within is None or f".{within.strip('.')}." in f".{name}."):
                yield module, index
