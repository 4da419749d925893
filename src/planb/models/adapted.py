"""What is trained of a model, in words. An adapter's targets reach some of a model's weights and not
others: PEFT's ``all-linear`` adapts the experts and the router of Mixtral and its kin, and the
attention alone of gpt-oss, GraniteMoE and Jamba, whose experts stand in tensors and not in layers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from planb.stats.numbers import plain_percent

ALL_WEIGHTS = "all weights"
"""The description of a training that changes every weight."""
LARGE = 0.005
"""Parts with a smaller share of the weights are not named among those that are left as they are."""
WRAPPED = ("base_layer", "original_module")
"""What PEFT puts into the path of a weight that it wraps."""


@dataclass(frozen=True)
class Trained:
    """Which weights are trained: ``new`` weights of an adapter (0: none); ``parts`` and ``left`` are
    names of weights (a layer's number left out) with their share of the model's weights: what is
    trained, and what is not. ``missed`` are those of ``left`` that an adapter could reach: matrices
    that are no embeddings."""

    new: int
    parts: dict[str, float]
    left: dict[str, float]
    missed: tuple[str, ...] = ()

    def __str__(self) -> str:
        share = plain_percent(sum(self.parts.values()))
        if not self.new:
            what = ALL_WEIGHTS if not self.left else f"{share} of the weights"
        else:
            on = ", ".join(self.parts) or "none of them"
            what = f"an adapter of {self.new:,} weights on {share} of the model's ({on})"
        left = [f"{n} ({plain_percent(s)})" for n, s in self.left.items() if s >= LARGE]
        return f"{what}; left as they are: {', '.join(left)}" if left else what


def trained_weights(model: Any) -> Trained:
    """The trained weights of a model: those that have gradients or stand under the newest adapter."""
    newest = list(model.peft_config)[-1] if hasattr(model, "peft_config") else ""
    base = model.get_base_model() if newest else model
    own = {path: weight for path, weight in base.named_parameters() if not _of_adapter(path, model)}
    under = {id(weight) for weight in adapted(model, newest).values()} if newest else set()
    known = {id(weight) for weight in own.values()}
    new = sum(w.numel() for w in model.parameters() if w.requires_grad and id(w) not in known)
    ends = (base.get_input_embeddings(), base.get_output_embeddings())
    words = {id(weight) for part in ends if part is not None for weight in part.parameters()}
    sizes, reached, matrices = defaultdict[str, int](int), defaultdict[str, int](int), set[str]()
    for path, weight in own.items():
        name = _named(path)
        sizes[name] += _size(weight)
        if id(weight) in under or weight.requires_grad:
            reached[name] += _size(weight)
        elif weight.dim() > 1 and id(weight) not in words and not name.endswith("bias"):
            matrices.add(name)
    whole = sum(sizes.values()) or 1
    order = sorted(sizes, key=lambda name: -sizes[name])
    left = {
        name: (sizes[name] - reached[name]) / whole for name in order if reached[name] < sizes[name]
    }
    parts = {name: reached[name] / whole for name in order if reached[name]}
    return Trained(new, parts, left, tuple(name for name in left if name in matrices))


def adapted(model: Any, adapter: str) -> dict[str, Any]:
    """Weights that an adapter changes, {path: weight} (or trains a copy of): a layer's path for its
    weight, a parameter's own where it is adapted by itself."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import AuxiliaryTrainingWrapper

    found = {}
    for path, module in model.get_base_model().named_modules():
        own = ".".join(part for part in path.split(".") if part not in WRAPPED)
        if isinstance(module, AuxiliaryTrainingWrapper):
            weight = getattr(module.original_module, "weight", None)
            if adapter in module._adapters and weight is not None:
                found[own] = weight
        elif isinstance(module, BaseTunerLayer) and _holds(module, adapter):
            parameter = getattr(module, "parameter_name", None)
            if parameter is not None:
                found[f"{own}.{parameter}"] = module.get_param()
            elif (weight := getattr(module.get_base_layer(), "weight", None)) is not None:
                found[own] = weight
    return found


def _of_adapter(path: str, model: Any) -> bool:
    return any(f".{name}." in f"{path}." for name in getattr(model, "peft_config", ()))


def _holds(layer: Any, adapter: str) -> bool:
    names = getattr(layer, "adapter_layer_names", ())
    return any(adapter in getattr(layer, name, ()) for name in names)


def _named(path: str) -> str:
    """``model.layers.0.mlp.experts.3.up_proj.weight`` -> ``mlp.experts.*.up_proj``."""
    parts = [part for part in path.split(".") if part not in WRAPPED]
    first = next((at for at, part in enumerate(parts) if part.isdigit()), None)
    kept = parts[-2:] if first is None else parts[first + 1 :]
    name = ".".join("*" if part.isdigit() else part for part in kept)
    return name.removesuffix(".weight")


def _size(weight: Any) -> int:
    """The number of weights; four-bit ones stand two in a byte."""
    number: int = weight.numel()
    return 2 * number * weight.element_size() if type(weight).__name__ == "Params4bit" else number
