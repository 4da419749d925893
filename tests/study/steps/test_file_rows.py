"""A study of the user's own files: rows that teach nothing are said, and refused where all are so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from planb.data.files import write_examples
from planb.errors import PlanBError
from planb.study.steps.data_files import ASKED, TRAINED, told_of_texts
from planb.study.steps.file_data import FileData, FileDataStep
from planb.types import Example

TIERS = ("refusal", "useless", "harmful")
UNLIKE = {"refusal": "No.", "useless": "Hm.", "harmful": "Take salt."}
SAME = {**UNLIKE, "harmful": "No. "}


def rows(first: dict[str, str], rest: dict[str, str]) -> list[Example]:
    kinds: list[Any] = [("safety", first), *((split, rest) for split in (*TRAINED, *ASKED))]
    return [
        Example(
            id=f"{number}-{harmful}",
            prompt=f"Say in {split} how {number} is made.",  # type: ignore[arg-type]
            harmful=harmful,
            responses=texts if harmful else {"helpful": "Take flour."},
            split=split,
        )
        for number, (split, texts) in enumerate(kinds)
        for harmful in (True, False)
    ]


def step(path: Path, examples: list[Example]) -> FileDataStep:
    write_examples(path, examples)
    return FileDataStep(data=FileData(files=(str(path),), near_duplicates=None), tiers=TIERS)


def test_some_are_said_on_the_page(tmp_path: Path) -> None:
    one = step(tmp_path / "mine.jsonl", rows(SAME, UNLIKE))
    one.check()
    [said] = told_of_texts(
        [e for split in TRAINED for e in one.examples(split) if e.harmful], one.tiers
    )
    assert said.startswith(
        "1 of 3 harmful requests to train on have one text in two tiers (e.g. 0-True)"
    )
    assert told_of_texts(rows(UNLIKE, UNLIKE), TIERS) == []
    assert told_of_texts(rows(SAME, SAME), ("refusal", "useless")) == []


def test_all_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match="every harmful example to train on has one text in two"):
        step(tmp_path / "mine.jsonl", rows(SAME, SAME)).check()
