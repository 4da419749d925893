"""The decoder layers of any causal language model that transformers loads, and their weight matrices.

Adapters are merged before (``load_policy``). Shapes: Y outputs, X inputs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from planb.errors import PlanBError
from planb.models.quantized import is_quantized


class Matrix(NamedTuple):
    """A weight of a decoder layer with two dimensions or more; ``module`` holds it as ``name``."""

    path: str
    module: Any
    name: str

    @property
    def weight(self) -> Any:
        return getattr(self.module, self.name)

    @property
    def transposed(self) -> bool:
        """Whether it stands as (X, Y): GPT-2's ``Conv1D``."""
        from transformers.pytorch_utils import Conv1D

        return isinstance(self.module, Conv1D)

    @property
    def rows(self) -> Any:
        """The weight with its outputs first: (Y, X). A view: what is written to it is in the model."""
        return self.weight.data.T if self.transposed else self.weight.data

    @property
    def multiplies(self) -> bool:
        """Whether its layer's output is the weight times its input, and no more."""
        import torch

        return type(self.module) is torch.nn.Linear or self.transposed


def decoder_layers(model: Any) -> list[Any]:
    """The decoder layers, the first one first. Raises PlanBError where none are found."""
    import torch
    from transformers.modeling_layers import GradientCheckpointingLayer

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    number = getattr(inner.config.get_text_config(), "num_hidden_layers", None)
    for module in inner.get_decoder().modules():
        if (
            isinstance(module, torch.nn.ModuleList)
            and len(module) == number
            and all(isinstance(layer, GradientCheckpointingLayer) for layer in module)
        ):
            return list(module)
    raise PlanBError(
        f"no decoder layers are found in a {type(inner).__name__}: this needs a model whose "
        f"{number or 'hidden'} layers stand in one list, as transformers' decoders have them"
    )


def layer_matrices(layer: Any) -> list[Matrix]:
    """The matrices of a decoder layer (experts in one tensor too), without biases, norms,
    convolutions and parameters of a state. Raises PlanBError where weights are stored quantized."""
    found = [
        Matrix(f"{path}.{name}" if path else name, module, name)
        for path, module in layer.named_modules()
        for name, weight in module.named_parameters(recurse=False)
        if (weight.dim() > 2 or (weight.dim() == 2 and name == "weight")) and min(weight.shape) > 1
    ]
    odd = [one.path for one in found if not one.weight.is_floating_point()]
    if odd or not found:
        raise PlanBError(
            "the weights of the model are stored quantized, so they cannot be changed one by one: "
            "load a checkpoint with plain weights"
        )
    return found


def refuse_quantized(model: Any) -> None:
    """Raise PlanBError for a model with quantized weights."""
    if is_quantized(model):
        raise PlanBError(
            "the model's weights are quantized, and this changes weights one by one: start from a "
            "checkpoint with plain weights"
        )
