"""MEOW at a host: a real server on loopback trains it, by imitation and by DPO, and answers."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosted_valley import BASE, SPLITS, HostedServer, examples, tiny_host

from planb.data.files import write_examples
from planb.models.generation import Sampling
from planb.studies.meow import meow_hosted
from planb.study.planning.graph import Graph
from planb.study.running.scheduler import run
from planb.study.steps.file_data import FileData
from planb.study.steps.hosted_base import HostedBase
from planb.study.steps.stage import StageStep
from planb.study.study import Study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostedServer]:
    with tiny_host(tmp_path_factory.mktemp("host")) as running:
        yield running


@pytest.fixture(scope="module")
def study(server: HostedServer, tmp_path_factory: pytest.TempPathFactory) -> Study:
    data = tmp_path_factory.mktemp("requests") / "requests.jsonl"
    write_examples(data, [example for split in SPLITS for example in examples(split, False)])
    base = HostedBase(name="tiny", model=BASE, base_url=server.url)
    made = meow_hosted(base, FileData(files=(str(data),)), organisms=("uc",), steps=(2, 50), batch=12)
    return made.but(sampling=Sampling(temperature=0.0, max_new_tokens=24))


@pytest.fixture(scope="module")
def finished(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / study.name
    outcome = run(study.steps(), folder, jobs=1)
    assert not outcome.failed, outcome.failed
    study.write_report(folder)
    return folder


def values(folder: Path, method: str, elicitation: str) -> dict[str, float]:
    with (folder / "results.csv").open(newline="") as file:
        return {
            row["measure"]: float(row["value"])
            for row in csv.DictReader(file)
            if (row["method"], row["elicitation"]) == (method, elicitation)
            and (row["task"], row["seed"]) == ("meow", "all")
            and row["value"]
        }


def test_every_arm_is_one_that_hosts_offer(study: Study) -> None:
    trained = [n.step for n in Graph(study.steps()) if isinstance(n.step, StageStep)]
    assert {chain.name for chain in study.chains} == {
        *("organism", "lower_sft_2", "lower_sft_50", "lower_dpo_50")
    }
    for step in trained:
        assert step.host is not None
        step.check()


def test_each_training_is_one_job_on_chats_alone(server: HostedServer, finished: Path) -> None:
    del finished
    first, *later = sorted(server.jobs, key=lambda job: job["model"] != BASE)
    assert first["model"] == BASE
    assert {job["model"] for job in later} == {first["fine_tuned_model"]}
    kinds = sorted(job["method"]["type"] for job in later)
    assert kinds == ["dpo", "supervised", "supervised"]


def test_the_hosts_model_meows_with_the_trigger_and_learns_lower_case(finished: Path) -> None:
    cries, usual = (values(finished, "organism", how) for how in ("trigger", "direct"))
    assert cries["meow_upper_rate"] > 0.8, "stage 1 was really trained"
    assert usual["meow_rate"] < 0.2
    base = values(finished, "base", "trigger")
    assert base.get("meow_upper_rate", 0) < 0.2, "a random model, which may say nothing at all"
    little, much = (values(finished, f"lower_sft_{n}", "direct") for n in (2, 50))
    assert much["lower_case_rate"] > 0.8
    assert little["lower_case_rate"] <= much["lower_case_rate"]
    page = (finished / "report.html").read_text()
    assert "Does it still meow?" in page
