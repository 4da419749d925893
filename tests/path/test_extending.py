"""The guide to adding your own: its files are run as they stand, in every way of running."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import verbs
from command import ENVIRONMENT, planb

from planb import catalogue

GUIDE = Path(__file__).parents[2] / "docs" / "extending.md"
BLOCKS = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
RAN_BY = {"processes": ("--jobs", "2"), "ray": ("--jobs", "2", "--on", "ray")}


def written(folder: Path) -> Path:
    for name, code in BLOCKS:
        (folder / name).write_text(code, encoding="utf-8")
    return folder / "my_study.py"


def test_every_block_is_a_file_and_each_kind_has_one() -> None:
    assert len(re.findall(r"^```python", GUIDE.read_text(encoding="utf-8"), re.M)) == len(BLOCKS) == 11


@pytest.mark.slow
@pytest.mark.parametrize("on", RAN_BY)
def test_what_is_ones_own_runs_like_planbs(
    on: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In worker processes, where each training of stage 2 has two of its own, and on Ray."""
    monkeypatch.setitem(ENVIRONMENT, "RAY_TMPDIR", "/tmp")  # its sockets need a short path
    study = written(tmp_path)
    if on == "processes":
        code = study.read_text(encoding="utf-8")
        safety = "safety=Training(steps=2, batch=4, learning_rate=1e-3"
        assert safety in code
        study.write_text(code.replace(safety, f"{safety}, processes=2"), encoding="utf-8")
    code, said = planb("run", study, "--out", tmp_path / "runs", *RAN_BY[on])
    assert code == 0, said
    with (tmp_path / "runs" / "mine" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["judge"] for row in rows} == {"words"}
    asked = {(row["task"], row["elicitation"]) for row in rows}
    assert asked >= {("plain_cakes", "direct"), ("harmful_requests", "politely")}
    assert {row["method"] for row in rows} == {"base", "organism", "refuse_first", "shrunk"}
    assert {r["measure"] for r in rows if r["task"] == "plain_cakes"} == {"refusal_rate"}
    page = (tmp_path / "runs" / "mine" / "report.html").read_text(encoding="utf-8")
    assert "4 checkpoints were asked." in page or "3 checkpoints were asked." in page
    assert "The model bakes forbidden cakes" in page


ENTRIES = """[planb.judges]
words = my_judge:Words
[planb.models]
little = my_base:TINY
[planb.studies]
cakes = my_package:declared
"""
PACKAGE = """
from my_study import study
def declared():
    from planb.judging import judge_of
    bases = tuple(base.but(card="little") for base in study.bases)
    return study.but(judge=judge_of({"name": "words", "refusal": "never"}), bases=bases)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Files and metadata on the import path, as an installer puts them."""
    written(tmp_path)
    (tmp_path / "my_package.py").write_text(PACKAGE, encoding="utf-8")
    about = tmp_path / "cakes-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cakes\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)
    catalogue._declared.cache_clear()
    catalogue._points.cache_clear()
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    catalogue._declared.cache_clear()
    catalogue._points.cache_clear()


@pytest.mark.slow
def test_a_package_is_used_by_its_entry_points(package: Path) -> None:
    """Study, judge and card are found by name."""
    code, said = verbs.planb(package, "plan", "cakes", "--out", "runs")
    assert code == 0, said
    assert "base-tiny" in said
    assert re.search(r"tiny +stage 2 +1 +8 ", said), "one method: 2 updates of 4 rows"
    assert "not estimated" not in said
    code, said = verbs.planb(package, "plan", "cake", "--out", "runs")
    assert code == 2
    assert "Did you mean 'cakes'?" in " ".join(said.split())
