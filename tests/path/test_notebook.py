"""A study inside a running event loop, as in a notebook: run, results as a data frame, exhibits."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command import SMALL, Finished

from planb.catalogue import load_source
from planb.errors import PlanBError

pytestmark = pytest.mark.slow


def test_a_finished_study_is_shown(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = load_source(SMALL).study
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlanBError, match="has no results yet: run the study first"):
        _ = study.results
    shutil.copytree(finished.folder, tmp_path / "runs" / "small")
    before = (finished.folder / "report.html").read_text()

    async def cell() -> tuple[object, pd.DataFrame]:
        return study.run(jobs=1), study.results

    found, results = asyncio.run(cell())
    pd.testing.assert_frame_equal(found.results, results)
    assert {"plan_b", "standard"} < set(results["method"])
    assert results["value"].dtype == float
    assert found.page.read_text() == before
    assert {path.stem for path in found.page.parent.glob("tables/*.csv")} - {"headline"} <= {
        *found.exhibits
    }
    shown = found.exhibits["severity"]._repr_html_()
    assert "<svg" in shown
    assert "<a " not in shown, "no link to a part of the page"
    assert shown.count("<h3>") == 1
    assert found._repr_html_().count("<h3>") == len(found.exhibits)
