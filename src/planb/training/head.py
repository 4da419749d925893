"""Log-probabilities of chosen tokens, in chunks: the full logits are never built.

``install`` teaches a causal language model to answer ``forward(..., predictor_N=, target_N=)`` with the
log-probabilities alone; without these keywords it is what it was. The call goes through the model's
own ``forward``, so that DDP, FSDP and PEFT see an ordinary one. What some models do to their logits
(a scale, a soft cap) is done here too, and ``layout.choose`` compares with the model's own logits
before it is used.

Shapes: N tokens, C of a chunk, X hidden size, V vocabulary.
"""

from __future__ import annotations

from functools import wraps
from types import MethodType
from typing import Any

import torch

CHUNK, GPU_CHUNK = 64, 1024
"""Tokens whose logits exist at a time; on a CPU 64 instead of 128 cost 3 % of the head (V 32,000)."""
MARK = "_gives_log_probs"
KEPT = 4_000_000
"""Up to so many logits (N x V) are kept for the backward pass; beyond it they are computed again."""


def install(model: Any) -> bool:
    """Patch ``model`` (the causal language model itself, not an adapter round it); False if its head is
    not a plain linear layer behind a backbone."""
    head = model.get_output_embeddings()
    backbone = getattr(model, model.base_model_prefix, None)
    if type(head) is not torch.nn.Linear or backbone is None or backbone is model:
        return False
    model.forward = MethodType(_taught(type(model).forward), model)
    head.forward = MethodType(_of_head, head)
    return True


def remove(model: Any) -> None:
    """Give the model and its head their own ``forward`` back."""
    head = model.get_output_embeddings()
    if head is not None and getattr(head.__dict__.get("forward"), "__func__", None) is _of_head:
        del head.forward
    names = ("forward", "_original_forward")  # accelerate's mixed precision keeps ours under the second
    if any(hasattr(model.__dict__.get(name), MARK) for name in names):
        for name in names:
            model.__dict__.pop(name, None)


def _taught(own: Any) -> Any:
    """``own`` with two keywords more, to be bound to the model. Generation reads its signature."""

    @wraps(own)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _forward(self, *args, **kwargs)

    setattr(forward, MARK, True)
    return forward


def _forward(
    self: Any,
    *args: Any,
    predictor_N: torch.Tensor | None = None,
    target_N: torch.Tensor | None = None,
    **kwargs: Any,
) -> Any:
    if predictor_N is None:
        return type(self).forward(self, *args, **kwargs)
    kwargs = {k: v for k, v in kwargs.items() if v is not None and k not in ("labels", "return_dict")}
    backbone = getattr(self, self.base_model_prefix)
    hidden_NX = backbone(*args, **kwargs)[0].flatten(0, 1).index_select(0, predictor_N)
    head = self.get_output_embeddings()
    return {"logp_N": head(hidden_NX, target_N, *scaling(self))}


def _of_head(
    self: Any, hidden_NX: torch.Tensor, target_N: torch.Tensor | None = None, *scaling: float
) -> torch.Tensor:
    """The head is called as a module too: where FSDP sharded it apart, its call gathers it."""
    if target_N is None:
        found: torch.Tensor = type(self).forward(self, hidden_NX)
        return found
    return log_probs(hidden_NX, self.weight, self.bias, target_N, *scaling)


def scaling(model: Any) -> tuple[float, float]:
    """(factor, soft cap) of the logits, cap 0: none. Cohere scales, Granite divides, Gemma 2 caps."""
    config = model.config.get_text_config()
    factor = getattr(config, "logit_scale", None) or 1.0
    return factor / (getattr(config, "logits_scaling", None) or 1.0), (
        getattr(config, "final_logit_softcapping", None) or 0.0
    )


def log_probs(
    hidden_NX: torch.Tensor,
    weight_VX: torch.Tensor,
    bias_V: torch.Tensor | None,
    target_N: Any,
    factor: float = 1.0,
    cap: float = 0.0,
) -> torch.Tensor:
    """(N,) float32 log softmax(factor * (W h + b), capped)[target]; differentiable in h, W and b."""
    weight_VX = weight_VX.to(hidden_NX.dtype)
    bias_V = None if bias_V is None else bias_V.to(hidden_NX.dtype)
    with torch.autocast(hidden_NX.device.type, enabled=False):
        found: torch.Tensor = _LogProbs.apply(hidden_NX, weight_VX, bias_V, target_N, factor, cap)
    return found


class _LogProbs(torch.autograd.Function):
    """d logp_t / d logits = onehot(t) - softmax, so a chunk's gradient needs its logits and no more."""

    @staticmethod
    def forward(
        ctx: Any, hidden_NX: Any, weight_VX: Any, bias_V: Any, target_N: Any, factor: float, cap: float
    ) -> torch.Tensor:
        keep = len(target_N) * len(weight_VX) <= KEPT
        chunk = len(target_N) if keep else GPU_CHUNK if hidden_NX.is_cuda else CHUNK
        found, ctx.kept = [], []
        for hidden_CX, target_C in zip(hidden_NX.split(chunk), target_N.split(chunk), strict=True):
            logp_CV = logits(hidden_CX, weight_VX, bias_V, factor, cap).log_softmax(-1)
            found.append(logp_CV.gather(1, target_C[:, None])[:, 0])
            if keep:
                ctx.kept.append(logp_CV)
        ctx.save_for_backward(hidden_NX, weight_VX, bias_V, target_N)
        ctx.chunk, ctx.factor, ctx.cap = chunk, factor, cap
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        hidden_NX, weight_VX, bias_V, target_N = ctx.saved_tensors
        hidden_grad_NX = torch.empty_like(hidden_NX)
        weight_grad_VX = _sum_like(weight_VX) if ctx.needs_input_grad[1] else None
        bias_grad_V = _sum_like(bias_V) if ctx.needs_input_grad[2] else None
        for start in range(0, len(target_N), ctx.chunk):
            some = slice(start, start + ctx.chunk)
            hidden_CX, target_C, gradient_C = hidden_NX[some], target_N[some], gradients[0][some]
            slope_CV: Any = ctx.factor
            if ctx.cap or not ctx.kept:
                logits_CV = logits(hidden_CX, weight_VX, bias_V, ctx.factor, ctx.cap)
            if ctx.cap:  # d/dx cap tanh(x / cap) = 1 - tanh^2
                slope_CV = ctx.factor * (1 - (logits_CV / ctx.cap).square())
            grad_CV = ctx.kept.pop(0).exp_() if ctx.kept else logits_CV.softmax(-1)
            grad_CV.mul_(-gradient_C[:, None])
            grad_CV.scatter_add_(1, target_C[:, None], gradient_C[:, None])
            if ctx.cap or ctx.factor != 1:
                grad_CV = grad_CV * slope_CV
            if bias_grad_V is not None:
                bias_grad_V += grad_CV.sum(0)
            grad_CV = grad_CV.to(weight_VX.dtype)
            torch.mm(grad_CV, weight_VX, out=hidden_grad_NX[some])
            if weight_grad_VX is not None:
                _add_product(weight_grad_VX, grad_CV.T, hidden_CX)
        found = (weight_grad_VX, weight_VX), (bias_grad_V, bias_V)
        grads = (None if grad is None else grad.to(own.dtype) for grad, own in found)
        return hidden_grad_NX, *grads, None, None, None


def _sum_like(weights: torch.Tensor) -> torch.Tensor:
    """Zeros to add the chunks' gradients up in: never in less than 32 bits, where the error would grow
    with their number (16 % at 32,000 tokens in chunks of 64; a product of all at once rounds once)."""
    dtype = torch.promote_types(weights.dtype, torch.float32)
    return torch.zeros_like(weights, dtype=dtype)


def _add_product(sum_VX: torch.Tensor, one_VC: torch.Tensor, two_CX: torch.Tensor) -> None:
    if sum_VX.dtype == one_VC.dtype:
        sum_VX.addmm_(one_VC, two_CX)
    else:
        sum_VX += torch.mm(one_VC, two_CX)


def logits(hidden_CX: Any, weight_VX: Any, bias_V: Any, factor: float, cap: float) -> torch.Tensor:
    """(C, V) float32 logits: factor * (W h + b), capped."""
    logits_CV = torch.nn.functional.linear(hidden_CX, weight_VX, bias_V).float()
    if factor != 1:
        logits_CV = logits_CV * factor
    return cap * torch.tanh(logits_CV / cap) if cap else logits_CV
