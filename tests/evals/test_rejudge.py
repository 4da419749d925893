"""A log judged again: the same samples, another judge's scores, an honest status, nothing twice."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import ClassVar

import pytest
from filelock import FileLock
from inspect_ai.log import EvalError, read_eval_log, write_eval_log

from planb.errors import PlanBError
from planb.evals.rejudge import rejudge
from planb.evals.runner import run_task
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks import TASKS
from planb.judging import JUDGES, Judge, RefusalStrings, judge_of
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling
from planb.types import Example, Judgement, Spend

IDENTITY = {"study": "test", "model": "tiny", "organism": "none", "method": "base", "task": "harmful"}


class Counting(Judge):
    """Counts words and its own calls, and says nothing of every ``mute``-th response."""

    name: ClassVar[str] = "counting"
    asked: ClassVar[list[str]] = []

    mute: int = 0
    called: str = "words"

    @property
    def title(self) -> str:
        return self.called

    @property
    def at_once(self) -> int:
        return 4

    def identity(self) -> dict[str, str]:
        return {"judge": self.name, "model": "counter", "rubric": "0" * 64}

    async def judge(self, example: Example, response: str) -> Judgement:  # noqa: ARG002
        await asyncio.sleep(0)
        self.asked.append(response)
        if self.mute and len(self.asked) % self.mute == 0:
            raise RuntimeError("mute")
        spend = Spend(calls=1, tokens_in=10, tokens_out=2, cost=0.5)
        words = len(response.split())
        return Judgement(refused=words < 3, coherent=True, usefulness=words % 11, spend=spend)


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    Counting.asked.clear()
    monkeypatch.setitem(JUDGES.own, "counting", Counting)


@pytest.fixture
def log_path(policy: Policy, data: Path, judge: dict[str, object], tmp_path: Path) -> Path:
    """A log of real answers, each request asked twice."""
    task = TASKS["harmful_requests"](data=str(data), judge=judge)
    task.epochs = 2
    return run_task(task, policy, Sampling(), 3, tmp_path / "exact.eval", IDENTITY)


@pytest.mark.slow
def test_the_same_judge_gives_the_same_log_again(
    log_path: Path, judge: dict[str, object], tmp_path: Path
) -> None:
    out = rejudge(log_path, judge_of(judge), tmp_path / "again.eval")
    old, new = read_eval_log(str(log_path)), read_eval_log(str(out))
    assert new.status == "success"
    assert [s.scores for s in new.samples] == [s.scores for s in old.samples]
    assert new.results.scores == old.results.scores
    assert [s.output for s in new.samples] == [s.output for s in old.samples]
    one, other = (read_sidecars([write_sidecar(path)]) for path in (log_path, out))
    assert one.equals(other)


def test_another_judge_writes_its_scores_under_its_name(log_path: Path, tmp_path: Path) -> None:
    before = log_path.read_bytes()
    told: list[tuple[int, int]] = []
    out = rejudge(log_path, Counting(), tmp_path / "new.eval", lambda *done: told.append(done))
    log, rows = read_eval_log(str(out)), read_sidecars([write_sidecar(out)])
    n = len(log.samples)
    assert log_path.read_bytes() == before
    assert told == [(i, n) for i in range(1, n + 1)]
    assert set(rows.judge) == {"words"}
    assert set(rows.study) == {"test"}
    assert list(rows.usefulness) == [len(s.output.completion.split()) % 11 for s in log.samples]
    assert log.eval.metadata["judge_identity"] == Counting().identity()
    assert len(log.eval.metadata["rejudged_from"]) == 64
    assert log.eval.run_id != read_eval_log(str(log_path)).eval.run_id
    assert log.stats.role_usage["grader"].total_cost == 0.5 * n
    assert log.stats.model_usage["counter"].input_tokens == 10 * n
    assert log.eval.metadata["judge_spend"]["calls"] == n
    assert {s.scores["judged"].metadata["judge"] for s in log.samples} == {"counting"}


@pytest.mark.slow
def test_what_is_journalled_is_not_asked_again(log_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.eval"

    def stop(done: int, total: int) -> None:  # noqa: ARG001
        if done == 5:
            raise OSError("the disk is full")

    with pytest.raises(ExceptionGroup):
        rejudge(log_path, Counting(), out, stop)
    assert not out.exists()
    n = len(read_eval_log(str(log_path)).samples)
    assert 5 <= len(Counting.asked) < n / 2
    rejudge(log_path, Counting(), out)
    assert len(Counting.asked) == n
    first = read_eval_log(str(out))
    rejudge(log_path, Counting(), out)
    assert len(Counting.asked) == n
    assert read_eval_log(str(out)).samples == first.samples


@pytest.mark.slow
def test_an_old_journal_gives_no_more_than_its_judge_does(
    log_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Journals of before say nothing of what a judge gives; a compliance of refusals alone is none."""
    out, journal = tmp_path / "new.eval", tmp_path / "new.judgements.jsonl"
    rejudge(log_path, Counting(), out)
    assert b'"gives"' not in journal.read_bytes()
    assert "complied" in read_eval_log(str(out)).samples[0].scores["judged"].value
    monkeypatch.setattr(Counting, "gives", ("refused", "usefulness"))
    rejudge(log_path, Counting(), out)
    values = [sample.scores["judged"].value for sample in read_eval_log(str(out)).samples]
    assert {value["complied"] for value in values} == {value["severity"] for value in values} == {None}
    assert None not in {value["refused"] for value in values}


@pytest.mark.slow
def test_a_torn_last_line_is_asked_again_and_a_broken_one_before_it_is_an_error(
    log_path: Path, tmp_path: Path
) -> None:
    out, journal = tmp_path / "new.eval", tmp_path / "new.judgements.jsonl"
    rejudge(log_path, Counting(), out)
    whole, scores = journal.read_bytes(), [s.scores for s in read_eval_log(str(out)).samples]
    os.truncate(journal, len(whole) - 7)
    before = len(Counting.asked)
    rejudge(log_path, Counting(), out)
    assert len(Counting.asked) == before + 1
    assert sorted(journal.read_bytes().splitlines()) == sorted(whole.splitlines())
    assert [s.scores for s in read_eval_log(str(out)).samples] == scores
    journal.write_bytes(whole.replace(b'"epoch"', b'"epok"', 1))
    with pytest.raises(PlanBError, match="line 1 is not a judgement"):
        rejudge(log_path, Counting(), out)


@pytest.mark.slow
def test_another_judge_and_another_response_are_asked(log_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.eval"
    rejudge(log_path, Counting(), out)
    before = len(Counting.asked)
    log = read_eval_log(str(log_path))
    log.samples[0].output.completion = "Something else was said."
    write_eval_log(log, str(log_path))
    rejudge(log_path, Counting(), out)
    assert Counting.asked[before:] == ["Something else was said."]
    rejudge(log_path, RefusalStrings(), out)
    assert read_eval_log(str(out)).eval.metadata["judge"] == "refusal_strings"


@pytest.mark.slow
def test_unscored_ones_have_reasons_and_can_be_asked_again(log_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.eval"
    rejudge(log_path, Counting(mute=4), out)
    rows = read_sidecars([write_sidecar(out)])
    n, mute = len(rows), int(rows.severity.isna().sum())
    assert read_eval_log(str(out)).status == "success"
    assert mute == n // 4
    assert set(rows.unscored[rows.severity.isna()]) == {"RuntimeError: mute"}
    rejudge(log_path, Counting(), out)
    assert len(Counting.asked) == n
    rejudge(log_path, Counting(), out, ask_again=True)
    assert len(Counting.asked) == n + mute
    assert read_sidecars([write_sidecar(out)]).severity.notna().all()


def test_a_judge_that_scores_nothing_is_no_success(log_path: Path, tmp_path: Path) -> None:
    log = read_eval_log(str(rejudge(log_path, Counting(mute=1), tmp_path / "new.eval")))
    assert log.status == "error"
    assert "none of" in log.error.message
    assert "mute" in log.error.message


@pytest.mark.slow
def test_what_was_lost_before_stays_lost_and_is_said(log_path: Path, tmp_path: Path) -> None:
    log = read_eval_log(str(log_path))
    log.samples[1].error = EvalError(message="no answer", traceback="", traceback_ansi="")
    log.samples[1].scores = {}
    lost = log.samples.pop()
    write_eval_log(log, str(log_path))
    out = rejudge(log_path, Counting(), tmp_path / "new.eval")
    new = read_eval_log(str(out))
    assert new.status == "error"
    assert "1 are missing from the log, and 1 failed" in new.error.message
    assert lost.id not in {s.id for s in new.samples if s.epoch == lost.epoch}
    rows = read_sidecars([write_sidecar(out)])
    assert rows.unscored[1] == "error: no answer"
    assert rows.severity.isna().sum() == 1


def test_what_cannot_be_judged_is_said_and_nothing_is_written(log_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.eval"
    with pytest.raises(PlanBError, match="grader"):
        rejudge(log_path, judge_of("llm"), out)
    with pytest.raises(PlanBError, match="another name"):
        rejudge(log_path, Counting(), log_path)
    with pytest.raises(PlanBError, match="no log"):
        rejudge(tmp_path / "none.eval", Counting(), out)
    with (
        FileLock(tmp_path / ".new.judgements.jsonl.lock"),
        pytest.raises(PlanBError, match="another process"),
    ):
        rejudge(log_path, Counting(), out)
    log = read_eval_log(str(log_path))
    log.status = "started"
    write_eval_log(log, str(log_path))
    with pytest.raises(PlanBError, match="started"):
        rejudge(log_path, Counting(), out)
    assert not out.exists()
