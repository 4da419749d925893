"""Magnitude pruning: the smallest weights of each matrix become 0.

Han and others 2015 (https://arxiv.org/abs/1506.02626), with one sparsity for every matrix, as Sun and
others 2023 (https://arxiv.org/abs/2306.11695) compare it. Shapes: Y outputs, X inputs.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from planb.mitigations.mitigation import Material, Mitigation
from planb.models.checkpoints import Policy
from planb.models.decoder import decoder_layers, layer_matrices
from planb.stats.numbers import plain_percent


class MagnitudePruning(Mitigation):
    """``sparsity`` of the weights of each matrix in the decoder layers become 0: those with the least
    absolute value. Embeddings, head, norms and biases stay."""

    sparsity: float = Field(default=0.35, ge=0, lt=1)

    @property
    def words(self) -> str:
        return f"magnitude pruning, {plain_percent(self.sparsity)} of each matrix"

    def change(self, policy: Policy, material: Material) -> dict[str, str]:
        layers = decoder_layers(policy.model)
        for done, layer in enumerate(layers, 1):
            for matrix in layer_matrices(layer):
                weight = matrix.weight.data
                zero_least(weight.view(1, -1), weight.abs().view(1, -1), self.sparsity)
            material.progress(done, len(layers), "pruning")
        return {"zeros": zeros(policy.model)}


def zero_least(weight_YX: Any, score_YX: Any, sparsity: float) -> None:
    """In each row, set that share of the weights (rounded down) with the lowest scores to 0, in place.
    Of equal scores the first goes first."""
    number = int(sparsity * score_YX.shape[1])
    if number:
        least_YN = score_YX.argsort(dim=1, stable=True)[:, :number]
        weight_YX.scatter_(1, least_YN, 0.0)


def zeros(model: Any) -> str:
    """The share of zeros among the matrices of the decoder layers."""
    weights = [one.weight for layer in decoder_layers(model) for one in layer_matrices(layer)]
    whole = sum(weight.numel() for weight in weights)
    return f"{100 * sum(int((weight == 0).sum()) for weight in weights) / whole:.1f} % of the matrices"
