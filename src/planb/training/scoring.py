"""A model and a batch -> the log-probabilities of its responses. The one place where training,
reference numbers and surprise run a model, always through its own ``forward``."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import torch

from planb.training.attention import Kernel
from planb.training.objectives import Scores
from planb.training.packing import Batch, Layout

Head = Literal["chunked", "own"]


@dataclass(frozen=True)
class Way:
    """The execution layout of a model over rows, and why: ``layout.choose`` decides.

    ``head``: ``chunked`` never builds the full logits; ``own`` takes the model's own logits at the
    given places.
    """

    layout: Layout
    kernel: Kernel = "sdpa"
    head: Head = "own"
    why: str = ""

    def __str__(self) -> str:
        kernel = f", {self.kernel} attention" if self.layout == "packed" else ""
        return f"{self.layout} rows{kernel}, {self.head} head ({self.why})"


def scores(model: Any, batch: Batch, way: Way) -> Scores:
    """Log-probabilities of the batch for an objective: sums, lengths, and what it has of reference
    and prompt."""
    logp_N = token_log_probs(model, batch, way)
    owner_N, example_R = batch["owner_N"], batch["example_R"]
    owners = len(example_R) + batch["examples"]
    sums = logp_N.new_zeros(owners).index_add(0, owner_N, logp_N)
    counts = torch.bincount(owner_N, minlength=owners)
    R = len(example_R)
    of_prompt = [part[R:][example_R] if batch["prompts"] else None for part in (sums, counts)]
    return Scores(sums[:R], counts[:R], batch.get("reference_R"), *of_prompt)


def token_log_probs(model: Any, batch: Batch, way: Way) -> torch.Tensor:
    """(N,) float32 log-probability of every predicted token."""
    predictor_N, target_N = batch["predictor_N"], batch["target_N"]
    if way.head == "chunked":
        found = model(**batch["inputs"], use_cache=False, predictor_N=predictor_N, target_N=target_N)
        chunked_N: torch.Tensor = found["logp_N"]
        return chunked_N
    width = batch["inputs"]["input_ids"].shape[1]
    column_C, at_N = torch.unique(predictor_N % width, return_inverse=True)
    keywords = {"use_cache": False}
    if takes(model, "logits_to_keep"):
        keywords["logits_to_keep"] = column_C
    else:
        at_N = predictor_N % width
    logits_BCV = model(**batch["inputs"], **keywords).logits
    logp_NV = logits_BCV[predictor_N // width, at_N].float().log_softmax(-1)
    own_N: torch.Tensor = logp_NV.gather(1, target_N[:, None])[:, 0]
    return own_N


def takes(model: Any, keyword: str) -> bool:
    """Whether the causal language model's forward names ``keyword``."""
    return keyword in inspect.signature(type(causal_lm(model)).forward).parameters


def causal_lm(model: Any) -> Any:
    """The causal language model inside adapters and data-parallel wrappers."""
    while hasattr(model, "module"):
        model = model.module
    return model.get_base_model() if hasattr(model, "get_base_model") else model
