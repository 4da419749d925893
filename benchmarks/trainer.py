"""The trainer against its peers: what the same examples cost, in CPU seconds and in memory.

A ratio is a baseline's cost over that of packed rows, for the same examples with the same loss. TRL is
timed on batches of pairs and charged for each example's K(K-1)/2 of them: its cost of a pair does not
depend on the ordering that the pair is from. All K of a size and ratio are measured in one race.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import ours, peers, work
from benchmarks.cases import Size, case
from benchmarks.contestant import Contestant
from benchmarks.contestants import Field
from benchmarks.measure import Cost, fastest, race
from benchmarks.memory import Bench

COLUMNS = ("size", "K", "ratio", "baseline", "cost_ratio", "memory_ratio", "matmul_share")
STEP_COLUMNS = (
    "size", "K", "ratio", "contestant", "examples", "pairs", "sequences", "tokens", "calls",
    "cpu_seconds", "needed_gflop", "executed_linear_over_needed", "sgemm_gflop_per_second",
    "memory_examples", "peak_mib",
)  # fmt: skip
BASELINES = {
    "trl-orpo": "packed",
    "trl-dpo": "packed-dpo",
    "trl-dpo-precomputed": "packed-dpo",
    "separate": "packed",
    "packed": "packed",
}
"""Each with what it is divided by: packed rows under the same loss."""
MICRO_BATCHES = (1, 2, 4, 8)
Tell = Callable[[str], None]
Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """A contestant on a case, per batch of the case's examples."""

    contestant: Contestant
    field: Field
    cost: Cost
    sgemm: float

    @property
    def scale(self) -> float:
        """Calls of ``training_step`` that the case's batch takes."""
        return len(self.field.case.pairs) / len(self.contestant.parts[0].pairs)

    @property
    def seconds(self) -> float:
        return self.cost.seconds * self.scale

    @property
    def matmul_share(self) -> float:
        return work.needed(self.contestant, self.contestant.parts[0]) / self.cost.seconds / self.sgemm


def micro_batch(size: Size, K: int, rounds: int, tell: Tell) -> int:
    """Pairs in a batch of TRL's ORPO at which a pair is cheapest; all its trainers are given this."""
    field = Field(case(size, K, "1:1"))
    sizes = [pairs for pairs in MICRO_BATCHES if pairs <= len(field.case.pairs)]
    tried = [field.contestant("trl-orpo", pairs) for pairs in sizes]
    return fastest(tried, rounds, field.check, tell)


def cells(
    size: Size, ratio: str, orders: Sequence[int], rounds: int, micro: int, tell: Tell
) -> list[Cell]:
    """All contestants on orderings of these numbers of tiers."""
    fields = {K: Field(case(size, K, ratio)) for K in orders}
    widest = fields[max(orders)]
    contestants = {f"{name} K={K}": fields[K].contestant(name) for K in orders for name in ours.NAMES}
    contestants |= {name: widest.contestant(name, micro) for name in peers.NAMES}

    def check(contestant: Contestant, part: int, found: dict[str, float]) -> None:
        fields[contestant.case.K].check(contestant, part, found)

    costs, sgemm = race(contestants, rounds, check, tell)
    return [
        Cell(contestants[key], fields[K], costs[key], sgemm)
        for K in orders
        for key in (*peers.NAMES, *(f"{name} K={K}" for name in ours.NAMES))
    ]


Peaks = dict[tuple[int, str, str], float]


def peaks(
    bench: Bench, size: Size, ratios: Sequence[str], orders: Sequence[int], examples: int, tell: Tell
) -> Peaks:
    """MiB by K, ratio and contestant, for a batch of so many examples at once. TRL's sequences are as
    long at every ratio and its heads run at every place, so it is measured at the first one. Packed
    rows are measured under ORPO; DPO's few numbers more are nothing."""
    found: Peaks = {}
    for K in orders:
        for name in peers.NAMES:
            peak = bench.peak(size.name, K, ratios[0], name, examples, None)
            found |= {(K, ratio, name): peak for ratio in ratios}
            tell(f"peak memory of {name}, K={K}")
        for ratio in ratios:
            for name in ("separate", "packed"):
                found[K, ratio, name] = bench.peak(size.name, K, ratio, name, examples, None)
            found[K, ratio, "packed-dpo"] = found[K, ratio, "packed"]
            tell(f"peak memory of separate and packed, K={K}, {ratio}")
    return found


def rows(found: Sequence[Cell], memory: Peaks) -> list[Row]:
    """Of ``trainer.csv``: one for each baseline, and for packed rows themselves."""
    by_name = {(cell.field.case.K, cell.contestant.name): cell for cell in found}
    result = []
    for (K, name), cell in by_name.items():
        if name not in BASELINES:
            continue
        ratio, packed = cell.field.case.ratio, by_name[K, BASELINES[name]]
        values = (
            cell.field.case.size.name,
            K,
            ratio,
            name,
            f"{cell.seconds / packed.seconds:.2f}",
            f"{memory[K, ratio, name] / memory[K, ratio, BASELINES[name]]:.2f}",
            f"{cell.matmul_share:.2f}",
        )
        result.append(dict(zip(COLUMNS, values, strict=True)))
    return result


def step_rows(found: Sequence[Cell], memory: Peaks, memory_examples: int) -> list[Row]:
    """Of ``steps.csv``: what the ratios were made of."""
    result = []
    for cell in found:
        the, part = cell.field.case, cell.contestant.parts[0]
        values = (
            the.size.name,
            the.K,
            the.ratio,
            cell.contestant.name,
            len(the.prompts),
            len(the.pairs),
            round(len(part.sequences) * cell.scale),
            round(part.width * cell.scale),
            f"{cell.scale:g}",
            f"{cell.seconds:.4f}",
            f"{work.needed(cell.contestant, part) * cell.scale / 1e9:.2f}",
            f"{cell.cost.executed / work.linear(cell.contestant, part):.3f}",
            f"{cell.sgemm / 1e9:.1f}",
            memory_examples,
            f"{memory[the.K, the.ratio, cell.contestant.name]:.1f}",
        )
        result.append(dict(zip(STEP_COLUMNS, values, strict=True)))
    return result
