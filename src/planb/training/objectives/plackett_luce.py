"""The likelihood of a whole ranking."""

from __future__ import annotations

from pydantic import Field

from planb.errors import PlanBError
from planb.training.objectives.base import Objective, Pairs, Scores, Tensor, log_ratio


class PlackettLuce(Objective):
    """Plackett-Luce likelihood of a ranking (Plackett 1975, "The analysis of permutations"), DPO's way
    (Rafailov et al. 2023, arXiv:2305.18290, appendix A.3, equations 18 to 20).

    Each response k that is preferred over others is to be chosen among itself and them: the loss is
    the sum over k of logsumexp over {k} and these of u, minus u_k, with u = beta (s - r). With all
    pairs of an ordering that is minus the log-likelihood of the ranking; of two responses it is DPO.
    Responses of one tier are not compared with each other. ``reference=False`` takes u = beta m,
    SimPO's reward, for which beta is to be larger (SimPO's is 2). A list has no weights: an example's
    pairs weigh alike.
    """

    beta: float = Field(default=0.1, gt=0)
    reference: bool = True

    @property
    def needs_reference(self) -> bool:
        return self.reference

    def parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        _check_weights(pairs)
        u_R = self.beta * (log_ratio(scores) if self.reference else scores.m_R)
        lost_R = _lost(u_R, pairs)
        example_R = pairs.better_P.new_zeros(len(u_R)).scatter(0, pairs.better_P, pairs.example_P)
        return {"preference": u_R.new_zeros(pairs.examples).index_add(0, example_R, lost_R)}


def _lost(u_R: Tensor, pairs: Pairs) -> Tensor:
    """(R,) log(1 + the sum of e^(u_j - u_k) over the j that k is preferred over); 0 where there are
    none. Each exponent is taken relative to the largest (or to 0, k itself), which leaves no overflow,
    and log1p keeps what is small beside 1."""
    ahead_P = u_R[pairs.worse_P] - u_R[pairs.better_P]
    top_R = u_R.detach().new_zeros(len(u_R)).scatter_reduce(0, pairs.better_P, ahead_P.detach(), "amax")
    above_one_R = (-top_R).expm1()  # k's own e^(0 - top), minus the 1 that log1p adds
    above_one_R = above_one_R.index_add(0, pairs.better_P, (ahead_P - top_R[pairs.better_P]).exp())
    return top_R + above_one_R.log1p()


def _check_weights(pairs: Pairs) -> None:
    """Raise PlanBError if the pairs of an example weigh unlike."""
    weight_P = pairs.weight_P
    most_E = weight_P.new_zeros(pairs.examples).scatter_reduce(0, pairs.example_P, weight_P, "amax")
    unlike_P = weight_P < most_E[pairs.example_P] * (1 - 1e-6)
    if unlike_P.any():
        weights = weight_P[pairs.example_P == pairs.example_P[unlike_P][0]].tolist()
        raise PlanBError(
            f"plackett_luce takes a ranking as a whole, and the pairs of an example have the weights "
            f"{[round(weight, 4) for weight in weights]}. Leave the ordering's weights out and give "
            "every tier the same number of responses, or use an objective of pairs (dpo, simpo)."
        )
