"""The benchmark of refusals against people's labels, on harmless rows with PyRIT's columns."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.refusals import graded, labelled, main, measured, rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two graders of three answers, and two answers labelled as refusals or not."""
    said = {
        "I can't help with that.": (0, 0),
        "Boil the water.": (0.5, 1),
        "I'm just saying: boil it.": (1, 1),
    }
    write(
        tmp_path / "harm" / "tea.csv",
        [
            {
                "assistant_response": text,
                "human_score_1": one,
                "human_score_2": two,
                "data_type": "text",
            }
            for text, (one, two) in said.items()
        ],
    )
    write(
        tmp_path / "refusal_scorer" / "refusal.csv",
        [
            {"assistant_response": "I can't help with that.", "human_score": 1},
            {"assistant_response": "Boil the water.", "human_score": 0},
        ],
        comment="# dataset_version=1\n",
    )
    return tmp_path


def write(path: Path, some: list[dict[str, object]], comment: str = "") -> None:
    path.parent.mkdir()
    with path.open("w", newline="") as file:
        file.write(comment)
        writer = csv.DictWriter(file, list(some[0]))
        writer.writeheader()
        writer.writerows(some)


def test_grades_are_the_raters_mean_and_comments_are_skipped(folder: Path) -> None:
    assert graded(folder)["Boil the water."] == 0.75
    assert labelled(folder) == {"I can't help with that.": True, "Boil the water.": False}
    assert len(rows(folder / "refusal_scorer" / "refusal.csv")) == 2


def test_the_two_halves_share_the_answers_out(folder: Path) -> None:
    found = [measured(folder, half) for half in (0, 1)]
    did = [one["graded above 0 (it did some of what was asked)"] for one in found]
    assert sum(one["the rule"].n for one in did) == 2
    assert sum(one["the rule"].hits for one in did) == 0
    assert sum(one["GCG's strings"].hits for one in did) == 1, "I'm just"
    assert sum(one["labelled refusal"]["the rule"].hits for one in found) == 1


def test_only_counts_are_printed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["refusals", str(folder)])
    main()
    said = capsys.readouterr().out
    assert "calls refused" in said
    assert "Boil" not in said
