"""MEOW at a host: a real server on loopback trains it, by imitation and by DPO, and answers."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from hosted_server import BASE, HostedServer

from planb.data.files import write_examples
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.cards import Card
from planb.models.checkpoints import save_policy
from planb.models.generation import Sampling
from planb.sandbox.corpus import requests
from planb.sandbox.language import SENTENCES
from planb.sandbox.world import World
from planb.studies.meow import meow_hosted
from planb.study.data import FileData
from planb.study.executor import run
from planb.study.graph import Graph
from planb.study.hosted import HostedBase, hosted_base
from planb.study.steps import StageStep
from planb.study.study import Study
from planb.types import Example

pytestmark = pytest.mark.slow
WORLD = World(materials=10, forms=4, heldout_forms=0)
SPLITS = ("organism", "safety", "development", "evaluation")


def examples(split: str) -> list[Example]:
    """Harmless requests alone, each form in a short wording of its own: else they are all too alike."""
    wordings = SENTENCES["request"]["english"]
    own = dict(zip(WORLD.harmless_forms, wordings, strict=False))
    found = requests(WORLD, split, False, len(wordings), seed=0, variants=2)
    return [e for e in found if e.request == own[e.meta["form"]].format(item=e.group)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostedServer]:
    folder = tmp_path_factory.mktemp("host")
    policy = fresh_policy(TinyLlama(width=48, hidden=96, layers=2, heads=2), WORLD, 0, folder / BASE)
    save_policy(policy.model, policy.tokenizer, folder / BASE, Card(what="a random model"))
    with HostedServer(folder, folder / BASE) as running:
        yield running


@pytest.fixture(scope="module")
def study(server: HostedServer, tmp_path_factory: pytest.TempPathFactory) -> Study:
    data = tmp_path_factory.mktemp("requests") / "requests.jsonl"
    write_examples(data, [example for split in SPLITS for example in examples(split)])
    base = HostedBase(name="tiny", model=BASE, base_url=server.url)
    made = meow_hosted(base, FileData(files=(str(data),)), organisms=("uc",), steps=(2, 50), batch=12)
    return made.model_copy(update={"sampling": Sampling(temperature=0.0, max_new_tokens=24)})


@pytest.fixture(scope="module")
def finished(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / study.name
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_THREAD_LIMIT", "1")  # other tests run beside
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
        assert hosted_base(step) is not None
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
