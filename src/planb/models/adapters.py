"""LoRA adapters across training stages: merged into the weights, or stacked as named PEFT adapters.

Both compute the same function: a layer's output is ``W x + sum_i s_i B_i A_i x`` over the stages
``i`` (Hu et al. 2021, arXiv:2106.09685), and merging puts the sum into ``W``. That holds of plain LoRA,
whatever the ranks, scales and targets; other kinds of adapters are merged, and not stacked.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from planb.errors import PlanBError
from planb.models.adapted import adapted
from planb.models.cards import ADAPTER, ADAPTER_CONFIG
from planb.models.quantized import is_quantized, prepare_quantized

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel

_WEIGHTS = "adapter_model.safetensors"
_UNORDERED = {"target_modules", "exclude_modules", "target_parameters"}
_FREE = {
    *("r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "lora_dropout"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "fan_in_fan_out"),
    "target_parameters",  # PEFT sets it by itself where a model keeps its experts in one tensor
    *("task_type", "inference_mode", "base_model_name_or_path", "revision", "peft_version"),
    *("auto_mapping", "runtime_config", "init_lora_weights"),
}


def merge_adapters(model: Any, folders: Sequence[Path]) -> Any:
    """The model with the adapters of these checkpoint folders in its weights, the first one first."""
    for folder in folders:
        model = _attach(model, folder, "default").merge_and_unload()
    return model


def stack_adapters(model: Any, folders: Sequence[Path]) -> Any:
    """The model under one named PEFT adapter per folder (``stage1``, ``stage2``, ...), all active and
    all frozen. Without folders it is the model itself. Raises PlanBError if they do not add up."""
    for stage, folder in enumerate(folders, start=1):
        model = _attach(model, folder, f"stage{stage}")
    if folders:
        _check_they_add_up(model)
        model.base_model.set_adapter(list(model.peft_config), inference_mode=True)
    return model


def add_adapter(model: Any, config: PeftConfig) -> PeftModel:
    """Put a fresh trainable adapter on a model; all that was there is frozen, and stays active.

    On a plain model it is PEFT's ``default``; on one with adapters it is the next stage. Its start is
    the identity: the model says exactly what it said before (on 4-bit weights only if the rest was
    loaded in float32, as norms, embeddings and head are put into it here). ``config`` is left as it
    is. PEFT's own ``disable_adapter`` switches off *all* stages, and on leaving makes all of them
    trainable: call ``train_newest`` after it.

    ``target_modules="all-linear"`` leaves out linear layers that do more than multiply (the routers of
    Llama 4 and PhiMoE), and PEFT lets it reach the experts of some mixtures and not of others:
    ``adapted.trained_weights`` says what is trained.

    Raises PlanBError if ``config`` is not the identity at the start, changes tied embeddings, names a
    target that the model does not have, or does not add up with the adapters that are there.
    """
    from peft import LoraConfig, PeftConfig

    if not isinstance(config, PeftConfig):
        raise PlanBError(
            f"peft_config is a {type(config).__name__}: give a LoraConfig, or another of PEFT's"
        )
    config = copy.deepcopy(config)
    if isinstance(config, LoraConfig) and config.init_lora_weights not in (True, "gaussian"):
        raise PlanBError(
            f"init_lora_weights={config.init_lora_weights!r} does not start as the identity, or changes"
            ' the weights below: choose True or "gaussian"'
        )
    if is_quantized(model):
        prepare_quantized(model)
    _leave_out_odd_layers(model, config)
    keys = ["target_parameters"]
    if getattr(config, "target_modules", None) != "all-linear":
        keys.append("target_modules")
    model = _put_on(model, config)
    _check_no_tied_part(model)
    _check_targets(model, keys)
    return model


def _put_on(model: Any, config: PeftConfig) -> PeftModel:
    from peft import get_peft_model

    patterned = getattr(config, "rank_pattern", None) or getattr(config, "alpha_pattern", None)
    try:
        with warnings.catch_warnings():
            if not patterned:  # PEFT's own, of a mixture's tensors, and they are not ignored
                warnings.filterwarnings(
                    "ignore", "The following (rank|alpha)_pattern keys did not match"
                )
            if not _has_adapters(model):
                return get_peft_model(model, config)
            model.add_adapter(_next_name(model), config)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise PlanBError(f"PEFT cannot put this adapter on the model: {error}") from error
    _check_they_add_up(model)
    train_newest(model)
    return model


def train_newest(model: PeftModel) -> None:
    """Make every adapter active and the newest alone trainable.

    ``add_adapter`` leaves a model so. Call it again after whatever sets adapters in PEFT's own way:
    transformers' ``Trainer._load_from_checkpoint`` (a resume leaves the *oldest* adapter alone active
    and trainable, with a warning in the log) and PEFT's ``disable_adapter``.
    """
    names = list(model.peft_config)
    model.base_model.set_adapter(names, inference_mode=True)
    model.set_requires_grad(names[-1])


def write_adapter(
    model: PeftModel, folder: Path, base: str, revision: str, weights: dict[str, Any] | None = None
) -> None:
    """Write the newest adapter into ``folder``/adapter: its weights and its configuration.

    The files are the same whatever the adapter's name, the machine and the place: PEFT's own writing
    names a folder after the adapter, records the base's absolute path, and orders targets by chance.
    ``base`` and ``revision`` stand for that path. With a hub id there, PEFT's auto classes find the
    base by themselves; with a path relative to ``folder``, they do from inside ``folder``.
    """
    newest = list(model.peft_config)[-1]
    (folder / ADAPTER).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as scratch:
        model.save_pretrained(
            scratch, selected_adapters=[newest], save_embedding_layers=False, state_dict=weights
        )
        written = Path(scratch) / ("" if newest == "default" else newest)
        config = json.loads((written / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        config |= {"base_model_name_or_path": base, "revision": revision or None}
        told = vars(model.peft_config[newest])
        unordered = _UNORDERED | {key for key, value in told.items() if isinstance(value, set)}
        config |= {k: sorted(v) for k, v in config.items() if k in unordered and isinstance(v, list)}
        text = json.dumps(config, indent=2, sort_keys=True) + "\n"
        (folder / ADAPTER / ADAPTER_CONFIG).write_text(text, encoding="utf-8")
        (written / _WEIGHTS).replace(folder / ADAPTER / _WEIGHTS)


def _attach(model: Any, folder: Path, name: str) -> PeftModel:
    """The model with a saved adapter on it, frozen; PlanBError if weights of it are missing."""
    from peft import PeftConfig, get_peft_model

    path = str(folder / ADAPTER)
    if not _has_adapters(model):
        config = PeftConfig.from_pretrained(path)
        config.base_model_name_or_path = None  # PEFT puts the model's own there
        model = get_peft_model(model, config, adapter_name=name)
    missing = model.load_adapter(path, name).missing_keys
    if missing:
        raise PlanBError(
            f"the adapter in {folder} lacks {len(missing)} of its weights, {missing[0]} first: "
            "its files do not belong together. Retrain it."
        )
    return model


def _has_adapters(model: Any) -> bool:
    from peft import PeftModel

    return isinstance(model, PeftModel)


def _next_name(model: PeftModel) -> str:
    stage = len(model.peft_config) + 1
    while f"stage{stage}" in model.peft_config:
        stage += 1
    return f"stage{stage}"


def _check_they_add_up(model: PeftModel) -> None:
    """DoRA, trained biases, whole modules, ...: stacked on others they are not what they are merged."""
    from peft import LoraConfig

    plain = LoraConfig()
    for name, config in model.peft_config.items():
        odd = [
            field.name
            for field in dataclasses.fields(config)
            if field.name not in _FREE and getattr(config, field.name) != getattr(plain, field.name)
        ]
        if odd and len(model.peft_config) > 1:
            raise PlanBError(
                f"adapter {name} sets {', '.join(odd)}, and only plain LoRA adapters can be stacked. "
                'Leave that out, or load the checkpoint with adapters="merge".'
            )


def _leave_out_odd_layers(model: Any, config: PeftConfig) -> None:
    """Exclude from ``all-linear`` what is called a linear layer and is none; refuse it by name."""
    wanted = getattr(config, "target_modules", None)
    odd = [name for name, module in model.named_modules() if _is_odd(module)]
    if not odd or wanted is None:
        return
    if wanted == "all-linear":
        if config.exclude_modules is None:
            config.exclude_modules = odd
        elif isinstance(config.exclude_modules, str):  # a pattern of the whole name
            config.exclude_modules = "|".join([f"(?:{config.exclude_modules})", *map(re.escape, odd)])
        else:
            config.exclude_modules = [*config.exclude_modules, *odd]
        return
    from peft.tuners.tuners_utils import check_target_module_exists

    if named := [name for name in odd if check_target_module_exists(config, name)]:
        raise PlanBError(
            f"the adapter targets {named[0]}, a {type(model.get_submodule(named[0])).__name__}, whose "
            "output is not its weight times its input: leave it out of target_modules, or adapt its "
            'weight by target_parameters=["' + ".".join(named[0].split(".")[-2:]) + '.weight"]'
        )


def _is_odd(module: Any) -> bool:
    """A subclass of ``Linear`` from a model's own code that computes something else (a router)."""
    import torch

    own = type(module)
    if not issubclass(own, torch.nn.Linear) or own.forward is torch.nn.Linear.forward:
        return False
    if not own.__module__.startswith("transformers.models.") or module.weight.is_meta:
        return False
    probe_NX = torch.ones(2, module.in_features, device=module.weight.device, dtype=module.weight.dtype)
    with torch.no_grad():
        expected_NY = torch.nn.functional.linear(probe_NX, module.weight, module.bias)
        try:
            found = module(probe_NX)
        except (RuntimeError, ValueError, TypeError, IndexError):
            return True
    return not (
        torch.is_tensor(found)
        and found.shape == expected_NY.shape
        and torch.allclose(found, expected_NY, rtol=1e-2, atol=1e-2)
    )


def _check_targets(model: PeftModel, keys: Sequence[str]) -> None:
    """Raise PlanBError if the newest adapter's configuration names a target that nothing is called:
    PEFT passes over it where another target is found."""
    name, config = list(model.peft_config.items())[-1]
    found = adapted(model, name)
    for key in keys:
        wanted = getattr(config, key, None)
        if not wanted or isinstance(wanted, str):
            continue
        missing = [t for t in sorted(wanted) if not any(f".{path}".endswith(f".{t}") for path in found)]
        if missing:
            there = sorted({path.split(".")[-1] for path in found})
            raise PlanBError(
                f"the adapter's {key} name {', '.join(missing)}, and the model has nothing of that "
                f"name that an adapter can be put on (it was put on {', '.join(there) or 'nothing'}). "
                "Take the names from model.named_modules() and model.named_parameters()."
            )


def _check_no_tied_part(model: PeftModel) -> None:
    """An adapter on one of two tied parts would reach the other when it is merged, and not before."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    base = model.get_base_model()
    parts = (base.get_input_embeddings(), base.get_output_embeddings())
    if parts[0].weight is parts[1].weight and any(isinstance(part, BaseTunerLayer) for part in parts):
        raise PlanBError(
            "the adapter targets the token embeddings or the head, and this model ties them: merging "
            'would change both. Use other targets, such as "all-linear".'
        )
