"""Memory where the vocabulary is large: a head that builds every logit against one that does not.

A trainer may always split its batch. So the peak is also given for the smallest call that each can
make: TRL's of one pair, ours of one example with all its responses.
"""

from __future__ import annotations

from typing import Any

from benchmarks import peers
from benchmarks.cases import Size
from benchmarks.memory import Bench
from benchmarks.trainer import Peaks, Tell

COLUMNS = (
    "size",
    "K",
    "ratio",
    "contestant",
    "peak_mib",
    "relative",
    "smallest_call",
    "smallest_peak_mib",
)


def rows(
    bench: Bench, size: Size, K: int, ratio: str, memory: Peaks, tell: Tell
) -> list[dict[str, Any]]:
    """Rows of ``memory.csv``, for the batch whose peaks are in ``memory``."""
    names, found = (*peers.NAMES, "separate", "packed"), []
    calls = [(size.name, K, ratio, name, size.examples, 1) for name in names]
    for name, smallest in zip(names, bench.peaks(calls, tell), strict=True):
        values = (
            size.name,
            K,
            ratio,
            name,
            f"{memory[K, ratio, name]:.0f}",
            f"{memory[K, ratio, name] / memory[K, ratio, 'packed']:.2f}",
            "one pair" if name in peers.NAMES else "one example",
            f"{smallest:.0f}",
        )
        found.append(dict(zip(COLUMNS, values, strict=True)))
    return found
