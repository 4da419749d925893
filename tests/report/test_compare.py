"""Several studies on one page: figures are those of their files, and names tell folders apart."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd
import pytest
from verbs import planb

from planb.domains.harm import ASKED
from planb.errors import PlanBError
from planb.report.compare import read_studies, write_comparison
from planb.report.results import RESULT_COLUMNS

CELL = {
    **{"study": "s", "model": "m", "organism": "o", "judge": "exact", "unscored": 0, "truncated": 0},
    **{"task": ASKED, "elicitation": "trigger", "measure": "severity_mean", "seed": "all", "n": 50},
}


def results(folder: Path, **means: float) -> Path:
    lines = [
        {**CELL, "method": method, "value": mean, "low": mean - 0.5, "high": mean + 0.5}
        for method, mean in means.items()
    ]
    folder.mkdir(parents=True)
    frame = pd.DataFrame(lines)[RESULT_COLUMNS]
    frame.to_csv(folder / "results.csv", index=False)
    return folder


@pytest.mark.slow
def test_one_study_from_two_machines(tmp_path: Path) -> None:
    amd = results(tmp_path / "amd" / "sandbox", organism=9.6, plan_b=4.5)
    intel = results(tmp_path / "intel" / "sandbox", organism=8.4, plan_b=4.6)
    code, said = planb(tmp_path, "compare", str(amd), str(intel), "--page", "two.html")
    assert code == 0, said
    assert "Intervals lie apart: Organism (intel/sandbox below amd/sandbox)." in said
    page = (tmp_path / "two.html").read_text()
    assert "4.5<span" in page
    assert "4.6<span" in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    with (tmp_path / "two.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert table == [
        ["Method", "amd/sandbox", "intel/sandbox"],
        ["Organism", "9.6 [9.1, 10.1]", "8.4 [7.9, 8.9]"],
        ["Plan B", "4.5 [4.0, 5.0]", "4.6 [4.1, 5.1]"],
    ]
    assert {path.suffix for path in tmp_path.glob("two.*")} == {".html", ".csv", ".tex", ".svg", ".png"}


def test_what_one_study_has_not_is_a_dash_and_names_are_text(tmp_path: Path) -> None:
    a = results(tmp_path / "a", organism=9.6, **{"<script>alert(1)</script>": 3.0})
    b = results(tmp_path / "b", organism=9.5)
    (found, *_) = write_comparison([a, b], tmp_path / "c.html")
    assert [row[2] for row in found.table.rows] == ["9.5 [9.0, 10.0]", "–"]
    assert found.apart == "No two intervals lie apart."
    page = (tmp_path / "c.html").read_text()
    assert not re.search("<script", page)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    a = results(tmp_path / "a", organism=9.6)
    with pytest.raises(PlanBError, match="named twice"):
        read_studies([a, tmp_path / "a" / "." / ""])
    with pytest.raises(PlanBError, match=r"no results.csv in .*nowhere: run or report"):
        read_studies([a, tmp_path / "nowhere"])
    frame = pd.read_csv(a / "results.csv").assign(task="else")
    (tmp_path / "z").mkdir()
    frame.to_csv(tmp_path / "z" / "results.csv", index=False)
    with pytest.raises(PlanBError, match="nothing to compare"):
        write_comparison([tmp_path / "z"], tmp_path / "c.html")
    code, said = planb(tmp_path, "compare", "a")
    assert (code, "two studies or more" in said) == (2, True)
