"""The clipped policy gradient over groups of samples: a pure function, each line citing its source.

Shape legend: R responses of the batch, N their tokens. ``logp`` is the log-probability of a token
(nats) under the policy in training, ``old`` the same under the policy that drew the sample,
``reference`` under the model that training started from. TRL's name for the same loss (checked against
TRL 1.16 by ``tests/training/reinforcement/test_trl_grpo.py``):

==================================  =============================================================
``GRPO()``                          ``GRPOTrainer``, whose default is ``loss_type="dapo"``
``GRPO(average="responses")``       ``loss_type="grpo"``
``GRPO(average="limit")``           ``loss_type="dr_grpo"``, with ``scale="none"``
``GRPO(ratio="response_mean")``     ``importance_sampling_level="sequence"`` (GSPO)
``RLOO()``                          ``RLOOTrainer``, but for the KL, which TRL puts into the reward
==================================  =============================================================

One thing differs on purpose. A sample that the judge did not score is no part of the batch here; TRL
gives it no gradient and counts its tokens in the average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from planb.errors import PlanBError
from planb.training.reinforcement.advantages import Advantages, Baseline, Rewards, Scale, advantages
from planb.values import Value

Tensor = Any


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch's responses, as the objective takes them.

    ``logp_N``, ``old_N`` and ``reference_N`` (None: no KL) are log-probabilities in nats; ``owner_N``
    (long) is the response of each token, ``advantage_R`` what each response was worth, ``weight_N``
    each token's share of the average (``PolicyGradient.weights``). ``foreign_R`` (bool) marks
    responses that no policy drew: answers of the data, put into the group.
    """

    logp_N: Tensor
    old_N: Tensor
    owner_N: Tensor
    advantage_R: Tensor
    weight_N: Tensor
    foreign_R: Tensor
    reference_N: Tensor | None = None


class PolicyGradient(Value):
    """The clipped surrogate of PPO (Schulman et al. 2017, arXiv:1707.06347, equation 7) with a group's
    rewards in place of a critic.

    ``baseline`` and ``scale`` are of ``advantages``. ``clip`` bounds the ratio below, by 1 - clip,
    ``clip_high`` above (None: as below). ``ratio`` is of each ``token``, of the whole ``response`` (the
    product over its tokens; RLOO), or its geometric mean (``response_mean``; GSPO, Zheng et al. 2025,
    arXiv:2507.18071, equation 7). ``average`` is over all ``tokens`` of the update (DAPO, Yu et al.
    2025, arXiv:2503.14476, equation 8), over each response's own tokens and then over ``responses``
    (GRPO's paper, equation 3), or over as many tokens as the length ``limit`` allows (Dr. GRPO).

    ``kl`` weighs the estimate e^d - d - 1 of the KL to the model that training starts from, with
    d = reference - logp (GRPO's paper, equation 4), times the ratio, whose gradient makes that of the
    estimate unbiased (DeepSeek-V3.2, arXiv:2512.02556; TRL's default). It is over what a policy drew.

    ``foreign`` says what the ratio of answers is that no policy drew. ``shaped``: the probability p of
    the token itself, as if the data gave it with certainty, shaped to p / (p + ``shaping``) and not
    clipped (LUFFY, Yan et al. 2025, arXiv:2504.14945, section 3.2), so that also what the policy says
    rarely has a gradient. ``own``: as if the policy before the update had drawn them. That is biased:
    what a policy hardly ever says moves it as much as what it always says.
    """

    baseline: Baseline = "mean"
    scale: Scale = "group"
    clip: float = Field(default=0.2, gt=0, lt=1)
    clip_high: float | None = Field(default=None, gt=0)
    ratio: Literal["token", "response", "response_mean"] = "token"
    average: Literal["tokens", "responses", "limit"] = "tokens"
    kl: float = Field(default=0.0, ge=0)
    foreign: Literal["shaped", "own"] = "shaped"
    shaping: float = Field(default=0.1, gt=0)

    def advantages(self, rewards: Sequence[Rewards]) -> Advantages:
        """The advantages of groups of samples (``None``: unscored)."""
        return advantages(rewards, self.baseline, self.scale)

    def weights(self, lengths: Sequence[int], limit: int) -> list[float]:
        """(R,) the share in the loss of each token of each response. ``lengths`` (tokens) are those of
        all scored responses of an update, ``limit`` the most that one may have."""
        R, whole = len(lengths), sum(lengths)
        if self.average == "tokens":
            return [1 / whole] * R
        return [1 / (R * (n if self.average == "responses" else limit)) for n in lengths]

    def parts(self, tokens: Tokens) -> dict[str, Tensor]:
        """Named parts of the loss, () each: sums over the given tokens, by their weights."""
        advantage_N, foreign_N = (x_R[tokens.owner_N] for x_R in (tokens.advantage_R, tokens.foreign_R))
        ratio_N = self._ratio(tokens)
        surrogate_N = _clipped(ratio_N, advantage_N, self.clip, self.clip_high)
        if self.foreign == "shaped":
            p_N = tokens.logp_N.exp()
            surrogate_N = (advantage_N * p_N / (p_N + self.shaping)).where(foreign_N, surrogate_N)
        found = {"policy": -(tokens.weight_N * surrogate_N).sum()}
        if self.kl:
            if tokens.reference_N is None:
                raise PlanBError(
                    "the objective has a KL to a reference, and the samples have no reference's "
                    "log-probabilities: give reference_N, or set kl to 0"
                )
            ahead_N = tokens.reference_N - tokens.logp_N
            apart_N = ratio_N * (ahead_N.exp() - ahead_N - 1)
            found["kl"] = self.kl * (tokens.weight_N * apart_N.masked_fill(foreign_N, 0)).sum()
        return found

    def _ratio(self, tokens: Tokens) -> Tensor:
        """(N,) the policy's probability of a token over that with which it was drawn, or of the
        response that it stands in."""
        ahead_N = tokens.logp_N - tokens.old_N
        if self.ratio == "token":
            return ahead_N.exp()
        R = len(tokens.advantage_R)
        ahead_R = ahead_N.new_zeros(R).index_add(0, tokens.owner_N, ahead_N)
        if self.ratio == "response_mean":
            ahead_R = ahead_R / tokens.owner_N.bincount(minlength=R).clamp(min=1)
        return ahead_R.exp()[tokens.owner_N]


class GRPO(PolicyGradient):
    """Group-relative policy optimisation, averaged over tokens (TRL's default)."""


class RLOO(PolicyGradient):
    """REINFORCE with a leave-one-out baseline, over whole responses."""

    baseline: Baseline = "others"
    scale: Scale = "none"
    ratio: Literal["token", "response", "response_mean"] = "response"
    average: Literal["tokens", "responses", "limit"] = "responses"

    @model_validator(mode="after")
    def _is_over_the_others(self) -> RLOO:
        if self.baseline != "others":
            raise ValueError("RLOO's baseline is the others' mean: for the group's own mean, use GRPO")
        return self


def _clipped(ratio_N: Tensor, advantage_N: Tensor, low: float, high: float | None) -> Tensor:
    """(N,) min(r A, clip(r) A): PPO's equation 7."""
    within_N = ratio_N.clamp(1 - low, 1 + (low if high is None else high))
    return (ratio_N * advantage_N).minimum(within_N * advantage_N)
