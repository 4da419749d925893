"""Peak memory of a contestant's step over the memory with its models loaded, in a process of its own.

The processes are forked from a server that has only imported the libraries. Blocks from 256 KiB are
mapped one by one and given back when freed, so the peak is of memory in use, and not of what the
allocator keeps for later or lost to gaps.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
M_MMAP_THRESHOLD = -3  # of glibc's mallopt
Call = tuple[str, int, str, str, int, int | None]
"""Size, K, ratio, contestant, examples, and how many of its units go into the call (None: all)."""


class Bench:
    """Children that measure one contestant each. A context: the fork server starts at the first."""

    def __init__(self) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["benchmarks.contestants"])

    def peaks(self, calls: Sequence[Call], tell: Callable[[str], None]) -> list[float]:
        """MiB of each, two processes at a time where there are two cores."""
        with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
            found = []
            for call, peak in zip(calls, pool.map(self._peak, calls), strict=True):
                tell(f"peak memory of {call[3]}, K={call[1]}, {call[2]}")
                found.append(peak)
        return found

    def _peak(self, call: Call) -> float:
        here, there = self.context.Pipe(duplex=False)
        child = self.context.Process(target=_child, args=(there, call))
        child.start()
        there.close()
        try:
            return float(here.recv())
        except EOFError:
            raise RuntimeError(f"measuring the memory of {call[3]} failed, see above") from None
        finally:
            child.join()


def _child(out: Connection, call: Call) -> None:
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 2**18)
    from benchmarks.cases import SIZES, case
    from benchmarks.contestants import Field

    size, K, ratio, name, examples, micro = call
    torch.set_num_threads(1)
    contestant = Field(case(SIZES[size], K, ratio, examples)).contestant(name, micro)
    out.send(peak(lambda: contestant.step(0)))


def peak(step: Callable[[], object]) -> float:
    """MiB of resident memory that ``step`` needs at most over what is resident before it."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what loading left free is not there to be used
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak is from here on
    before = _status("VmRSS")
    step()
    high = max(_status("VmHWM"), 0) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return high - before


def _status(name: str) -> float:
    """A line of the process's status, in MiB; 0 where the system has no such file."""
    if not STATUS.exists():
        return 0.0
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024
