"""A finished log, judged again: reads it, runs another judge, writes another log. No model is run.

Every judgement is journalled beside the new log as it comes (``planb.evals.journal``), so a call that
was killed is repeated as it was, and repeats no call that was answered.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from inspect_ai._eval.task.log import resolve_eval_scorers
from inspect_ai._eval.task.results import eval_results
from inspect_ai.log import EvalError, EvalLog, EvalSample, read_eval_log
from inspect_ai.model import ModelUsage
from inspect_ai.scorer import SampleScore
from inspect_ai.scorer._scorer import as_scorer_spec

from planb.errors import PlanBError
from planb.evals.journal import Journal, Key
from planb.evals.log_file import put_log
from planb.evals.own_loop import completed
from planb.evals.tasks.coherence import coherent, of_coherence
from planb.judging import Judge, judge_response
from planb.judging.judge import given, shown
from planb.judging.scorer import EXAMPLE, judged, score_of
from planb.types import Example, Judgement, Spend
from planb.values import digest_of

COHERENCE = "coherence"
"""The task whose scores hold more than what its judge says."""
SCORER = "judged"
"""The name of the scores in the new log, as in the logs of planb's tasks."""
KEY = ("id", "epoch", "judged", "judge")
"""What a judgement is found by: the sample, and hashes of what was judged and of the judge."""
Progress = Callable[[int, int], None]


def rejudge(
    log: Path,
    judge: Judge,
    out: Path,
    progress: Progress | None = None,
    *,
    ask_again: bool = False,
) -> Path:
    """Judge every sample of the log ``log`` with ``judge`` and write the log ``out`` (atomically).

    The new log is the old one with the new scores; its metadata name the judge, and the log that it was
    made of by its hash. Its status is ``success`` only if every sample of the old one's data set is in
    it and was judged, or is unscored with a reason, and not all of them are unscored. A sample that
    failed before it was judged keeps its error. Calling it again judges only what the journal
    (``x.judgements.jsonl`` beside ``x.eval``) has not; ``ask_again`` repeats what it has as unscored,
    too. ``progress`` is called with (judged, of how many). Raises PlanBError if the log is unfinished
    or no planb task's, if the judge cannot judge here, or if another process is judging into ``out``.
    """
    old = _finished(log)
    if out.resolve() == log.resolve():
        raise PlanBError(f"{out} is the input log: choose another name for the new one")
    identity, started = judge.identity(), datetime.now(UTC)
    items = _items(old, log, judge)
    journalled = out.with_suffix(".judgements.jsonl")
    with Journal(journalled, Judgement, KEY, "judgement") as journal:
        completed(_judge_all(judge, items, journal, progress, ask_again))
        judgements = {
            (item.sample.id, item.sample.epoch): given(judge, journal[item.key]) for item in items
        }
        new = _log(old, judge, identity, judgements)
        new.eval.metadata = {**(new.eval.metadata or {}), "rejudged_from": _sha256(log)}
        new.eval.created = started.isoformat()
        put_log(new, out)
    return out


class _Item(NamedTuple):
    key: Key
    sample: EvalSample
    example: Example


def _finished(path: Path) -> EvalLog:
    if not path.exists():
        raise PlanBError(f"there is no log {path}")
    log = read_eval_log(str(path))
    if log.status not in ("success", "error") or not log.samples:
        raise PlanBError(
            f"{path} is a log of status '{log.status}' with {len(log.samples or [])} samples: finish "
            "its evaluation first"
        )
    return log


def _items(log: EvalLog, path: Path, judge: Judge) -> list[_Item]:
    """What is to be judged: the samples that came to an answer."""
    items, who = [], digest_of(judge.identity())
    for sample in log.samples or []:
        if sample.error is not None:
            continue
        if EXAMPLE not in sample.metadata:
            raise PlanBError(
                f"{path}: sample '{sample.id}' has no example, which judges need: use the log of a "
                "planb task"
            )
        example = Example.model_validate(sample.metadata[EXAMPLE])
        judged_text = digest_of([example.request, shown(judge, sample.output.completion)])
        key = (str(sample.id), sample.epoch, judged_text, who)
        items.append(_Item(key, sample, example))
    return items


async def _judge_all(
    judge: Judge,
    items: list[_Item],
    journal: Journal[Judgement],
    progress: Progress | None,
    ask_again: bool,
) -> None:
    """Ask what is not known yet, as many at a time as the judge takes."""
    known = {i.key for i in items if i.key in journal}
    if ask_again:
        known -= {key for key in known if journal[key].silent}
    wanted = [item for item in items if item.key not in known]
    places = asyncio.Semaphore(judge.at_once)
    done = len(items) - len(wanted)

    async def one(item: _Item) -> None:
        nonlocal done
        async with places:
            judgement = await judge_response(judge, item.example, item.sample.output.completion)
            journal.add(item.key, judgement)
            done += 1
            if progress:
                progress(done, len(items))

    if not wanted:
        return
    try:
        await judge.ready()
        async with asyncio.TaskGroup() as group:
            for item in wanted:
                group.create_task(one(item))
    finally:
        await judge.close()


def _log(
    old: EvalLog,
    judge: Judge,
    identity: dict[str, str],
    judgements: dict[tuple[int | str, int], Judgement],
) -> EvalLog:
    """The old log with the new scores, results, judge and status."""
    new = old.model_copy(deep=True)
    of_task = (old.eval.metadata or {}).get("task") == COHERENCE
    scorer = (coherent if of_task else judged)(judge.spec())
    rows: list[dict[str, SampleScore]] = []
    for sample in new.samples or []:
        judgement = judgements.get((sample.id, sample.epoch))
        sample.scores = {} if judgement is None else {SCORER: score_of(judgement, identity)}
        for score in sample.scores.values() if of_task else ():
            of_coherence(score, sample.output.completion)
        rows += [
            {SCORER: SampleScore(score=score, sample_id=sample.id, scorer=SCORER)}
            for score in sample.scores.values()
        ]
    results, reductions = eval_results(
        samples=len(new.samples or []),
        scores=rows,
        reducers=None,
        scorers=[scorer],
        metrics=None,
        scorer_names=[SCORER],
        completed_samples=len(rows),
    )
    new.eval.scorers = resolve_eval_scorers([as_scorer_spec(scorer)])
    said = {"judge": judge.title, "judge_identity": identity, "judge_error": judge.error}
    new.eval.metadata = {**(new.eval.metadata or {}), **said}
    new.eval.run_id = digest_of([old.eval.run_id, identity])[:22]
    new.eval.eval_id = digest_of([old.eval.eval_id, identity])[:22]
    new.results, new.reductions = results, reductions or None
    new.error = _trouble(old, list(judgements.values()))
    new.status = "error" if new.error else "success"
    _add_spend(new, identity["model"], judgements)
    return new


def _trouble(old: EvalLog, judgements: list[Judgement]) -> EvalError | None:
    """Why the new log is no success: samples lost or failed before, or nothing scored at all."""
    samples = old.samples or []
    ids = old.eval.dataset.sample_ids
    expected = len(ids) * (old.eval.config.epochs or 1) if ids else len(samples)
    lost = max(expected - len(samples), 0)
    failed = len(samples) - len(judgements)
    if lost or failed:
        message = f"of {expected} samples {lost} are missing from the log, and {failed} failed in it"
    elif all(judgement.silent for judgement in judgements):
        first = judgements[0].unscored
        message = f"the judge scored none of {len(judgements)} samples; the first: {first}"
    else:
        return None
    return EvalError(message=message, traceback=message, traceback_ansi=message)


def _add_spend(log: EvalLog, model: str, judgements: dict[tuple[int | str, int], Judgement]) -> None:
    """What the judge cost stands beside what the samples did, under the judge's model."""
    spend = sum((judgement.spend for judgement in judgements.values()), Spend())
    if spend.calls:
        usage = ModelUsage(
            input_tokens=spend.tokens_in,
            output_tokens=spend.tokens_out,
            total_tokens=spend.tokens_in + spend.tokens_out,
            total_cost=spend.cost,
        )
        log.stats.role_usage = {**log.stats.role_usage, "grader": usage}
        log.stats.model_usage = {
            **log.stats.model_usage,
            model: log.stats.model_usage.get(model, ModelUsage()) + usage,
        }
    metadata: dict[str, Any] = {**(log.eval.metadata or {}), "judge_spend": spend.model_dump()}
    log.eval.metadata = metadata


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
