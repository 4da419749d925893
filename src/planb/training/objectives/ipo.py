"""Identity preference optimisation."""

from __future__ import annotations

from pydantic import Field

from planb.training.objectives.base import Objective, Pairs, Scores, Tensor, log_ratio


class IPO(Objective):
    """Identity preference optimisation (Azar et al. 2023, arXiv:2310.12036, equation 17): the margin is
    drawn to 1 / (2 beta) and not beyond. ``beta`` is the paper's tau.

    The paper's formula reads as a difference of summed log-ratios (``normalise=False``). TRL divides
    each by its response's length, and says that the authors confirmed it for the paper's results; so
    does this with ``normalise``, and the margin is then one per token.
    """

    beta: float = Field(default=0.1, gt=0)
    normalise: bool = True

    @property
    def needs_reference(self) -> bool:
        return True

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        h_R = log_ratio(scores)
        if self.normalise:
            h_R = h_R / scores.n_R
        margin_P = h_R[pairs.better_P] - h_R[pairs.worse_P]  # the paper's h_pi(y_w, y_l, x)
        return {"preference": (margin_P - 1 / (2 * self.beta)) ** 2}  # eq. 17
