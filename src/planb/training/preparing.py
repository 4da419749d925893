"""What is done to a model, its tokenizer and the arguments before a trainer gets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import TrainingArguments

from planb.errors import PlanBError
from planb.training.arguments import MOVED, REFUSED, refuse_arguments
from planb.training.config import RankedPreferenceConfig
from planb.training.layout import adopt, choose
from planb.training.rows import Row
from planb.training.scoring import Way, causal_lm


def with_defaults(args: TrainingArguments | None) -> RankedPreferenceConfig:
    """The arguments as ours; plain ``TrainingArguments`` take our defaults for the rest. Raises
    PlanBError for what would be ignored (``arguments``)."""
    args = _ours(args)
    refuse_arguments(args)
    return args


def _ours(args: TrainingArguments | None) -> RankedPreferenceConfig:
    if isinstance(args, RankedPreferenceConfig):
        return args
    if args is None:
        return RankedPreferenceConfig(output_dir="ranked-preference")
    if not isinstance(args, TrainingArguments):
        raise PlanBError(f"args is a {type(args).__name__}: give the trainer a RankedPreferenceConfig")
    given = {f.name: getattr(args, f.name) for f in fields(args) if f.init}
    unknown = sorted(given.keys() - {f.name for f in fields(RankedPreferenceConfig)})
    if unknown:
        where = "".join(f"\n  {name}: {MOVED[name]}" for name in unknown if name in MOVED)
        raise PlanBError(
            f"{type(args).__name__} has settings that this trainer does not know "
            f"({', '.join(unknown)}): give it a RankedPreferenceConfig{where}"
        )
    return RankedPreferenceConfig(**given)


def loaded(name: str, tokenizer: Any) -> tuple[Any, Any]:
    """The model and the tokenizer of a checkpoint folder, a model's folder or a hub id."""
    from planb.models.checkpoints import load_policy, resolve_model

    policy = load_policy(resolve_model(name))
    return policy.model, tokenizer or policy.tokenizer


def refuse_shards(model: Any) -> None:
    """Raise PlanBError for a model that is already sharded. Before training one process tries the
    model out alone, and each finds its share of the reference's numbers; a model whose every forward
    is common to all processes would hang there."""
    if any(isinstance(weight, DTensor) for weight in model.parameters()):
        raise PlanBError(
            "the model is in shards since it was loaded (distributed_config). Load it whole, and let "
            "`accelerate launch --use_fsdp --fsdp_version 2` shard it"
        )


def refuse_cut_rows(accelerator: Any) -> None:
    """Raise PlanBError for tensor, context or sequence parallelism, which ``accelerate launch`` may ask
    for without a ``parallelism_config``."""
    config = getattr(accelerator, "parallelism_config", None)
    if config is not None and (config.tp_enabled or config.cp_enabled or config.sp_enabled):
        raise PlanBError(
            f"accelerate's parallelism_config is not supported: {REFUSED['parallelism_config']}"
        )


def refuse_split_model(trainer: Any) -> None:
    """Raise PlanBError where a process does not hold the whole model: a look inside it makes forward
    passes of its own, which would wait for the other processes for ever."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise PlanBError(
            f"{type(trainer.objective).__name__} looks inside the model, and FSDP and DeepSpeed spread "
            "the model over processes: train with parallel='ddp', or in one process"
        )


def keep_precision(plugin: Any) -> None:
    """Keep a model's outputs in fp32 under FSDP2. accelerate has FSDP2 round a model's outputs to
    the 16 bits of mixed precision; log-probabilities are summed over a response, and stay in 32."""
    if getattr(plugin.mixed_precision_policy, "output_dtype", None) is not None:
        plugin.mixed_precision_policy = replace(plugin.mixed_precision_policy, output_dtype=None)


def refuse_adaptive_ranks(model: Any) -> None:
    """Raise PlanBError for AdaLoRA: half of it stands in the training loop."""
    from peft import PeftType

    if any(one.peft_type == PeftType.ADALORA for one in getattr(model, "peft_config", {}).values()):
        raise PlanBError(
            "AdaLoRA's orthogonality loss and its call after each update are no part of this training, "
            "so its ranks would stay as they start: use LoraConfig"
        )


def disable_dropout(model: Any) -> None:
    """Set every dropout to 0: policy and reference must be the same before step 1, and responses share
    their prompt.

    Adapters drop in ways of their own: LoHa and LoKr keep a number for each adapter
    (``module_dropout``, ``rank_dropout``), OFT and BOFT have a layer that is no ``torch.nn.Dropout``.
    """
    own = causal_lm(model).config
    for holder in (*model.modules(), own, own.get_text_config()):  # Falcon reads its configuration
        dropout_layer = isinstance(holder, torch.nn.Module) and "Dropout" in type(holder).__name__
        for name, value in vars(holder).items():
            if not ("drop" in name or (dropout_layer and name == "p")):
                continue
            if isinstance(value, float):
                setattr(holder, name, 0.0)
            elif isinstance(value, dict):
                value.update({k: 0.0 for k, v in value.items() if isinstance(v, float)})


def padding(tokenizer: Any) -> int:
    """The id that fills up shorter sequences; masked, so any will do."""
    for found in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if found is not None:
            return int(found)
    raise PlanBError(
        "the tokenizer has neither a padding token nor an end token (pad_token, eos_token)"
    )


def agreed_way(model: Any, rows: Sequence[Row], pad: int, layout: str, accelerator: Any) -> Way:
    """How rows are run. The first process decides, and all do the same."""
    from accelerate.utils import broadcast_object_list
    from transformers.integrations import is_deepspeed_zero3_enabled

    if is_deepspeed_zero3_enabled():
        return Way("separate", why="DeepSpeed ZeRO-3 has no whole weights to check with")
    found: Any = None
    if accelerator.is_main_process:
        try:
            wanted = None if layout == "auto" else layout
            found = choose(model, rows, pad, wanted, accelerator.autocast)  # type: ignore[arg-type]
        except PlanBError as error:
            found = error
    way: Way | PlanBError = broadcast_object_list([found])[0]
    if isinstance(way, PlanBError):
        raise way
    adopt(model, way)
    return way
