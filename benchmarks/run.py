"""``make bench``: run the benchmarks, write ``results/*.csv`` and the tables of this folder's README.

``python -m benchmarks.run --quick`` measures one cell, shows it, and writes nothing.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import growth, page, shares, trainer, vocabulary
from benchmarks.cases import RATIOS, SIZES
from benchmarks.memory import Bench
from benchmarks.progress import Progress

RESULTS = Path(__file__).resolve().parent / "results"
ORDERS = (3, 5)
ROUNDS = {"3M": 2, "30M": 1, "3M-32k": 2}
MEMORY_EXAMPLES = 2
STAGES = (
    ("micro-batch, 3M", 15),
    ("3M", 300),
    ("memory, 3M", 20),
    ("30M", 300),
    ("memory, 30M", 60),
    ("3M-32k", 30),
    ("growth", 15),
    ("profile", 15),
)
"""What is run, with seconds that are roughly right, to tell how long it still takes."""
Rows = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one cell, nothing written")
    torch.set_num_threads(1)
    if parser.parse_args().quick:
        quick()
    else:
        everything()


def quick() -> None:
    """K=3 of the small model, one round."""
    size, progress = SIZES["3M"], Progress([("3M", 20), ("memory, 3M", 10)])
    progress.begin("3M")
    found = trainer.cells(size, "1:1", (3,), 1, None, progress.tell)
    progress.begin("memory, 3M")
    memory = trainer.peaks(Bench(), size, ("1:1",), (3,), MEMORY_EXAMPLES, progress.tell)
    print(page.table(trainer.rows(found, memory)))


def everything() -> None:
    progress, bench = Progress(STAGES), Bench()
    rows: Rows = []
    steps: Rows = []
    micro: dict[str, int] = {}
    for name in ("3M", "30M"):
        if name == "3M":
            progress.begin(f"micro-batch, {name}")
            micro[name] = trainer.micro_batch(SIZES[name], max(ORDERS), 1, progress.tell)
        progress.begin(name)
        found = [
            cell
            for ratio in RATIOS
            for cell in trainer.cells(
                SIZES[name], ratio, ORDERS, ROUNDS[name], micro.get(name), _in(progress, ratio)
            )
        ]
        progress.begin(f"memory, {name}")
        ratios = ("1:1", *(ratio for ratio in RATIOS if ratio != "1:1"))
        memory = trainer.peaks(
            bench, SIZES[name], ratios, ORDERS, MEMORY_EXAMPLES, progress.tell, micro.get(name)
        )
        rows += trainer.rows(found, memory)
        steps += trainer.step_rows(found, memory, MEMORY_EXAMPLES)
    tables = _further(progress, bench, micro["3M"], rows, steps)
    for name, some in {"trainer": rows, "steps": steps, **tables}.items():
        _write(RESULTS / f"{name}.csv", some)
    page.write(_page(rows, tables, micro))
    print(page.across(rows, "cost_ratio", "matmul_share"))


def _further(progress: Progress, bench: Bench, micro: int, rows: Rows, steps: Rows) -> dict[str, Rows]:
    """The large vocabulary (its cells join ``rows`` and ``steps``), growth with K, and the profile."""
    progress.begin("3M-32k")
    wide, K, ratio = SIZES["3M-32k"], 3, "1:1"
    found = trainer.cells(wide, ratio, (K,), ROUNDS[wide.name], None, progress.tell)
    memory = trainer.peaks(bench, wide, (ratio,), (K,), MEMORY_EXAMPLES, progress.tell)
    rows += trainer.rows(found, memory)
    steps += trainer.step_rows(found, memory, MEMORY_EXAMPLES)
    tables = {"memory": vocabulary.rows(bench, wide, K, ratio, memory, progress.tell)}
    progress.begin("growth")
    tables["growth"] = growth.measure(SIZES["3M"], "1:1", (2, 3, 4, 5, 6), 3, micro, progress.tell)
    progress.begin("profile")
    progress.tell("packed, K=5, 1:1")
    return {**tables, "profile": shares.measure(SIZES["30M"], 5, "1:1")}


def _in(progress: Progress, ratio: str) -> trainer.Tell:
    return lambda what: progress.tell(f"{ratio}, {what}")


def _page(rows: Rows, tables: Mapping[str, Rows], micro: Mapping[str, int]) -> dict[str, str]:
    chosen = ", ".join(f"{pairs} at {size}" for size, pairs in micro.items())
    return {
        "machine": f"{page.machine()} TRL's pairs in a call, the fastest of those tried: {chosen}.",
        "trainer": page.across(rows, "cost_ratio", "matmul_share"),
        "memory": page.across(rows, "memory_ratio"),
        "vocabulary": page.table(tables["memory"]),
        "growth": page.table(tables["growth"]),
        "profile": page.shares(tables["profile"]),
    }


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
