"""The data of a study: requests with tiered responses, split by group, written once as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from planb.data.files import read_examples
from planb.data.splitting import SplitReport
from planb.types import Example

TRAINED = ("organism", "safety")
ASKED = ("development", "evaluation")
TOLD = "told.json"
"""What the report says of how the data came about: a list of sentences."""
DEFAULT_SHARES = {"organism": 0.35, "safety": 0.35, "development": 0.1, "evaluation": 0.2}


def told_of_splits(report: SplitReport) -> list[str]:
    """What became of near-duplicates, as sentences for the report."""
    return [
        f"{one.requests} requests of {one.source or 'your files'} dropped from "
        f"{one.split or 'what was to be split'}: {one.reason}"
        for one in report.dropped
    ] or ["no request to train on was a near-duplicate of an evaluated one"]


def told_of_texts(examples: Sequence[Example], tiers: Sequence[str]) -> list[str]:
    """How many examples have one text in two tiers, as a sentence for the report; [] if none has."""
    doubled = [example for example in examples if example.shared_texts(tiers)]
    if not doubled:
        return []
    return [
        f"{len(doubled)} of {len(examples)} harmful requests to train on have one text in two tiers "
        f"(e.g. {doubled[0].id}): pairs of a text over itself, or in both directions, are not trained"
    ]


def tell(folder: Path, lines: Sequence[str]) -> None:
    """Leave what the report is to say of the data."""
    (folder / TOLD).write_text(json.dumps(list(lines), indent=1), encoding="utf-8")


def told(folder: Path) -> list[str]:
    """What a data step has left for the report."""
    lines: list[str] = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    return lines


def benchmark_file(split: str, benchmark: str) -> str:
    """The name of the file that a benchmark's rows of a split stand in."""
    return f"{split}-{benchmark}.jsonl"


def harmful_and_harmless(folder: Path, split: str) -> tuple[list[Example], list[Example]]:
    """The examples of a split, apart."""
    examples = read_examples(folder / f"{split}.jsonl")
    return [e for e in examples if e.harmful], [e for e in examples if not e.harmful]
