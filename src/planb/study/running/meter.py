"""What a step spends while it runs: seconds of processors, and memory at its peak."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from planb.study.store.manifest import Spent

_PEAK, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Meter:
    """Begins to count when it is made. A worker runs one step after another, so what the last one took
    at its peak is forgotten first (on Linux; elsewhere the peak is not known)."""

    def __init__(self) -> None:
        self.before, self.counts_memory = _seconds(), False
        with suppress(OSError):
            _RESET.write_text("5")
            self.counts_memory = True
        if (torch := _on_gpu()) is not None:
            torch.cuda.reset_peak_memory_stats()

    def spent(self) -> Spent:
        """Since it was made: by this process, and seconds also by those that it started and that ended.
        On a GPU memory is the GPU's."""
        if (torch := _on_gpu()) is not None:
            memory = int(torch.cuda.max_memory_allocated())
        else:
            memory = _peak() if self.counts_memory else 0
        return Spent(round(_seconds() - self.before, 3), memory)


def _seconds() -> float:
    return sum(os.times()[:4])


def _on_gpu() -> Any:
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None


def _peak() -> int:
    """Bytes; 0 where it is not known."""
    with suppress(OSError, ValueError, IndexError):
        for line in _PEAK.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 0
