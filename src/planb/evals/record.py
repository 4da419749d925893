"""A finished run as an ``.eval`` log: what ``inspect view`` opens, and the one record of evaluation."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from inspect_ai import Task
from inspect_ai._eval.task.log import resolve_eval_scorers
from inspect_ai._eval.task.results import eval_results
from inspect_ai._util.constants import PKG_NAME
from inspect_ai._util.registry import registry_log_name, registry_params
from inspect_ai.dataset import Sample
from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalError,
    EvalLog,
    EvalPlan,
    EvalPlanStep,
    EvalSample,
    EvalSpec,
    EvalStats,
)
from inspect_ai.model import GenerateConfig, ModelUsage
from inspect_ai.scorer import SampleScore, Score, Scorer
from inspect_ai.scorer._scorer import as_scorer_spec, unique_scorer_name
from inspect_ai.solver import Solver, TaskState
from pydantic_core import to_jsonable_python

from planb.evals.log_file import put_log
from planb.redaction import redacted
from planb.values import digest_of


@dataclass(frozen=True)
class Run:
    """Metadata of an evaluation run. ``model`` holds the checkpoint's digest."""

    task: Task
    model: str
    checkpoint: str
    config: GenerateConfig
    identity: dict[str, str]
    started: datetime


def scorers_of(task: Task) -> list[tuple[str, Scorer]]:
    """The task's scorers under the names that Inspect gives them."""
    named: list[tuple[str, Scorer]] = []
    for scorer in task.scorer or []:
        named.append((unique_scorer_name(scorer, [name for name, _ in named]), scorer))
    return named


def solvers_of(task: Task) -> list[Solver]:
    """Solvers of a task, in order: set-up, then the solver's steps (a chain is a sequence)."""
    steps: list[Solver] = []
    for part in (task.setup, task.solver):
        if isinstance(part, Sequence):
            steps.extend(part)
        elif part is not None:
            steps.append(part)
    return steps


@dataclass(frozen=True)
class Finished:
    """One sample, solved and scored. ``usage`` is of all its requests; ``error`` is what stopped it."""

    sample: Sample
    state: TaskState
    scores: dict[str, Score]
    usage: ModelUsage
    error: Exception | None


def write_log(run: Run, finished: list[Finished], path: Path) -> None:
    """Write the run's log."""
    put_log(log_of(run, finished), path)


def log_of(run: Run, finished: list[Finished]) -> EvalLog:
    """The run as Inspect's log, with the metrics that its scorers declare."""
    ended = datetime.now(UTC)
    failed = [sample.error for sample in finished if sample.error is not None]
    samples = list(_samples(run, finished, ended))
    named = scorers_of(run.task)
    results, reductions = eval_results(
        samples=len(finished),
        scores=[_sample_scores(sample) for sample in finished if sample.scores],
        reducers=run.task.epochs_reducer,
        scorers=[scorer for _, scorer in named],
        metrics=run.task.metrics,
        scorer_names=[name for name, _ in named],
        completed_samples=len(finished) - len(failed),
        headline_metric=run.task.headline_metric,
    )
    usage = sum((sample.usage for sample in finished), ModelUsage())
    log = EvalLog(
        status="error" if failed else "success",
        eval=_spec(run, finished),
        plan=EvalPlan(steps=[_step(solver) for solver in solvers_of(run.task)], config=run.config),
        results=results,
        stats=EvalStats(
            started_at=run.started.isoformat(),
            completed_at=ended.isoformat(),
            model_usage={run.model: usage},
        ),
        error=_eval_error(failed[0], len(failed), len(finished)) if failed else None,
        samples=samples,
    )
    log.reductions = reductions or None  # the constructor cannot take results and reductions at once
    return log


def _spec(run: Run, finished: list[Finished]) -> EvalSpec:
    task = run.task
    args = registry_params(task) if task.registry_name else {}
    ids = list(dict.fromkeys(sample.state.sample_id for sample in finished))
    return EvalSpec(
        created=run.started.isoformat(),
        task=task.name,
        task_id=digest_of([task.name, str(task.version), to_jsonable_python(args)])[:22],
        run_id=digest_of([run.model, run.started.isoformat(), run.identity])[:22],
        task_registry_name=task.registry_name,
        task_display_name=task.display_name,
        task_version=task.version,
        task_args=args,
        task_args_passed=args,
        dataset=EvalDataset(
            name=task.dataset.name,
            location=task.dataset.location,
            samples=len(task.dataset),
            sample_ids=ids,
            shuffled=task.dataset.shuffled,
        ),
        model=run.model,
        model_generate_config=run.config,
        model_args={"checkpoint": run.checkpoint},
        config=EvalConfig(epochs=task.epochs or 1),
        scorers=resolve_eval_scorers([as_scorer_spec(scorer) for scorer in task.scorer or []]),
        packages={PKG_NAME: version(PKG_NAME), "planb": version("planb")},
        metadata={**(task.metadata or {}), **run.identity},
        tags=task.tags,
        headline_metric=task.headline_metric,
    )


def _step(solver: Solver) -> EvalPlanStep:
    params = registry_params(solver)
    return EvalPlanStep(solver=registry_log_name(solver), params=params, params_passed=params)


def _samples(run: Run, finished: list[Finished], ended: datetime) -> Iterator[EvalSample]:
    for done in finished:
        state = done.state
        yield EvalSample(
            id=state.sample_id,
            epoch=state.epoch,
            input=done.sample.input,
            choices=done.sample.choices,
            target=done.sample.target,
            metadata=state.metadata,
            messages=state.messages,
            output=state.output,
            scores=done.scores,
            store=dict(state.store.items()),
            uuid=state.uuid,
            model_usage={run.model: done.usage},
            started_at=run.started.isoformat(),
            completed_at=ended.isoformat(),
            error=_eval_error(done.error) if done.error else None,
        )


def _sample_scores(done: Finished) -> dict[str, SampleScore]:
    return {
        name: SampleScore(score=score, sample_id=done.state.sample_id, scorer=name)
        for name, score in done.scores.items()
    }


def _eval_error(error: Exception, failed: int = 0, samples: int = 0) -> EvalError:
    count = f"{failed} of {samples} samples failed; the first: " if samples else ""
    text = redacted("".join(traceback.format_exception(error)))
    return EvalError(
        message=redacted(f"{count}{type(error).__name__}: {error}"), traceback=text, traceback_ansi=text
    )
