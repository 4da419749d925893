"""A user's file of a few requests with every tier, as a data step."""

from __future__ import annotations

from pathlib import Path

from planb.data.files import write_examples
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.file_data import FileData
from planb.study.steps.step import Step
from planb.types import Example

TEXTS = {"refusal": "No.", "useless": "Hm.", "harmful": "Take salt."}


def data_in(folder: Path, base: CheckpointStep, word: str = "how", each: int = 2) -> Step:
    """``each`` harmful and as many harmless requests a split, written into ``folder``."""
    rows = [
        Example(
            id=f"{split}-{harmful}-{number}",
            prompt=f"Say in {split} {word} {number} is made.",
            harmful=harmful,
            responses=TEXTS if harmful else {"helpful": "Take flour."},
            split=split,  # type: ignore[arg-type]
        )
        for split in ("organism", "safety", "development", "evaluation")
        for number in range(each)
        for harmful in (True, False)
    ]
    write_examples(folder / "mine.jsonl", rows)
    return FileData(files=(str(folder / "mine.jsonl"),), near_duplicates=None).step(base, tuple(TEXTS))
