"""RepBend: representation bending.

Yousefpour and others 2025 (https://arxiv.org/abs/2504.01550): activation steering as a loss. With M the
model before training and M' now,

    1/2 |v_s| - alpha |v_u| - beta cos_sim(A_u) + gamma KL(M | M') over safe answers,

where v_s = M'(p_s) - M(p_s) are the differences of the hidden states of safe answers (refusals, helpful
answers), v_u those of harmful answers, and A_u the hidden states of harmful answers now, which are made
alike. Shapes: M tokens, D hidden size, V vocabulary, E examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from planb.errors import PlanBError
from planb.mitigations.bending import Bending, States
from planb.training.objectives import Forward, Further

AGREE, AGREE_IN_16_BITS = 1e-3, 0.1
"""By how much a token's log-probability may differ from the model's own, in the mean of an answer."""


class RepBend(Bending):
    """Hidden states of harmful answers bent away from what they were, and made alike; those of other
    answers kept, and what they predict.

    ``depths``: of 32 layers the outputs of 20 to 30. ``cos_sim`` is the mean cosine over the pairs of
    tokens of one harmful answer (over a batch it would depend on how the batch is cut). |v_u| grows
    without bound, so what it does depends on the learning rate first. The KL divergence builds full
    logits at the safe answers' tokens.
    """

    alpha: float = Field(default=0.5, ge=0)
    beta: float = Field(default=0.1, ge=0)
    gamma: float = Field(default=0.3, ge=0)
    depths: tuple[float, ...] = Field(default=tuple(n / 32 for n in range(20, 31)), min_length=1)

    @contextmanager
    def around(self, forward: Forward) -> Iterator[Further]:
        import torch

        with self.states(forward) as states:

            def further() -> dict[str, Any]:
                answers, layers = states.answers, len(states.now)
                safe_M, harmful_M = ~answers.harmful_M, answers.harmful_M
                moved, alike = 0.0, 0.0
                for old_MD, new_MD in states.pairs():
                    moved = moved + (new_MD - old_MD).norm(dim=1) / layers
                    alike = alike + likeness(new_MD, answers, harmful_M) / layers
                kept = divergence(forward.model, states) if self.gamma else torch.zeros_like(moved)
                return {
                    "retain": answers.mean(moved, safe_M) / 2,
                    "bend": -self.alpha * answers.mean(moved, harmful_M),
                    "alike": -self.beta * alike,
                    "kl": self.gamma * answers.mean(kept, safe_M),
                }

            yield further


def likeness(state_MD: Any, answers: Any, which_M: Any) -> Any:
    """(E,) the mean cosine over all pairs of those of an example's tokens: with S the sum of n unit
    vectors, (S.S - n) / n (n - 1); 0 for fewer than two."""
    import torch

    unit_MD = torch.nn.functional.normalize(state_MD[which_M], dim=1)
    sum_ED = unit_MD.new_zeros(answers.examples, unit_MD.shape[1])
    sum_ED = sum_ED.index_add(0, answers.example_M[which_M], unit_MD)
    n_E = answers.number(which_M)
    return (sum_ED.square().sum(1) - n_E) * (n_E > 1) / (n_E * (n_E - 1)).clamp(min=1)


def divergence(model: Any, states: States) -> Any:
    """(M,) KL(M | M') of what follows at each token of a safe answer; 0 at those of harmful ones.
    Raises PlanBError where the model's head gives other log-probabilities than the model."""
    import torch

    from planb.training.inside import logits_of

    answers = states.answers
    safe_M = ~answers.harmful_M
    (old,), (new,) = states.end_before, states.end_now
    with torch.no_grad():
        old_MV = logits_of(model, states.of(old)[safe_M].to(old.dtype)).log_softmax(-1)
    new_MV = logits_of(model, states.of(new)[safe_M].to(new.dtype)).log_softmax(-1)
    low = old.dtype.itemsize < 4 or torch.is_autocast_enabled(old.device.type)
    _check_head(old_MV, states, safe_M, AGREE_IN_16_BITS if low else AGREE)
    kl_M = (old_MV.exp() * (old_MV - new_MV)).sum(-1)
    return kl_M.new_zeros(len(safe_M)).masked_scatter(safe_M, kl_M)


def _check_head(logp_MV: Any, states: States, which_M: Any, within: float) -> None:
    answers, own = states.answers, states.scores
    said_M = logp_MV.gather(1, answers.target_M[which_M][:, None])[:, 0]
    owner_M = answers.response_M[which_M]
    sum_R = said_M.new_zeros(len(own.s_R)).index_add(0, owner_M, said_M)
    apart_R = ((sum_R - own.s_R) / own.n_R)[owner_M.unique()]
    if apart_R.numel() and float(apart_R.abs().max()) > within:
        raise PlanBError(
            "RepBend needs what the model predicts from its last hidden states, and this model's "
            "logits are not its head times those: set gamma=0, or use CircuitBreakers"
        )
