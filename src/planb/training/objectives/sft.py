"""Supervised fine-tuning (SFT), without a preference."""

from __future__ import annotations

from planb.training.objectives.base import Objective, Pairs, Scores, Tensor, nll


class SFT(Objective):
    """Supervised fine-tuning: the NLL of each pair's better response."""

    def pair_parts(self, scores: Scores, pairs: Pairs) -> dict[str, Tensor]:
        return {"nll": nll(scores)[pairs.better_P]}
