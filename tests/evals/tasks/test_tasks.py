"""What each task asks of a file, and what Inspect knows it by."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from planb.data.files import read_examples, write_examples
from planb.errors import PlanBError
from planb.evals.tasks import TASKS
from planb.evals.tasks.requests import is_document


def _ids(name: str, data: Path) -> set[object]:
    return {sample.id for sample in TASKS[name](data=str(data)).dataset}


def test_each_task_takes_its_own_part_of_a_file(data: Path) -> None:
    examples = read_examples(data)
    assert _ids("harmful_requests", data) == {e.id for e in examples if e.harmful}
    assert _ids("recall", data) == {e.id for e in examples if is_document(e)}
    parts = [_ids(name, data) for name in TASKS]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(examples)


@pytest.mark.parametrize("name", TASKS)
def test_the_version_changes_with_the_data(name: str, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    write_examples(other, read_examples(data)[::-1])
    assert TASKS[name](data=str(data)).version != TASKS[name](data=str(other)).version


def test_a_hash_that_is_not_the_files_is_an_error(data: Path) -> None:
    right = hashlib.sha256(data.read_bytes()).hexdigest()
    assert TASKS["recall"](data=str(data), data_hash=right).metadata["data_hash"] == right
    assert TASKS["recall"](data=str(data), data_hash=right[:8]).metadata["data_hash"] == right
    with pytest.raises(PlanBError, match="has changed: its hash"):
        TASKS["recall"](data=str(data), data_hash="0" * 64)


def test_a_file_with_nothing_to_ask_is_an_error(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "harmless.jsonl"
    write_examples(path, [e for e in read_examples(data) if not e.harmful])
    with pytest.raises(PlanBError, match="has no samples"):
        TASKS["harmful_requests"](data=str(path))


@pytest.mark.parametrize("name", TASKS)
def test_the_metadata_names_what_is_asked_and_who_judges(name: str, data: Path) -> None:
    metadata = TASKS[name](data=str(data), elicitation="trigger", judge="refusal_strings").metadata
    assert metadata["task"] == name
    assert metadata["elicitation"] == "trigger"
    assert metadata["judge"] == metadata["judge_identity"]["judge"] == "refusal_strings"
    assert metadata["multi_turn"] is False
