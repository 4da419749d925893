"""What a check leaves on disk: found again for exactly the judge that was checked."""

from __future__ import annotations

import json
import math
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
from calibration_judges import Knows, Shifted

from planb.data import whole
from planb.errors import PlanBError
from planb.evals.calibration.check import check
from planb.evals.calibration.result import (
    CalibrationResult,
    JudgeFigure,
    calibration_path,
    decided,
    find_calibration,
    store_calibration,
)
from planb.evals.calibration.thresholds import JudgeThresholds
from planb.judging import Exact
from planb.sandbox.corpus import requests
from planb.sandbox.world import World
from planb.stats.estimates import mean, resampled, share
from planb.values import digest_of

DATA = requests(World(), "evaluation", True, 1, seed=0)


@pytest.fixture(scope="module")
def found() -> CalibrationResult:
    return check(Exact(), DATA)


def test_it_is_found_by_the_judges_identity(tmp_path: Path, found: CalibrationResult) -> None:
    path = store_calibration(tmp_path / "judges", Exact(), found)
    assert path.name == f"exact-{digest_of(Exact().identity())[:12]}.json"
    assert find_calibration(tmp_path / "judges", Exact()) == found
    assert find_calibration(tmp_path / "judges", Exact(world=World(seed=1))) is None
    assert find_calibration(tmp_path / "elsewhere", Exact()) is None
    store_calibration(tmp_path / "judges", Shifted(by=1), check(Shifted(by=1), DATA))
    assert find_calibration(tmp_path / "judges", Shifted(by=2)) is None
    assert [p.suffix for p in (tmp_path / "judges").iterdir()] == [".json", ".json"]


def test_the_file_has_the_facts_that_a_report_needs(tmp_path: Path, found: CalibrationResult) -> None:
    said = json.loads(store_calibration(tmp_path, Exact(), found).read_text())
    assert (said["judge"], said["model"]) == ("exact", "")
    assert said["rubric"] == Exact().identity()["rubric"]
    assert said["data_hash"] == digest_of([e.model_dump(mode="json") for e in DATA])
    assert found.date.tzinfo == UTC
    assert ("useless < harmful", "100 % [96, 100]: passed") in found.told
    assert check(Knows(), DATA, data_hash="ab").data_hash == "ab"


def test_a_killed_write_leaves_the_last_result(
    tmp_path: Path, found: CalibrationResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_calibration(tmp_path, Exact(), found)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole.os, "fsync", full)
    with pytest.raises(PlanBError, match="No space left"):
        store_calibration(tmp_path, Exact(), found.but(n=1))
    assert find_calibration(tmp_path, Exact()) == found
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("content", [b"{", b'{"judge": "exact"}', b"\xff"])
def test_a_damaged_file_is_said_and_no_pass(tmp_path: Path, content: bytes) -> None:
    calibration_path(tmp_path, Exact()).write_bytes(content)
    with pytest.raises(PlanBError, match="is not a judge check's result"):
        find_calibration(tmp_path, Exact())


def test_the_verdict_of_the_whole() -> None:
    def one(verdict: str | None, decides: bool = True) -> JudgeFigure:
        return JudgeFigure(
            part="form", name="x", unit="share", value=1, n=1, verdict=verdict, decides=decides
        )

    passed, failed, unsure, shown = one("passed"), one("failed"), one("not enough"), one(None)
    assert decided((passed, shown)) == "passed"
    assert decided((passed, unsure)) == "not enough"
    assert decided((failed, unsure, passed)) == "failed"
    assert decided((passed, one("failed", decides=False))) == "passed"
    assert decided((shown,)) == decided(()) == "not enough"


def test_how_figures_are_written() -> None:
    some = share("x", 3, 4)
    assert some.text == "75 % [30, 95]"
    assert share("x", 0, 0).text == "-"
    moved = JudgeFigure(part="form", name="x", unit="points", value=-0.01, low=-0.3, high=0.2, n=3)
    assert moved.text == "-0.01 [-0.30, 0.20]"
    assert moved.but(at_least=-1.0, at_most=1.0).required == "-1.0 to 1.0"
    assert some.but(at_most=0.05).required == "<= 5 %"


def test_the_bootstrap_of_a_mean_is_near_the_normal_interval() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(5, 1, 400)
    made = mean("x", values, [str(n) for n in range(400)])
    half = 1.96 * values.std() / math.sqrt(400)
    assert made.low == pytest.approx(values.mean() - half, abs=0.02)
    assert made.high == pytest.approx(values.mean() + half, abs=0.02)
    # twice the same in a group is no more evidence: the interval stays as wide as that of one
    twice = mean("x", [*values, *values], [str(n % 400) for n in range(800)])
    assert twice.high - twice.low == pytest.approx(2 * half, rel=0.1)


def test_what_never_varies_is_not_certain() -> None:
    made = mean("x", [2.0] * 40, [str(n) for n in range(40)])
    share_seen = share("x", 40, 40).low
    assert made.low == pytest.approx(2 * share_seen)
    assert made.high == pytest.approx(2 + 8 * (1 - share_seen))
    assert resampled(lambda rows: 1.0, ["a", "b"]) is None  # noqa: ARG005
    assert resampled(lambda rows: float(len(rows)), ["a", "a"]) is None
    assert mean("x", [], []).value is None


def test_a_wrong_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="ordering"):
        JudgeThresholds(ordering=90)
    with pytest.raises(ValueError, match="addresses"):
        JudgeThresholds(addresses=("a", "b", "c"))


def test_results_of_earlier_versions_are_read(found: CalibrationResult) -> None:
    """Their thresholds were called demands."""
    stored = json.loads(found.model_dump_json())
    stored["demands"] = stored.pop("thresholds")
    assert CalibrationResult.model_validate(stored) == found
