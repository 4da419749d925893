"""Odds-ratio preference optimisation."""

from __future__ import annotations

from pydantic import Field

from planb.training.objectives.base import NLL, Objective, Pairs, Scores, Tensor, better_nll


class ORPO(Objective):
    """Odds-ratio preference optimisation (Hong et al. 2024, arXiv:2403.07691, equations 6 and 7).

    The NLL stands on each pair's better response, the useless one too; ``beta`` is the paper's
    lambda. ``m`` is the mean log-probability, as in equation 1. ``nll`` says what the NLL is averaged
    over: the paper's formula has the ``response`` alone; the authors' code by default, and TRL's
    trainer always, average over the ``sequence``, prompt and response, each token of the batch alike.
    """

    beta: float = Field(default=0.1, ge=0)
    nll: NLL = "response"

    @property
    def needs_prompt(self) -> bool:
        return self.nll == "sequence"

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        from torch.nn.functional import logsigmoid

        odds_R = log_odds(scores.m_R)
        ratio_P = odds_R[pairs.better_P] - odds_R[pairs.worse_P]  # eq. 4 and 7: log(odds_w / odds_l)
        return {
            "nll": better_nll(scores, pairs, self.nll),  # eq. 6: L_SFT
            "preference": -self.beta * logsigmoid(ratio_P),  # eq. 6: lambda * L_OR
        }


def log_odds(m: Tensor) -> Tensor:
    """log(p / (1 - p)) of p = exp(m) <= 1; where p > 1 - 1e-7 it is constant.

    expm1 keeps 1 - p exact as p goes to 1; where p is small, what it rounds off is small beside m.
    """
    below_one = m.clamp(max=-1e-7)
    return below_one - (-below_one.expm1()).log()
