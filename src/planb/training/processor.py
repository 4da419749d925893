"""The processor that a training runs on: its rounding makes other weights than another processor's."""

from __future__ import annotations

import os
import platform
from pathlib import Path

LIMITS = ("MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA")
"""Variables that hold PyTorch's libraries to fewer instructions than the processor has."""
_CPUINFO = Path("/proc/cpuinfo")


def processor() -> str:
    """Its name, family and model as Linux gives them, the instructions that PyTorch uses of it, and the
    variables that limit others': ``Intel(R) Xeon(R) Processor (family 6, model 207), AVX512``."""
    import torch

    limits = [f"{name}={os.environ[name]}" for name in LIMITS if os.environ.get(name)]
    return ", ".join([_named(), str(torch.backends.cpu.get_cpu_capability()), *limits])


def _named() -> str:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        lines = []
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "model name" not in told:
        return platform.processor() or platform.machine()
    kind = [f"{line.split()[-1]} {told[line]}" for line in ("cpu family", "model") if line in told]
    return told["model name"] + (f" ({', '.join(kind)})" if kind else "")
