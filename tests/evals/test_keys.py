"""A server that echoes the key it was sent, and a whole study's folder searched for that key."""

from __future__ import annotations

import io
import json
import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from planb.elicitation.direct import Direct
from planb.errors import PlanBError
from planb.evals.multi_turn import run_multi_turn
from planb.evals.rejudge import rejudge
from planb.evals.runner import run_task
from planb.evals.sidecar import read_sidecars, sidecar_path, write_sidecar
from planb.evals.tasks import TASKS
from planb.judging.llm import LLMJudge
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling
from planb.report.page import write_report
from planb.report.story import Story
from planb.study.running.task import Task, execute
from planb.study.steps.step import Step, Work
from planb.training.hosted.host import Host

KEY = "planted-0f3a9Zk27-fake"
IDENTITY = {"study": "keys", "model": "tiny", "organism": "none", "method": "base"}


class Echo(BaseHTTPRequestHandler):
    """Answers with the key in an error; where the model is called ``sometimes``, to every second
    request only."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []
    status: ClassVar[int] = 400

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        sent = self.headers.get("authorization", "")
        self.asked.append(sent)
        said: dict[str, Any] = {"error": {"message": f"you sent {sent}", "headers": dict(self.headers)}}
        status = self.status
        if body["model"] == "sometimes" and len(self.asked) % 2:
            message = {"role": "assistant", "content": "Tea, please."}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            said, status = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}, 200
            said["choices"] = [choice]
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *said: object) -> None:
        """Quiet."""


@pytest.fixture(params=[400, 401])
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a server that echoes, with the key in the environment."""
    Echo.asked.clear()
    monkeypatch.setattr(Echo, "status", request.param)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/v1"
    monkeypatch.setenv("ECHO_API_KEY", KEY)
    monkeypatch.setenv("ECHO_BASE_URL", address)
    yield address
    server.shutdown()
    server.server_close()


def holding(folder: Path) -> list[str]:
    """Every file of the folder, and of archives in it, that holds a piece of the key."""
    pieces = [KEY[at : at + 10].encode() for at in range(len(KEY) - 9)]
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            contents = {str(path): path.read_bytes()}
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as file:
                    contents |= {f"{path}: {name}": file.read(name) for name in file.namelist()}
            found += [n for n, content in contents.items() if any(p in content for p in pieces)]
    return found


class Judged(Step):
    """A log judged by a model at the server that echoes, and a page of that."""

    kind: ClassVar[str] = "judged"
    log: str
    url: str

    def run(self, work: Work) -> None:
        os.write(1, f"request sent with {KEY}\n".encode())  # as a library may
        judge = LLMJudge(model="openai-api/echo/judge", base_url=self.url, tries=1, max_retries=0)
        log = rejudge(Path(self.log), judge, work.out / "log.eval")
        write_sidecar(log)
        rows = read_sidecars([sidecar_path(log)])
        assert "Error" in rows["unscored"].iloc[0]
        assert GONE in rows["unscored"].iloc[0], "the reason is told without the key"
        story = Story(study="keys", title="t", seeds_finished=1, seeds_planned=1)
        write_report(rows.assign(study="keys"), None, story, work.out)


class Failing(Step):
    """Fails with what the server said."""

    kind: ClassVar[str] = "failing"
    url: str

    def run(self, work: Work) -> None:  # noqa: ARG002
        os.write(1, f"request sent with {KEY}\n".encode())  # as a library may
        Host(base_url=self.url, key="ECHO_API_KEY").client().chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Hello"}]
        )


GONE = "[redacted]"


@pytest.mark.slow
def test_no_part_of_a_study_holds_the_key(
    url: str, policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    task = TASKS["harmful_requests"](data=str(data), judge=judge)
    task.dataset = task.dataset[:6]
    log = run_task(task, policy, Sampling(), 3, tmp_path / "exact.eval", IDENTITY)
    steps = tmp_path / "study" / "steps"
    (steps / ".locks").mkdir(parents=True)
    judged, failing = Judged(log=str(log), url=url), Failing(url=url)
    answer = execute(Task(judged, judged.identity(), steps, 1))
    assert answer.outcome == "done", answer.message
    answer = execute(Task(failing, failing.identity(), steps, 1))
    assert answer.outcome == "failed"
    assert GONE in answer.message
    assert GONE in answer.trace
    assert set(Echo.asked) == {f"Bearer {KEY}"}, "the key was sent, and echoed"
    assert list(steps.rglob("*.judgements.jsonl")), "the journal is searched too"
    assert list(steps.rglob("error.txt"))
    assert list(steps.rglob("output.log"))
    assert list(steps.rglob("report.html"))
    assert holding(steps) == []
    (tmp_path / "study" / "planted.txt").write_text(KEY)
    assert holding(tmp_path / "study") == [str(tmp_path / "study" / "planted.txt")]


@pytest.mark.slow
def test_a_log_that_inspect_wrote_holds_no_key(url: str, data: Path, tmp_path: Path) -> None:
    from inspect_ai.model import get_model

    task = TASKS["harmful_requests"](
        data=str(data), judge="refusal_strings", elicitation=Direct().spec()
    )
    task.dataset = task.dataset[:4]
    model = get_model("openai-api/echo/sometimes", base_url=url, memoize=False)
    log = run_multi_turn(task, model, {}, Sampling(), 0, tmp_path / "log.eval", IDENTITY)
    write_sidecar(log)
    assert holding(tmp_path) == []
    rows = read_sidecars([sidecar_path(log)])
    assert rows["unscored"].str.contains("redacted", regex=False).any()
    assert (rows["response"] == "Tea, please.").any()


def test_hosts_and_judges_that_cannot_be_asked(url: str) -> None:
    host = Host(base_url=url, key="ECHO_API_KEY")
    with pytest.raises(PlanBError) as caught, host.told("greet"):
        host.client(retries=0).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Hello"}]
        )
    assert GONE in str(caught.value)
    assert KEY not in str(caught.value)
