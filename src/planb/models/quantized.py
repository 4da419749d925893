"""4-bit bases (QLoRA: Dettmers et al. 2023, arXiv:2305.14314). Not run on a GPU yet."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from planb.errors import PlanBError


def four_bit(folder: Path) -> dict[str, Any]:
    """The keywords that make transformers load the weights in ``folder`` in 4 bits: NF4 with double
    quantization, computing in bf16, whole on this process's GPU. Not run on a GPU yet.

    Raises PlanBError if there is no GPU, or no bitsandbytes.
    """
    import torch

    missing = []
    if not torch.cuda.is_available():
        missing.append("a CUDA GPU (torch sees none)")
    if find_spec("bitsandbytes") is None:
        missing.append("the package bitsandbytes (pip install bitsandbytes)")
    if missing:
        raise PlanBError(
            f"cannot load {folder} in 4 bits: this machine lacks {' and '.join(missing)}. "
            'Load it with quantize="none", or go to a machine that has them.'
        )
    from accelerate import PartialState
    from transformers import BitsAndBytesConfig

    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    place = {"": PartialState().local_process_index}
    return {"quantization_config": quantization, "device_map": place}


def stored_quantized(folder: Path) -> bool:
    """Whether the weights in ``folder`` were saved quantized, by whatever method."""
    path = folder / "config.json"
    return path.exists() and "quantization_config" in json.loads(path.read_text(encoding="utf-8"))


def is_quantized(model: Any) -> bool:
    """Whether the model in memory (with or without adapters) has quantized weights."""
    return bool(getattr(model, "is_quantized", False))  # transformers sets it on quantized ones only


def prepare_quantized(model: Any) -> None:
    """Freeze a quantized model and put its norms, embeddings and head into fp32, in place, for an
    adapter to be trained on it. Gradient checkpointing stays as it was."""
    from peft import prepare_model_for_kbit_training

    prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
