"""Contrastive preference optimisation."""

from __future__ import annotations

from pydantic import Field

from planb.training.objectives.base import NLL, Objective, Pairs, Scores, Tensor, better_nll


class CPO(Objective):
    """Contrastive preference optimisation (Xu et al. 2024, arXiv:2401.08417, equation 3 and the NLL
    beside it): -log sigmoid(beta (s_w - s_l)) + alpha NLL_w.

    It is DPO with a uniform reference, kept near the data by the NLL of each pair's better response.
    The paper writes that NLL as a sum over tokens; the authors' code, and TRL's, averages it over the
    ``tokens`` of the batch's better responses. ``nll`` says what it is averaged over here.
    """

    beta: float = Field(default=0.1, gt=0)
    alpha: float = Field(default=1.0, ge=0)
    nll: NLL = "response"

    @property
    def needs_prompt(self) -> bool:
        return self.nll == "sequence"

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        from torch.nn.functional import logsigmoid

        margin_P = self.beta * (scores.s_R[pairs.better_P] - scores.s_R[pairs.worse_P])
        return {
            "nll": self.alpha * better_nll(scores, pairs, self.nll),
            "preference": -logsigmoid(margin_P),  # eq. 3
        }
