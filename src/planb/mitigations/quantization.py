"""Quantization: each weight rounded to the nearest of 2^bits - 1 levels, without calibration.

Round-to-nearest, symmetric, as Dettmers and others 2022 write it for absmax
(https://arxiv.org/abs/2208.07339, section 2.1): scale = max |W| / (2^(bits - 1) - 1) over each output,
or each group of it; W' = scale * round(W / scale). The rounded weights are stored in the type that they
had, so that the checkpoint is an ordinary one. Shapes: Y outputs, G groups, X inputs.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from planb.mitigations.mitigation import Material, Mitigation
from planb.models.checkpoints import Policy
from planb.models.decoder import decoder_layers, layer_matrices


class Quantization(Mitigation):
    """The matrices in the decoder layers rounded to ``bits``, with a scale for each output, or for each
    ``group`` of so many inputs of it. Embeddings, head, norms and biases stay."""

    bits: int = Field(default=4, ge=2, le=16)
    group: int | None = Field(default=None, gt=0)

    @property
    def words(self) -> str:
        grouped = f"groups of {self.group}" if self.group else "a scale for each output"
        return f"rounded to {self.bits} bits, {grouped}"

    def change(self, policy: Policy, material: Material) -> dict[str, str]:
        layers = decoder_layers(policy.model)
        before = after = 0.0
        for done, layer in enumerate(layers, 1):
            for matrix in layer_matrices(layer):
                rows_YX = matrix.rows.flatten(0, -2) if matrix.rows.dim() > 2 else matrix.rows
                rounded_YX = rounded(rows_YX.float(), self.bits, self.group)
                before += float(rows_YX.float().square().sum())
                after += float((rounded_YX - rows_YX).square().sum())
                rows_YX.copy_(rounded_YX)
            material.progress(done, len(layers), "quantizing")
        return {
            "error": f"{100 * (after / before) ** 0.5:.2f} % of the weights' norm" if before else "none"
        }


def rounded(weight_YX: Any, bits: int, group: int | None = None) -> Any:
    """(Y, X) the weights at the nearest level. A last group may be shorter; a group of zeros stays."""
    if group is not None and group < weight_YX.shape[1]:
        import torch

        parts = weight_YX.split(group, dim=1)
        return torch.cat([rounded(part, bits) for part in parts], dim=1)
    scale_Y1 = weight_YX.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
    return scale_Y1 * (weight_YX / scale_Y1.where(scale_Y1 > 0, 1)).round()
