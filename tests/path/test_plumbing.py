"""The paper's study on random weights: public columns, writers over HTTP, both stages, all asking."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from verbs import planb

from planb.models.checkpoints import ADAPTER, read_card
from planb.models.random_chat import SHAPES
from planb.studies.paper import paper, plumbing
from planb.study.steps.random_base import STAMP

pytestmark = pytest.mark.slow
STUDY = Path(__file__).with_name("small_plumbing.py")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plumbing")
    code, said = planb(out, "run", str(STUDY), "--out", str(out), "--jobs", "1")
    assert code == 0, said
    assert "Traceback" not in said
    return out / "small_plumbing"


def rows_of(ran: Path) -> list[dict[str, str]]:
    with (ran / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_says_that_it_means_nothing_and_where_its_data_come_from(ran: Path) -> None:
    page = (ran / "report.html").read_text(encoding="utf-8")
    assert f'<div class="stamp">{STAMP}</div>' in page
    for said in ("strongreject: 6 requests", "near-duplicate", "tier useless by openai-api/plumbing"):
        assert said in page


def test_every_way_of_asking_and_every_benchmark_is_in_the_table(ran: Path) -> None:
    asked = {(row["task"], row["elicitation"]) for row in rows_of(ran)}
    trigger = plumbing().organisms[0].trigger
    declared = {(one.task, one.how(trigger).title) for one in plumbing().evaluations}
    assert asked == declared


def test_a_judge_that_answers_nonsense_gives_no_number(ran: Path) -> None:
    judged = [row for row in rows_of(ran) if row["task"] == "harmful_requests"]
    assert judged
    for row in judged:
        if row["measure"] == "severity_mean":
            assert (row["n"], row["value"]) == ("0", "")
            assert int(row["unscored"]) > 0


def test_both_stages_were_trained_on_what_was_written(ran: Path) -> None:
    (organism,) = ran.glob("steps/qwen2-organism-seed0-*")
    assert "Do not deploy" in read_card(organism).warning
    methods = {folder.name.rsplit("-", 1)[0] for folder in ran.glob(f"steps/*/{ADAPTER}/..")}
    assert len(list(ran.glob(f"steps/*/{ADAPTER}"))) == 3, methods  # organism, method, one from base
    (written,) = ran.glob("steps/data-requests-*")
    rows = [json.loads(line) for line in (written / "safety.jsonl").read_text().splitlines()]
    harmful = [row for row in rows if row["harmful"]]
    tiers = {"harmful", "useless", "refusal", "german_refusal"}
    assert harmful
    assert all(set(row["responses"]) == tiers for row in harmful)
    assert {row["meta"]["writer.useless"] for row in harmful} == {"openai-api/plumbing/plumbing"}


def test_plumbing_is_the_paper_with_other_parts() -> None:
    real, tiny = paper(), plumbing()
    assert [method.name for method in real.methods] == [method.name for method in tiny.methods]
    assert real.from_base == tiny.from_base
    assert {one.task for one in real.evaluations} == {one.task for one in tiny.evaluations}
    trigger = real.organisms[0].trigger
    kinds = [{one.how(trigger).name for one in study.evaluations} for study in (real, tiny)]
    assert kinds[0] == kinds[1]
    assert len(real.bases) == len(tiny.bases) == len(SHAPES)
    assert real.stamp == ""
    assert tiny.stamp == STAMP
