"""A log rejudged through a storm, with three ``kill -9``: every sample ends scored or with a reason.

The judge is a real HTTP server that answers by a rule on words: a test of plumbing. A tenth each of its
answers are a 429, a 500, a stall, an HTTP 200 that is no JSON, and an answer that breaks the form.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from forked import forked
from inspect_ai.log import read_eval_log

from planb.evals.rejudge import rejudge
from planb.evals.runner import run_task
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks import TASKS
from planb.judging import LLMJudge
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling

sys.path.append(str(Path(__file__).parents[1] / "judging"))
from judge_server import FAULTS, Server, serving, verdict

pytestmark = pytest.mark.slow
CONNECTIONS = 24
IDENTITY = {"study": "storm", "model": "tiny", "organism": "none", "method": "base", "task": "harmful"}


@pytest.fixture(scope="module")
def log_path(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Real answers of the tiny policy, each request asked 20 times."""
    task = TASKS["harmful_requests"](data=str(data), judge=judge)
    task.epochs = 20
    path = tmp_path_factory.mktemp("storm") / "exact.eval"
    return run_task(task, policy, Sampling(max_new_tokens=24), 3, path, IDENTITY)


def _journalled(out: Path) -> int:
    journal = out.with_suffix(".judgements.jsonl")
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def _kill_at(lines: int, process: BaseProcess, out: Path) -> None:
    end = time.monotonic() + 180
    while _journalled(out) < lines:
        assert process.is_alive(), "it ended before it was killed"
        assert time.monotonic() < end, f"it stands at {_journalled(out)} lines"
        time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not out.exists()


def _check(out: Path, log_path: Path) -> None:
    """Every sample once, with the rule's answers to its own response or a reason."""
    old, log = read_eval_log(str(log_path)), read_eval_log(str(out))
    rows = read_sidecars([write_sidecar(out)])
    assert log.status == "success"
    assert [(s.id, s.epoch) for s in log.samples] == [(s.id, s.epoch) for s in old.samples]
    assert len(rows) == len(old.samples)
    scored = 0
    for row, sample in zip(rows.itertuples(), old.samples, strict=True):
        if row.unscored:
            assert "tries" in row.unscored
            continue
        rule, scored = verdict(sample.output.completion), scored + 1
        assert (row.refused, row.usefulness) == (rule["refused"], rule["usefulness"])
        assert (row.coherent, row.language) == (rule["coherent"], rule["language"])
    assert scored > 0.95 * len(rows), "four tries leave hardly anything"
    assert log.results.total_samples == len(rows)


def _answers(server: Server) -> int:
    """How many requests got an answer that can be read."""
    return Counter(request["fate"] for request in server.requests)["ok"]


def test_three_kills_in_a_storm_lose_nothing_and_repeat_little(log_path: Path, tmp_path: Path) -> None:
    out, samples = tmp_path / "stormy.eval", len(read_eval_log(str(log_path)).samples)
    with serving(tmp_path, faults=dict.fromkeys(FAULTS, 0.1), seed=1, stall=4) as server:
        judge = LLMJudge(
            model="openai-api/local/rule",
            base_url=server.url,
            attempt_timeout=2,
            max_retries=1,  # Inspect waits 3-6 s after a stall, then longer and longer
            tries=4,
            max_connections=CONNECTIONS,
            cache=False,
        )
        for part in (0.2, 0.45, 0.7):
            _kill_at(int(part * samples), forked(rejudge, log_path, judge, out), out)
        last = forked(rejudge, log_path, judge, out)
        last.join(timeout=180)
        assert last.exitcode == 0
        fates = Counter(request["fate"] for request in server.requests)
        answers, requests = _answers(server), len(server.requests)
        rejudge(log_path, judge, out)
        assert len(server.requests) == requests, "a finished log asks nothing"
    assert samples >= 300
    assert set(fates) == {"ok", *FAULTS}
    assert all(0.05 * requests < fates[fault] < 0.15 * requests for fault in FAULTS)
    _check(out, log_path)
    # a kill can waste what was on its way, and an answer may come as its time runs out; nothing else
    assert answers - samples <= 3 * CONNECTIONS + 10


def test_the_batch_runner_and_rejudging_give_the_same_scores(
    policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    def run(judging: dict[str, object], name: str) -> Path:
        task = TASKS["harmful_requests"](data=str(data), judge=judging)
        return run_task(task, policy, Sampling(max_new_tokens=24), 3, tmp_path / name, IDENTITY)

    with serving(tmp_path) as server:
        rule = LLMJudge(
            model="openai-api/local/rule", base_url=server.url, cache=False, called="by rule"
        )
        ran = run(rule.spec(), "a.eval")
        again = rejudge(run(judge, "exact.eval"), rule, tmp_path / "b.eval")
    one, other = read_eval_log(str(ran)), read_eval_log(str(again))
    assert one.status == other.status == "success"
    assert [s.scores for s in one.samples] == [s.scores for s in other.samples]
    assert other.eval.metadata["judge"] == "by rule"
    assert other.eval.metadata["judge_spend"]["calls"] == len(other.samples)
