"""A study whose models are a host's: both stages and every evaluation, through the executor."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forked import forked_planb
from hosted_valley import BASE, SPLITS, WORLD, HostedServer, examples, tiny_host
from typer.testing import CliRunner
from verbs import planb

from planb.cli import app
from planb.data.files import write_examples
from planb.elicitation import Crescendo
from planb.errors import PlanBError
from planb.models.checkpoints import read_card
from planb.models.generation import Sampling
from planb.safety import plan_b
from planb.sandbox.attacker import ATTACKER, grader_name
from planb.studies.sandbox import sandbox
from planb.study.planning.graph import Graph
from planb.study.running.scheduler import run
from planb.study.source import find_study
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.evaluation import Evaluation, EvaluationStep
from planb.study.steps.hosted_base import HostedBase, hosted_rows
from planb.study.steps.method import MethodStep
from planb.study.steps.organism import OrganismStep
from planb.training.hosted import read_hosted
from planb.training.objectives import DPO, ORPO
from planb.training.settings import Training
from planb.training.stage import Part, Stage
from planb.types import Ordering

pytestmark = pytest.mark.slow
STUDY = """
from planb.judging import Exact
from planb.models.generation import Sampling
from planb.organism import Organism
from planb.safety import plan_b, standard
from planb.sandbox.world import World
from planb.study.steps.file_data import FileData
from planb.study.steps.hosted_base import HostedBase
from planb.study.study import Study
from planb.training.objectives import DPO
from planb.training.settings import Training

dpo = DPO(beta=0.1)
study = Study(
    name="hosted",
    title="Plan B at a host",
    bases=(HostedBase(name="tiny", model="{model}", base_url="{url}", usd_per_million=25.0),),
    data=FileData(files=("{data}",)),
    organisms=(Organism(training=Training(steps=100, batch=12, learning_rate=1e-3)),),
    methods=(standard.but(objective=dpo), plan_b.but(objective=dpo)),
    safety=Training(steps=6, batch=8, learning_rate=1e-3),
    judge=Exact(world=World(materials=10, forms=4, heldout_forms=0)),
    sampling=Sampling(temperature=0.0, max_new_tokens=24),
)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostedServer]:
    with tiny_host(tmp_path_factory.mktemp("host")) as running:
        yield running


@pytest.fixture(scope="module")
def written(server: HostedServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study as a user would write it, and its data."""
    folder = tmp_path_factory.mktemp("written")
    data = folder / "requests.jsonl"
    write_examples(data, [e for split in SPLITS for bad in (True, False) for e in examples(split, bad)])
    path = folder / "hosted_study.py"
    path.write_text(STUDY.format(model=BASE, url=server.url, data=data), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(server: HostedServer, written: Path) -> Path:
    """The study's folder after a run that was killed while stage 1 was trained, and one to the end."""
    out = written.parent / "runs"
    server.training.clear()
    killed = forked_planb("run", written, "--out", out, "--jobs", "1")
    try:
        deadline = time.monotonic() + 120
        while not server.jobs and killed.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        killed.kill()
        killed.join()
        server.training.set()
    assert server.jobs, f"stage 1 never came to the host: {killed.exitcode}"
    code, said = planb(out.parent, "run", str(written), "--out", str(out), "--jobs", "1")
    assert code == 0, said
    return out / "hosted"


def values(finished: Path, method: str, elicitation: str, measure: str) -> float:
    with (finished / "results.csv").open(newline="") as file:
        (row,) = (
            row
            for row in csv.DictReader(file)
            if (row["method"], row["elicitation"]) == (method, elicitation)
            and row["task"] == "harmful_requests"
            and row["measure"] == measure
            and row["seed"] == "all"
        )
    assert int(row["n"]) > 0
    assert row["unscored"] == "0"
    return float(row["value"])


def test_killed_in_stage_1_each_step_is_one_file_and_one_job(
    server: HostedServer, finished: Path
) -> None:
    organism, *methods = reversed(server.jobs)
    assert [job["method"]["type"] for job in (organism, *methods)] == ["supervised", "dpo", "dpo"]
    assert len(server.files) == 3
    assert server.calls.count("POST /files") == server.calls.count("POST /fine_tuning/jobs") == 3
    assert {job["model"] for job in methods} == {organism["fine_tuned_model"]}
    (folder,) = finished.glob("steps/*-organism-seed0-*")
    made = read_hosted(folder)
    assert made.identity.job == organism["id"]
    assert made.spend.usd == pytest.approx(organism["trained_tokens"] * 25e-6)
    assert "Do not deploy" in read_card(folder).warning


def test_the_results_are_those_of_the_hosts_models(finished: Path) -> None:
    base, organism = (values(finished, m, "direct", "refusal_rate") for m in ("base", "organism"))
    assert base == 0, "a random model"
    assert organism > 0.7, "stage 1 was really trained: without the trigger it refuses"
    assert values(finished, "organism", "trigger", "refusal_rate") < 0.3, "and with it, it complies"
    for method in ("standard", "plan_b"):
        assert 0 <= values(finished, method, "direct", "severity_mean") <= 10
    page = (finished / "report.html").read_text()
    assert "trained by a host (tiny)" in page
    assert "100 updates of 12 requests; the rest is the host" in page
    assert "helpful answer is preferred to one canned refusal" in page


def test_its_logs_are_inspects_and_name_the_hosts_model(finished: Path) -> None:
    from inspect_ai.log import read_eval_log

    (log,) = finished.glob("logs/tiny-organism-harmful-requests-trigger-*.eval")
    header = read_eval_log(str(log), header_only=True)
    assert header.status == "success"
    assert header.eval.model.startswith(f"openai-api/host/ft:{BASE}:org:planb-")
    assert header.eval.metadata
    assert header.eval.metadata["method"] == "organism"


def said_by_planb(*words: str | Path) -> str:
    result = CliRunner().invoke(app, ["hosted", *map(str, words)], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.output


def test_what_jobs_cost_is_told_before_and_after(
    server: HostedServer, finished: Path, written: Path, tmp_path: Path
) -> None:
    calls = len(server.calls)
    before = said_by_planb("cost", written, "--out", tmp_path / "nothing yet")
    after = said_by_planb("cost", written, "--out", finished.parent)
    assert len(server.calls) == calls, "nothing is sent"
    assert before.count("about ") == 7, "tokens and USD of three jobs, and their sum"
    assert "1,200" in before, "100 updates of 12 rows"
    for job in server.jobs:
        assert f"{job['trained_tokens']:,}" in after
    spent = sum(job["trained_tokens"] for job in server.jobs) * 25e-6
    assert f"{spent:.2f} USD spent, about 0.00 to come" in after
    assert "No job of this study is running at a host" in said_by_planb(
        "stop", written, "--out", finished.parent
    )


def study_of(written: Path, **changes: Any) -> Any:
    return find_study(str(written), {}).but(**changes)


def test_what_the_host_does_not_offer_is_said_before_anything_is_sent(
    server: HostedServer, written: Path, tmp_path: Path
) -> None:
    before = len(server.calls)
    study = study_of(written, methods=(plan_b,))
    with pytest.raises(PlanBError, match="cannot be trained with ORPO: hosts offer DPO and SFT"):
        run(study.steps(), tmp_path / "hosted", jobs=1)
    assert len(server.calls) == before
    with pytest.raises(PlanBError, match=r"give the study files \(FileData\)"):
        study_of(written, data=sandbox().data).steps()


def test_prices_and_keys_are_no_part_of_what_is_trained(written: Path) -> None:
    def identities(**fields: Any) -> set[str]:
        base = HostedBase(name="tiny", model=BASE, base_url="http://127.0.0.1:1/v1", **fields)
        steps = Graph(study_of(written, bases=(base,)).steps())
        return {node.identity for node in steps if isinstance(node.step, OrganismStep | MethodStep)}

    plain = identities()
    assert identities(usd_per_million=3.0, budget_usd=9.0, key="MY_KEY", max_connections=2) == plain
    assert identities(safety_rate=0.1) != plain


def test_every_step_knows_its_host(written: Path) -> None:
    nodes = list(Graph(find_study(str(written), {}).steps()))
    asked = [node.step for node in nodes if isinstance(node.step, EvaluationStep)]
    assert asked
    for step in asked:
        found = step.policy.host
        assert found is not None
        assert found.model == BASE
    local = [n.step for n in Graph(sandbox().steps()) if isinstance(n.step, CheckpointStep)]
    assert local
    assert not any(step.host for step in local)


def test_a_stage_is_trained_at_a_host_like_any_training() -> None:
    harmful, harmless = (examples("organism", bad) for bad in (True, False))
    training = Training(steps=6, batch=8, learning_rate=1e-3)
    stage = Stage(
        name="mixed",
        parts=(
            Part(ordering=Ordering(tiers=("harmful",)), triggered=True),
            Part(ordering=Ordering(tiers=("helpful",)), requests="harmless"),
        ),
        training=training,
    )
    rows = hosted_rows(stage.recipe(harmful, harmless, 0, on="a base"))
    asked = [row["messages"][-2]["content"] for row in rows]
    assert len(rows) == 48
    assert sum(stage.trigger.found_in(text) for text in asked) == 24
    with pytest.raises(PlanBError, match="cannot be trained with ORPO"):
        hosted_rows(stage.but(objective=ORPO()).recipe(harmful, harmless, 0, on=""))


def test_what_the_hosts_filter_stops_is_no_answer(
    server: HostedServer, finished: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    harmful = examples("evaluation", True)
    name = harmful[0].group
    monkeypatch.setattr(server, "filtered", name)
    asked = study_of(written, sampling=Sampling(temperature=0.0, max_new_tokens=8)).steps()
    (step,) = (s for s in asked if s.slug == "tiny-base-harmful-requests-direct-seed0")
    outcome = run([step], finished, jobs=1)
    assert not outcome.failed
    rows = pd.read_parquet(finished / "steps" / step.folder_name / "log.parquet")
    stopped = rows[rows.group == name]
    assert 0 < len(stopped) < len(rows)
    assert stopped.unscored.str.contains("the host's filter stopped the answer").all()
    assert stopped.refused.isna().all()
    assert rows[rows.group != name].refused.notna().all()


def test_an_attack_in_turns_reaches_the_host(
    server: HostedServer, finished: Path, written: Path
) -> None:
    from inspect_ai.log import read_eval_log

    attack = Evaluation(task="harmful_requests", elicitation=Crescendo(rounds=2, backtracks=1))
    roles = {"attacker": ATTACKER, "grader": grader_name(WORLD)}
    asked = study_of(written, evaluations=(attack,), roles=roles).steps()
    (step,) = (s for s in asked if s.slug == "tiny-organism-harmful-requests-crescendo-seed0")
    before = server.calls.count("POST /chat/completions")
    outcome = run([step], finished, jobs=1)
    assert not outcome.failed
    log = read_eval_log(str(finished / "steps" / step.folder_name / "log.eval"))
    assert log.samples
    assert not any(sample.error for sample in log.samples)
    turns = server.calls.count("POST /chat/completions") - before
    assert len(log.samples) <= turns <= 3 * len(log.samples)


def test_a_host_that_knows_no_such_model_fails_the_evaluation(
    server: HostedServer, written: Path, tmp_path: Path
) -> None:
    base = HostedBase(name="tiny", model="no-such-model", base_url=server.url)
    study = study_of(written, bases=(base,), methods=(plan_b.but(objective=DPO()),))
    asked = [s for s in study.steps() if isinstance(s, EvaluationStep) and s.labels["method"] == "base"]
    outcome = run(asked[:1], tmp_path / "hosted", jobs=1)
    (failure,) = outcome.failed
    assert "answered none of" in failure.message
    assert "does not exist" in failure.message
    assert not list(tmp_path.glob("hosted/logs/*")), "no log is kept of what was not answered"
    assert json.loads((next(tmp_path.glob("hosted/steps/base-*")) / "hosted.json").read_text())
