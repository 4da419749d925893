"""Which GPUs this machine shows, found without loading torch into this process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""What CUDA reads, once, to know which GPUs a process sees: numbers or UUIDs, with commas."""
_COUNT = "import torch; print(torch.cuda.device_count())"


def visible_gpus() -> tuple[str, ...]:
    """CUDA's names of the GPUs that a run may use: those that ``CUDA_VISIBLE_DEVICES`` lists (as CUDA
    reads it, an entry that is no device ends the list), or else all that torch finds."""
    listed = os.environ.get(VISIBLE)
    if listed is None:
        return tuple(str(place) for place in range(_counted()))
    found: list[str] = []
    for name in (part.strip() for part in listed.split(",")):
        if not name or name.startswith("-") or name in found:
            break
        found.append(name)
    return tuple(found)


@cache
def _counted() -> int:
    """How many GPUs torch finds: counted in a child process, and only where there may be one."""
    drivers = [*Path("/dev").glob("nvidia[0-9]*"), *Path("/dev").glob("kfd"), *Path("/dev").glob("dxg")]
    if not drivers and shutil.which("nvidia-smi") is None:
        return 0
    asked = subprocess.run([sys.executable, "-c", _COUNT], capture_output=True, text=True, check=False)
    counted = asked.stdout.strip()
    return int(counted) if asked.returncode == 0 and counted.isdigit() else 0
