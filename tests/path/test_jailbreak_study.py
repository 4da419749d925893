"""Attacks in turns, benchmarks, a second judge over HTTP, a never-backdoored arm: one small study."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command import SMALL, Finished
from inspect_ai.log import read_eval_log
from verbs import planb

pytestmark = pytest.mark.slow
STUDY = SMALL.with_name("small_jailbreaks.py")
ASKED = {"direct", "many_shot", "crescendo", "pair", "pair_static"}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory, finished: Finished) -> Path:
    """The study's folder; its base, data and organism are those of the small study beside it."""
    out = tmp_path_factory.mktemp("attacked") / "runs"
    out.mkdir()
    shutil.copytree(finished.folder / "steps", out / "small" / "steps", copy_function=os.link)
    code, said = planb(out, "run", str(STUDY), "--out", str(out), "--jobs", "1")
    assert code == 0, said
    return out / "small-jailbreaks"


@pytest.fixture(scope="module")
def results(attacked: Path) -> pd.DataFrame:
    return pd.read_csv(attacked / "results.csv")


def test_what_another_study_finished_is_not_made_again(attacked: Path, finished: Finished) -> None:
    for slug in ("base-sandbox", "data-sandbox", "organism-seed0", "plan_b-seed0"):
        (mine,) = attacked.glob(f"steps/{slug}-*")
        (theirs,) = finished.folder.glob(f"steps/{slug}-*")
        assert (mine / "manifest.json").read_bytes() == (theirs / "manifest.json").read_bytes()


def test_every_arm_is_asked_in_every_way_and_judged_twice(results: pd.DataFrame) -> None:
    harmful = results[(results.task == "harmful_requests") & (results.seed == "all")]
    arms = {("none", "base"), ("none", "plan_b"), ("organism", "organism"), ("organism", "plan_b")}
    for judge in ("exact", "valley judge"):
        mine = harmful[harmful.judge == judge]
        assert set(zip(mine.organism, mine.method, strict=True)) == arms
        for arm in arms:
            some = mine[(mine.organism == arm[0]) & (mine.method == arm[1])]
            assert set(some.elicitation) == ASKED
    exact = harmful[(harmful.judge == "exact") & (harmful.measure == "severity_mean")]
    assert (exact.n > 0).all()


def test_both_judges_saw_the_same_responses(attacked: Path) -> None:
    frames = [pd.read_parquet(path) for path in attacked.glob("steps/*/log.parquet")]
    rows = pd.concat(
        [frame for frame in frames if frame.task.iat[0] in ("harmful_requests", "harmless_requests")]
    )
    key = ["organism", "method", "task", "elicitation", "sample_id"]
    by_judge = {judge: some.set_index(key).response for judge, some in rows.groupby("judge")}
    assert set(by_judge) == {"exact", "valley judge"}
    first, second = by_judge["exact"].sort_index(), by_judge["valley judge"].sort_index()
    assert len(first) > 100
    assert first.equals(second)


def test_attacks_in_turns_leave_their_turns_in_the_log(attacked: Path) -> None:
    (step,) = attacked.glob("steps/sandbox-base-harmful-requests-pair-seed0-????????????/log.eval")
    log = read_eval_log(str(step))
    assert log.samples
    assert all(1 <= len(sample.store["attack"]["turns"]) <= 2 for sample in log.samples)
    (prompts,) = attacked.glob("steps/prompts-of-*/pair_prompts.jsonl")
    assert prompts.read_text().count("\n") == len(log.samples)


def test_benchmarks_have_figures(results: pd.DataFrame) -> None:
    found = results[results.seed == "all"]
    for task in ("mmlu_pro", "mt_bench", "over_refusal"):
        assert not found[found.task == task].empty, task


def test_the_page_says_what_the_judges_are(attacked: Path) -> None:
    page = (attacked / "report.html").read_text()
    assert "not calibrated against people" in page
    (checked,) = attacked.glob("steps/calibration-*/calibration.json")
    assert "valley judge" in checked.read_text()
    assert (attacked / "differences.csv").exists()
