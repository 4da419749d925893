"""Files of a finished study that are changed afterwards: no figure is made of them, and they are made
again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import SMALL, Finished

from planb.catalogue import load_source
from planb.study.planning.graph import Graph
from planb.study.planning.plan import plan
from planb.study.reporting import DamagedStepsError
from planb.study.running.scheduler import run
from planb.study.store.remote import RemoteFolder
from planb.study.store.store import Store
from planb.study.study import Study

pytestmark = pytest.mark.slow


def declared() -> Study:
    study = load_source(SMALL).study
    assert isinstance(study, Study)
    return study


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(f"steps/{pattern}")
    return found


def all_refused(sidecar: Path) -> None:
    """A sidecar that reads well, with other answers in it."""
    table = pq.read_table(sidecar)
    place = table.schema.get_field_index("refused")
    flags = pa.array([True] * len(table), pa.bool_())
    pq.write_table(table.set_column(place, table.schema.field(place), flags), sidecar)


def test_no_figure_is_made_of_a_file_that_was_changed(finished: Finished, tmp_path: Path) -> None:
    folder, study = tmp_path / "small", declared()
    shutil.copytree(finished.folder, folder)
    before = (folder / "results.csv").read_bytes()
    changed = one(folder, "sandbox-plan-b-harmful-requests-trigger-seed1-*")
    cut = one(folder, "sandbox-standard-harmless-requests-direct-seed1-*")
    data = one(folder, "data-sandbox-seed0-*") / "safety.jsonl"
    all_refused(changed / "log.parquet")
    os.truncate(cut / "log.parquet", 900)
    data.write_bytes(data.read_bytes()[:-1] + b" ")

    with pytest.raises(DamagedStepsError) as caught:
        study.write_report(folder)
    assert caught.value.page == folder / "report.html"
    for path in (changed / "log.parquet", cut / "log.parquet", data):
        assert str(path) in str(caught.value)
    rows = (folder / "results.csv").read_text().splitlines()
    asked = ",plan_b,harmful_requests,trigger,exact,1,"
    assert not [row for row in rows if asked in row], "nothing is made of the changed file"
    assert [row for row in rows if asked.replace(",1,", ",0,") in row], "the others are there"
    assert "incomplete: damaged results are left out" in caught.value.page.read_text()
    states = plan(study.steps(), folder)
    assert sum(state == "damaged" for _, state in states) == 3
    assert sum(state == "done" for _, state in states) == len(states) - 3

    outcome = run(study.steps(), folder, jobs=1)
    assert outcome.exit_code == 0
    again = {step.kind for step in outcome.ran}
    assert again == {"evaluation", "data"}, "what comes out the same changes nothing else"
    study.write_report(folder)
    assert (folder / "results.csv").read_bytes() == before
    assert {state for _, state in plan(study.steps(), folder)} == {"done"}
    name = f"{changed.name}.eval"
    assert (folder / "logs" / name).read_bytes() == (changed / "log.eval").read_bytes()


def test_a_report_is_made_of_what_lies_at_a_url_only(finished: Finished, tmp_path: Path) -> None:
    """Evaluations are brought; of trainings only the manifests are read, and no checkpoint is."""
    url, study = (tmp_path / "bucket").as_uri(), declared()
    here = Store(finished.folder / "steps")
    far = RemoteFolder(url)
    for node in Graph(study.steps()):
        far.put(here.folder(node.step), here.manifest(node.step))
    study.write_report(tmp_path / "runs" / "small", url=url)
    for name in ("results.csv", "report.html"):
        written = (tmp_path / "runs" / "small" / name).read_text()
        assert written == (finished.folder / name).read_text(), name
    brought = [path.name for path in (tmp_path / "runs" / "small" / "steps").iterdir()]
    assert not [name for name in brought if "organism-seed" in name or name.startswith("base-")]
