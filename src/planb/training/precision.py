"""Whether 16 bits pay. On a GPU they do; a CPU may have no instructions for them and be slower."""

from __future__ import annotations

import logging
import time
from functools import lru_cache

import torch

from planb.training.settings import Precision

PAYS = 1.2
"""bf16 is used on a CPU if it is so many times faster: less is not worth 1 % error of the gradients."""
SIZE, REPEATS = 512, 5

log = logging.getLogger(__name__)


def uses_bf16(precision: Precision) -> bool:
    """Whether to train with bf16 autocast here and now."""
    if precision == "fp32":
        return False
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    if precision == "auto":
        return False
    gain = cpu_gain()
    if gain < PAYS:
        log.warning(
            "bf16 is %.2f times as fast as fp32 on this CPU, which does not pay: fp32 is used", gain
        )
    return gain >= PAYS


@lru_cache(maxsize=1)
def cpu_gain() -> float:
    """Time of an fp32 matrix product / time of the same in bf16 (some milliseconds to measure)."""
    return _seconds(torch.float32) / _seconds(torch.bfloat16)


def _seconds(dtype: torch.dtype) -> float:
    one = torch.ones(SIZE, SIZE, dtype=dtype)
    found = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        torch.mm(one, one)
        found.append(time.perf_counter() - started)
    return min(found[1:])
