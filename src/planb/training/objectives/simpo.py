"""Simple preference optimisation."""

from __future__ import annotations

from pydantic import Field

from planb.training.objectives.base import Objective, Pairs, Scores, Tensor


class SimPO(Objective):
    """Simple preference optimisation with a reference-free reward (Meng et al. 2024, arXiv:2405.14734,
    equation 6): -log sigmoid(beta (m_w - m_l) - gamma).

    ``gamma`` is the target margin of the rewards beta m, as in the paper and in TRL's ``simpo_gamma``
    (which divides it by beta and then multiplies again); the authors tune gamma / beta between 0 and
    1. The defaults are those of their code.
    """

    beta: float = Field(default=2.0, gt=0)
    gamma: float = Field(default=0.5, ge=0)

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        from torch.nn.functional import logsigmoid

        reward_R = self.beta * scores.m_R  # eq. 4
        margin_P = reward_R[pairs.better_P] - reward_R[pairs.worse_P]
        return {"preference": -logsigmoid(margin_P - self.gamma)}  # eq. 6
