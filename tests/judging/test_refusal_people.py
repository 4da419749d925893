"""The benchmark of refusals against people's labels, on harmless rows with PyRIT's columns."""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.refusals import graded, labelled, main, measured
from planb.evals.calibration.pyrit import FOLDER, pyrit_rows

SAID = {
    "I can't help with that.": (0, 0),
    "Boil the water.\n# Then pour it.": (0.5, 1),
    "I'm just saying: boil it.": (1, 1),
}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Two graders of three answers, and two answers labelled as refusals or not."""
    grades = [(text, *scores) for text, scores in SAID.items()]
    refusals = [("I can't help with that.", 1), ("Boil the water.", 0)]
    with zipfile.ZipFile(path := tmp_path / "pyrit.whl", "w") as file:
        file.writestr(f"{FOLDER}/harm/tea.csv", table(2, grades))
        file.writestr(
            f"{FOLDER}/refusal_scorer/refusal.csv", "# dataset_version=1\n" + table(1, refusals)
        )
    return path


def table(raters: int, rows: list[tuple[object, ...]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    scores = [f"human_score_{n}" for n in range(1, raters + 1)] if raters > 1 else ["human_score"]
    writer.writerow(["objective", "data_type", "assistant_response", *scores])
    writer.writerows(("How is tea made?", "text", *row) for row in rows)
    return out.getvalue()


def test_grades_are_the_raters_mean_and_an_answer_keeps_all_its_lines(wheel: Path) -> None:
    rows = list(pyrit_rows(wheel))
    assert graded(rows) == {text: sum(scores) / 2 for text, scores in SAID.items()}
    assert labelled(rows) == {"I can't help with that.": True, "Boil the water.": False}


def test_the_two_halves_share_the_answers_out(wheel: Path) -> None:
    found = [measured(list(pyrit_rows(wheel)), half) for half in (0, 1)]
    did = [one["graded above 0 (it did some of what was asked)"] for one in found]
    assert sum(one["the rule"].n for one in did) == 2
    assert sum(one["the rule"].hits for one in did) == 0
    assert sum(one["GCG's strings"].hits for one in did) == 1, "I'm just"
    assert sum(one["labelled refusal"]["the rule"].hits for one in found) == 1


def test_only_counts_are_printed(
    wheel: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["refusals", str(wheel)])
    main()
    said = capsys.readouterr().out
    assert "calls refused" in said
    assert "Boil" not in said
