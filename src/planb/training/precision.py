"""The precision a training runs in: decided by the settings and by the device, never by a clock.

A probe that times two products decided this once. Under load it gave another answer, so the same study
trained in another precision under the same identity. Whether 16 bits pay is the user's to measure.
"""

from __future__ import annotations

import logging

import torch

from planb.errors import PlanBError
from planb.training.settings import Precision

FP32, BF16 = "fp32", "bf16 (autocast)"
"""How a finished training says what it ran in."""

log = logging.getLogger(__name__)


def uses_bf16(precision: Precision) -> bool:
    """Whether to train with bf16 autocast on this machine.

    ``bf16`` is bf16 on every device, ``auto`` is bf16 on a GPU that has it and fp32 elsewhere.
    Raises PlanBError where bf16 is set and the GPU has none.
    """
    if precision == "fp32":
        return False
    if torch.cuda.is_available():
        has = bool(torch.cuda.is_bf16_supported(including_emulation=False))
        if precision == "bf16" and not has:
            raise PlanBError("this GPU cannot compute in bf16: use precision='auto' or 'fp32'")
        return has
    if precision == "auto":
        return False
    if not has_cpu_bf16():
        log.warning(
            "this processor has no bf16 instructions, so bf16 is emulated and may be many times slower "
            "than fp32: precision='auto' is fp32 on a CPU"
        )
    return True


def has_cpu_bf16() -> bool:
    """Whether oneDNN, which multiplies bf16 matrices for PyTorch, does so on this processor."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def ran_in(bf16: bool) -> str:
    """The precision in words."""
    return BF16 if bf16 else FP32
