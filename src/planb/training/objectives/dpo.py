"""Direct preference optimisation, and its length-normalised form."""

from __future__ import annotations

from pydantic import Field

from planb.training.objectives.base import Objective, Pairs, Scores, Tensor, log_ratio


class DPO(Objective):
    """Direct preference optimisation (Rafailov et al. 2023, arXiv:2305.18290, equation 7)."""

    beta: float = Field(default=0.1, gt=0)

    @property
    def needs_reference(self) -> bool:
        return True

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        from torch.nn.functional import logsigmoid

        u_R = self.beta * log_ratio(scores)  # eq. 5, without the partition function, which cancels
        return {"preference": -logsigmoid(u_R[pairs.better_P] - u_R[pairs.worse_P])}


class DPONorm(Objective):
    """Length-normalised DPO, on log-ratios per token: each response's is divided by its own length,
    so that length alone earns nothing (Lambert et al. 2024, Tülu 3, arXiv:2411.15124). ``beta`` is
    per token, hence large: 5 is that of Tülu 3's models."""

    beta: float = Field(default=5.0, gt=0)

    @property
    def needs_reference(self) -> bool:
        return True

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        from torch.nn.functional import logsigmoid

        u_R = self.beta * log_ratio(scores) / scores.n_R
        return {"preference": -logsigmoid(u_R[pairs.better_P] - u_R[pairs.worse_P])}
