"""The dashboard: what it shows of a folder, and that nothing else can be had from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hostile_study import HOSTILE, make_studies, running
from starlette.testclient import TestClient

from planb.dashboard.app import app_of
from planb.dashboard.folders import studies_in
from planb.evals.guard import Guard
from planb.study.running.progress import Snapshot, StepProgress, Watcher
from planb.study.running.run_file import FILE, MOST_POINTS, RunFile, read_run
from planb.study.steps.step import Step
from planb.text import shown


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_studies(tmp_path_factory.mktemp("dashboard") / "runs")


@pytest.fixture(scope="module")
def site(out: Path) -> TestClient:
    return TestClient(Guard(app_of(out)), base_url="http://127.0.0.1:8765")


def test_the_studies_and_how_they_stand(site: TestClient, out: Path) -> None:
    page = site.get("/").text
    assert [one.name for one in studies_in(out)] == ["bad", "old"], "those that run come first"
    for said in ("7 of 20 steps done", "about 1 min left", "1 step done", "judges/exact.html"):
        assert said in page
    assert "onerror" not in page, "a folder that no study can be called is none"
    assert site.get("/_/pages/judges/exact.html").text == "a judge"
    assert "no study here yet" in TestClient(app_of(out / "none")).get("/").text


def test_a_study_that_runs(site: TestClient) -> None:
    page = site.get("/bad/").text
    for said in (
        "40 of 160, loss 1.1",
        "plan_b-seed0",
        'aria-label="loss from 3 to 1.1"',
        "answer.svg",
    ):
        assert said in page
    assert "inspect view --log-dir" in page
    assert "answer-2.svg" not in page, "it lies elsewhere"
    assert "<img src=x" not in page
    assert "<script>" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page


def test_what_has_not_changed_is_not_sent_again(site: TestClient) -> None:
    first = site.get("/old/")
    again = site.get("/old/", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.text) == (200, 304, "")


@pytest.mark.parametrize(
    "path",
    [
        "/bad/steps/base-1234",
        "/bad/steps",
        f"/bad/{FILE}",
        "/bad/figures/answer-2.svg",
        "/bad/figures/..%2freport.html",
        "/bad/..%2fold",
        "/%2e%2e/",
        "/..%2fsecret.svg",
        "/_/pages/..%2fsecret.svg",
        "/_/pages/bad/report.html",
        "/judges/",
        "/bad/logs/none.eval",
        "/%3Cimg%20src=x%20onerror=alert(1)%3E/",
        "/docs",
    ],
)
def test_nothing_else_is_there(site: TestClient, path: str) -> None:
    assert site.get(path).status_code == 404


def test_only_its_own_name_and_pages_are_answered(site: TestClient) -> None:
    assert site.get("/", headers={"host": "planb.example"}).status_code == 421
    assert site.get("/", headers={"origin": "https://planb.example"}).status_code == 403
    assert site.post("/bad/").status_code == 405, "it changes nothing"


def test_pages_run_no_script_but_the_sites_own(site: TestClient) -> None:
    for path in ("/bad/report.html", "/bad/figures/answer.svg", "/_/pages/compare.html"):
        policy = site.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "sandbox" in policy
        assert "script-src" not in policy
    policy = site.get("/bad/").headers["content-security-policy"]
    assert "script-src 'self';" in policy
    log = site.get("/bad/logs/one-1234.eval")
    assert log.headers["content-disposition"].startswith("attachment")
    assert log.headers["x-content-type-options"] == "nosniff"


# -- the file that a run writes -------------------------------------------------------------------


class Slow(Step):
    kind = "slow"


def told(done: float, total: float, note: str) -> Snapshot:
    one = StepProgress(Slow(), elapsed=1.0, done=done, total=total, note=note)
    return Snapshot(1.0, 9.0, 0.5, done=1, total=2, failed=0, running=(one,))


def test_a_run_tells_how_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planb.study.running.run_file.EVERY", 0.0)
    run = RunFile(Watcher())
    run.begin(2, 1, tmp_path)
    begun = read_run(tmp_path)
    assert begun is not None
    assert (begun.standing, begun.done, begun.left) == ("running", 1, None)
    for done in range(400):
        run.tick(told(done, 400, f"loss {4 - done / 100:.3f}"))
    found = read_run(tmp_path)
    assert found is not None
    (one,) = found.running
    assert (one.figure, one.curve[0], one.curve[-1]) == ("loss", (0, 4.0), (399, 0.01))
    assert MOST_POINTS / 2 <= len(one.curve) <= MOST_POINTS
    assert [done for done, _ in one.curve] == sorted(done for done, _ in one.curve)
    run.tick(told(float("nan"), float("inf"), f"nan {HOSTILE}\ud800"))
    run.failed(Slow(), HOSTILE)
    run.end()
    ended = read_run(tmp_path)
    assert ended is not None
    assert (ended.standing, ended.running, ended.failed[0].why) == ("failed", (), shown(HOSTILE))


def test_a_run_goes_on_where_it_cannot_tell(tmp_path: Path) -> None:
    run = RunFile(Watcher())
    run.begin(2, 1, tmp_path / "gone")
    run.finished(Slow(), 1.0, told(1, 2, ""))
    run.end()
    assert read_run(tmp_path / "gone") is None


@pytest.mark.parametrize(
    ("more", "standing"),
    [
        ({}, "running"),
        ({"ended": True}, "stopped"),
        ({"ended": True, "done": 20}, "done"),
        ({"pid": 2**22 + 1}, "stopped"),
        ({"pid": 2**70}, "stopped"),
        ({"host": "elsewhere"}, "running"),
        ({"host": "elsewhere", "told": datetime.now(UTC) - timedelta(hours=1)}, "stopped"),
    ],
)
def test_a_run_that_was_killed_is_stopped(more: dict[str, object], standing: str) -> None:
    assert running(**more).standing == standing


@pytest.mark.parametrize("text", ["", "{", "[]", '{"total": NaN}', "\x00" * 9, "[" * 100_000])
def test_what_cannot_be_read_is_no_run(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_run(tmp_path) is None
