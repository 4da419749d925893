"""A finished study's answers, labelled through the command line: the sheet, the labels, the page."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command import SMALL, Finished
from verbs import planb

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, finished: Finished) -> Path:
    """Where a copy of the finished study lies."""
    out = tmp_path_factory.mktemp("labelled") / "runs"
    shutil.copytree(finished.folder / "steps", out / "small" / "steps", copy_function=os.link)
    return out


def label(out: Path, *words: str) -> tuple[int, str]:
    return planb(out, "judge", "label", str(SMALL), "--out", str(out), *words)


def report(out: Path) -> Path:
    code, said = planb(out, "report", str(SMALL), "--out", str(out))
    assert code == 0, said
    return out / "small"


def test_labels_stand_beside_the_judges_means_and_leave_them_alone(out: Path) -> None:
    folder = report(out)
    plain = (folder / "results.csv").read_bytes()
    assert not (folder / "labelled.csv").exists()
    code, said = label(out, "--each", "3")
    assert code == 0, said
    sheet = folder / "labels" / "to_label.csv"
    assert f"--read {sheet}" in said
    rows = list(csv.DictReader(sheet.open(newline="")))
    assert f"{len(rows)} answers to label" in said
    assert {"log", "sample_id"} < rows[0].keys(), "harm's texts are not written out"
    for row in rows:
        row |= {"refused": "false", "usefulness": "10"}
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    code, said = label(out, "--read", str(sheet))
    assert code == 0, said
    assert f"{len(rows)} labels stored" in said
    folder = report(out)
    assert (folder / "results.csv").read_bytes() == plain
    powered = pd.read_csv(folder / "labelled.csv")
    assert len(powered) > 0
    assert "people" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_sheet_with_labels_is_not_written_over(out: Path) -> None:
    sheet = out / "small" / "labels" / "to_label.csv"
    before = sheet.read_bytes()
    code, said = label(out, "--each", "4")
    assert code != 0
    assert "perhaps with labels" in " ".join(said.split())
    assert sheet.read_bytes() == before
