"""A model's own numbers on some rows, and what a way of running them makes of these.

Own numbers are the model's logits on each text alone, in evaluation, and nothing of ours but the
softmax. A way of running agrees if, in the mode and precision of training, it gives the same
log-probabilities and its gradient reaches the same weights. A model that has no numbers of its own is
refused here: one that looks ahead, that draws random numbers, or that is another in training mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch

from planb.errors import PlanBError
from planb.training.packing import BUDGET, widest
from planb.training.rows import Row
from planb.training.scoring import Way, causal_lm
from planb.training.trial import (
    embeddings_rounded,
    evaluating,
    gradient_norms,
    random_state,
    refuse_random,
)

TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-5}
"""Largest difference of one token's log-probability from the model's own logits. RMSNorm computes in 32
bits in a 64-bit model too."""
NOISE = 3.0
"""Below 32 bits, ``LOW_PRECISION`` or so many times what rounding the embeddings does to the model's
own numbers, if that is more, but never above ``LOW_PRECISION_LIMIT``."""
GRADIENT_TOLERANCE, REACHED = 0.05, 1e-3
"""Largest relative difference of the norm of a weight's gradient (32 bits), and the norm, relative to
the largest of all weights, from which a gradient counts."""
ENOUGH = 32
"""Tokens of the row whose gradient is looked at, if one has so many: in less weights may do nothing."""

Run = Callable[[Sequence[Row], Way], "torch.Tensor | str"]
"""(N,) log-probabilities in the order of ``own_log_probs``, or why there are none."""


_NOT_RUN = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError)


class Spread(NamedTuple):
    """Differences of log-probabilities: root mean square over all tokens, that of the worst response,
    and the largest of a token."""

    all: float
    response: float
    token: float


LOW_PRECISION = Spread(0.05, 0.15, 0.5)
LOW_PRECISION_LIMIT = Spread(0.25, 0.75, 2.5)


class Check:
    """The model's own numbers in one precision, and the comparison with a way of running it.

    ``run`` runs rows one way; ``within`` gives the context of the precision. In training mode (see
    ``trial.on_trial``) gradients are compared as well. Raises PlanBError if the model has no numbers of
    its own.
    """

    def __init__(
        self,
        model: Any,
        groups: Sequence[Sequence[Row]],
        run: Run,
        within: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.model, self.groups, self.run, self.within = model, groups, run, within
        self.rows = [row for group in groups for row in group]
        self.noise: Spread | None = None
        self.reached: dict[str, float] = {}
        with within():
            self.dtype = _precision(model)
            with torch.no_grad(), evaluating(model):
                self.own_N = own_log_probs(model, self.rows)
                if self.dtype not in TOLERANCE:
                    with embeddings_rounded(causal_lm(model), torch.finfo(self.dtype).eps):
                        rounded_N = own_log_probs(model, self.rows)
                    self.noise = _spread(rounded_N - self.own_N, self.rows)
                self._refuse_foresight()
            if model.training:
                self._see_training()

    def trouble(self, way: Way) -> tuple[str, float]:
        """What speaks against a way (empty if nothing does), and the largest difference of a token."""
        with self.within():
            found = []
            for group in self.groups:
                with torch.no_grad():
                    logp_N = self.run(group, way)
                if isinstance(logp_N, str):
                    return logp_N, math.inf
                found.append(logp_N)
            apart = _spread(torch.cat(found) - self.own_N, self.rows)
            if not self._agrees(apart):
                return f"off by {apart.token:.2g} a token", apart.token
            return self._lost_gradient(way), apart.token

    def _agrees(self, apart: Spread) -> bool:
        """Not for what is no number."""
        if self.dtype in TOLERANCE:
            return apart.token <= TOLERANCE[self.dtype]
        noise = self.noise or Spread(0.0, 0.0, 0.0)
        limits = zip(LOW_PRECISION, noise, LOW_PRECISION_LIMIT, strict=True)
        allowed = [max(least, min(NOISE * own, most)) for least, own, most in limits]
        return all(a <= b for a, b in zip(apart, allowed, strict=True))

    def _refuse_foresight(self) -> None:
        """Other tokens at the end must leave log-probabilities of those before them as they were."""
        row = max(self.rows, key=widest)
        text = [*row.prompt, *max(row.responses, key=len)]
        words = sorted({*text, *(token for other in self.rows for token in other.prompt)})
        following = dict(zip(words, [*words[1:], words[0]], strict=True))
        own_T = _log_probs(self.model, text, text)
        for first in sorted({len(text) - 1, len(text) // 2} - {0}):
            changed = [*text[:first], *(following[token] for token in text[first:])]
            apart_T = (_log_probs(self.model, changed, text) - own_T)[:first]
            token = float(apart_T.abs().max())
            rms = float(apart_T.square().mean().sqrt())
            least = TOLERANCE.get(self.dtype, TOLERANCE[torch.float32])
            noise = self.noise or Spread(0.0, 0.0, 0.0)  # of texts of one length only experts' batches
            if not (rms <= max(least, noise.all) and token <= max(least, noise.token)):
                raise PlanBError(
                    "later tokens change what this model makes of earlier ones (by "
                    f"{token:.2g}): it is an encoder, or attends in both directions over a part of "
                    "the text, so log p(response | prompt) is not what it computes. Use a causal "
                    "language model (an encoder that can be one has is_decoder=True in its config)"
                )

    def _see_training(self) -> None:
        """In training mode the model must be what it is in evaluation; and which weights learn."""
        row = row_of_gradient(self.rows)
        with torch.no_grad(), evaluating(self.model):
            own_N = own_log_probs(self.model, [row])
        before = random_state(self.model)
        with torch.enable_grad():
            logp_N = own_log_probs(self.model, [row])
        if random_state(self.model) != before:
            with torch.no_grad():
                refuse_random(self.model, lambda: own_log_probs(self.model, [row]))
        apart = _spread(logp_N.detach() - own_N, [row])
        if not self._agrees(apart):
            raise PlanBError(
                "in training mode this model computes something else than in evaluation (a "
                f"log-probability differs by {apart.token:.2g}), so another model would be trained "
                "than is evaluated: check its dropout, and what its layers do only in training"
            )
        self.reached = gradient_norms(self.model, _weighted(logp_N))

    def _lost_gradient(self, way: Way) -> str:
        """A weight that a gradient reaches in the model, and not (in 32 bits: unlike) this way."""
        if not self.reached:
            return ""
        with torch.enable_grad():
            logp_N = self.run([row_of_gradient(self.rows)], way)
            if isinstance(logp_N, str):
                return logp_N
            found = gradient_norms(self.model, _weighted(logp_N))
        least = REACHED * max(self.reached.values())
        for name, own in self.reached.items():
            if own <= least:
                continue
            norm = found.get(name, 0.0)
            if norm == 0:
                return f"no gradient reaches {name}"
            if self.dtype in TOLERANCE and not abs(norm - own) <= GRADIENT_TOLERANCE * own:
                return f"the gradient of {name} is {norm / own:.2g} times the model's own"
        return ""


def own_log_probs(model: Any, rows: Sequence[Row]) -> torch.Tensor:
    """(N,) the model's own logits at the responses' predicted tokens: each text alone, and nothing of
    ours but the softmax. Shorter texts are run first: dynamic RoPE remembers the longest."""
    texts = [(row, at) for row in rows for at in range(len(row.responses))]
    whole = [[*row.prompt, *row.responses[at]] for row, at in texts]
    found: dict[int, torch.Tensor] = {}
    for n in sorted(range(len(texts)), key=lambda n: len(whole[n])):
        row, at = texts[n]
        logp_T = _log_probs(model, whole[n], whole[n], len(row.prompt) - 1)
        found[n] = logp_T[torch.tensor(row.own(at), device=logp_T.device)]
    return torch.cat([found[n] for n in range(len(texts))])


def checked_rows(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows that are looked at, in groups that are run together: the one with the longest text
    (which may set the positions of all) and the shortest of the others, the widest, the one with most
    responses, the first. Two at least are run together: what one does to another is not seen of one
    alone."""
    distinct = list(dict.fromkeys(rows))
    longest = max(distinct, key=widest)
    others = [row for row in distinct if row != longest] or distinct
    shortest = min(others, key=lambda row: row.packed_tokens)
    most = max(distinct, key=lambda row: row.packed_tokens)
    fullest = max(distinct, key=lambda row: (len(row.responses), row.packed_tokens))
    groups = [list(dict.fromkeys([longest, shortest]))]
    for row in dict.fromkeys([most, fullest, distinct[0]]):
        if any(row in group for group in groups):
            continue
        together = [*groups[-1], row]
        width = max(map(widest, together))
        if width * sum(len(one.responses) for one in together) > BUDGET:
            groups.append([])
        groups[-1].append(row)
    return groups


def _log_probs(model: Any, text: list[int], said: list[int], start: int = 0) -> torch.Tensor:
    """(T - 1 - start,) log-probability of each token of ``said`` after what it follows in ``text``."""
    device = causal_lm(model).device
    ids_T = torch.tensor(text, device=device)
    try:
        logits_TV = model(input_ids=ids_T[None], use_cache=False).logits[0]
    except torch.OutOfMemoryError:
        raise
    except _NOT_RUN as error:
        raise PlanBError(
            f"the model gives no logits of a text alone ({type(error).__name__}: {error}), so it is "
            "not a causal language model that can be trained on texts"
        ) from error
    if len(logits_TV) != len(text):
        raise PlanBError(
            f"the model gives logits at {len(logits_TV)} places of a text of {len(text)} tokens "
            "(prompt tuning puts tokens of its own before it), which the trainer does not know. Use "
            "LoRA or another adapter of the weights"
        )
    logits_TV = logits_TV[start:-1]
    logp_TV = logits_TV.to(torch.promote_types(logits_TV.dtype, torch.float32)).log_softmax(-1)
    said_T = torch.tensor(said[start + 1 :], device=device)
    return logp_TV.gather(1, said_T[:, None])[:, 0].float()


def _precision(model: Any) -> torch.dtype:
    """That in which the model computes: the lowest of its weights', or autocast's; 16 bits stand for
    products of 32 that are allowed to round (TF32), and for quantized weights."""
    device = causal_lm(model).device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    dtypes = {weight.dtype for weight in model.parameters()}
    low = [dtype for dtype in dtypes if dtype not in TOLERANCE]
    if torch.float16 in low and len(low) == 1:
        return torch.float16
    if low or torch.get_float32_matmul_precision() != "highest":
        return torch.bfloat16
    return torch.float32 if torch.float32 in dtypes else torch.float64


def _spread(apart_N: torch.Tensor, rows: Sequence[Row]) -> Spread:
    lengths = [len(row.own(at)) for row in rows for at in range(len(row.responses))]
    square_N = apart_N.square()
    worst = torch.stack([some.mean() for some in square_N.split(lengths)]).max()
    return Spread(*torch.stack([square_N.mean(), worst, square_N.max()]).sqrt().tolist())


def row_of_gradient(rows: Sequence[Row]) -> Row:
    """The smallest that is long enough and, if there is one, has responses that share their prompt."""
    several = [row for row in rows if len(row.responses) > 1] or rows
    long = [row for row in several if row.packed_tokens >= ENOUGH]
    if long:
        return min(long, key=lambda row: row.packed_tokens)
    return max(several, key=lambda row: row.packed_tokens)


def _weighted(logp_N: torch.Tensor) -> torch.Tensor:
    """Unlike weights, so that no two tokens can be exchanged unseen."""
    return (logp_N * torch.linspace(0.5, 1.5, len(logp_N), device=logp_N.device)).sum()
