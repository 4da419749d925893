"""Losses over the tiers' log-probabilities: pure functions, each line citing its source.

Shape legend: R responses in the batch, P pairs. For response i: ``s`` its summed log-probability, ``n``
its length in tokens, ``m = s / n``; ``r`` the reference's sum. ``w`` is preferred over ``l``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from planb.types import Value

Tensor = Any


@dataclass(frozen=True)
class Scores:
    """What an objective sees of a batch. ``s``, ``n`` and ``r`` are (R,) tensors."""

    s_R: Tensor
    n_R: Tensor
    r_R: Tensor | None = None

    @property
    def m_R(self) -> Tensor:
        return self.s_R / self.n_R


class Objective(Value):
    """A preference loss: one number for each pair. Rows with one response take ``nll``."""

    needs_reference: ClassVar[bool] = False

    def pair_loss(self, scores: Scores, better_P: Tensor, worse_P: Tensor) -> Tensor:
        """(P,) losses of the pairs (better, worse), given as places in R."""
        raise NotImplementedError


class ORPO(Objective):
    """Odds-ratio preference optimisation (Hong et al. 2024, arXiv:2403.07691, equations 6 and 7).

    The NLL stands on each pair's preferred response, the useless one too; ``beta`` is the paper's
    lambda. ``m`` is the mean log-probability, as in equation 1.
    """

    beta: float = Field(default=0.1, ge=0)

    def pair_loss(self, scores: Scores, better_P: Tensor, worse_P: Tensor) -> Tensor:
        from torch.nn.functional import logsigmoid

        m_w, m_l = scores.m_R[better_P], scores.m_R[worse_P]
        odds = log_odds(m_w) - log_odds(m_l)  # eq. 4: log(odds_w / odds_l)
        return -m_w - self.beta * logsigmoid(odds)  # eq. 6: NLL + lambda * L_OR


class DPO(Objective):
    """Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290, equation 7)."""

    needs_reference: ClassVar[bool] = True
    beta: float = Field(default=0.1, gt=0)

    def pair_loss(self, scores: Scores, better_P: Tensor, worse_P: Tensor) -> Tensor:
        from torch.nn.functional import logsigmoid

        if scores.r_R is None:
            raise ValueError("DPO needs the reference's log-probabilities")
        reward = scores.s_R - scores.r_R  # eq. 5 without beta: log pi / pi_ref
        return -logsigmoid(self.beta * (reward[better_P] - reward[worse_P]))


class SFT(Objective):
    """Imitation only: the NLL of each pair's preferred response."""

    def pair_loss(self, scores: Scores, better_P: Tensor, worse_P: Tensor) -> Tensor:
        del worse_P
        return -scores.m_R[better_P]


def nll(scores: Scores) -> Tensor:
    """(R,) mean negative log-likelihood per token of each response."""
    return -scores.m_R


def log_odds(m: Tensor) -> Tensor:
    """log(p / (1 - p)) for p = exp(m) < 1, exact near 0 and 1."""
    below_one = m.clamp(max=-1e-7)
    return below_one - (-below_one.expm1()).log()


OBJECTIVES: dict[str, type[Objective]] = {"orpo": ORPO, "dpo": DPO, "sft": SFT}
