"""Attacks that talk, and models at a host, run by Inspect's own ``eval``: the log lies where the batch
runner would write it."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import Model, get_model
from inspect_ai.solver import Generate, Solver, TaskState, chain, solver

from planb.elicitation.pair_static import Prepared
from planb.elicitation.record import KEY
from planb.elicitation.solver import its_own
from planb.errors import PlanBError
from planb.evals.log_file import clean, one_thread
from planb.models.stops import SEEDLESS
from planb.types import Example

if TYPE_CHECKING:
    from planb.models.generation import Sampling

Progress = Callable[[int, int], None]
AT_ONCE = 512
"""So many samples run side by side: the provider's batches are made of what they ask at one time."""


def run_multi_turn(
    task: Task,
    policy: Path | Model,
    roles: dict[str, str],
    sampling: Sampling,
    seed: int,
    log_path: Path,
    identity: dict[str, str],
    progress: Progress | None = None,
) -> Path:
    """Run ``task`` on ``policy`` and write the ``.eval`` log (atomically).

    ``policy`` is a checkpoint's folder, or any model of Inspect's.

    ``roles`` names Inspect's models for the elicitation's roles: ``{"attacker": ..., "grader": ...}``.
    ``identity`` goes into the log's metadata, as ``run_task`` does it, and beside it which models take
    no seed (``take_no_seed``). A sample whose attack came to no
    outcome carries its error, and the log's status is then ``error``. Raises PlanBError for what the
    user can put right (no model for a role, a prompt that is too long), and where a model that is not
    ours answered nothing at all; then no log is written.
    """
    models = _models(task, roles)
    job = copy.copy(task)
    asked = {**models, **({"target": policy} if isinstance(policy, Model) else {})}
    job.metadata = {**(task.metadata or {}), "seed": str(seed), **identity, **_seedless(asked)}
    job.cleanup = _counted(task, progress)
    if isinstance(policy, Model):
        job.solver = chain(task.solver, answered())
    scratch = log_path.parent / f".{log_path.name}.{os.getpid()}.tmp"
    try:
        with one_thread():
            (log,) = inspect_eval(
                job,
                model=policy if isinstance(policy, Model) else _local(policy, sampling),
                model_roles=models,
                temperature=sampling.temperature,
                max_tokens=sampling.max_new_tokens,
                reasoning_tokens=sampling.thought_tokens,
                seed=seed,
                max_samples=AT_ONCE,
                continue_on_fail=True,
                log_dir=str(scratch),
                log_format="eval",
                log_realtime=False,
                log_model_api=False,
                display="none",
                ctl_server=False,
            )
        _check(log)
        if isinstance(policy, Model):
            _check_answered(log)
        clean(Path(log.location))
        Path(log.location).replace(log_path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return log_path


def save_prompts(log_path: Path, path: Path) -> Path:
    """The prompts of a finished log of ``pair``, best-rated first, as the file that ``pair_static``
    reads.

    PlanBError if no sample of the log has a rated prompt.
    """
    rows = []
    for sample in read_eval_log(str(log_path)).samples or []:
        rated = [turn for turn in sample.store.get(KEY, {}).get("turns", []) if turn["rating"]]
        prompts = [turn["prompt"] for turn in sorted(rated, key=lambda turn: -turn["rating"])]
        if prompts:
            request = Example.model_validate(sample.metadata["example"]).request
            once = tuple(dict.fromkeys(prompts))
            rows.append(Prepared(id=str(sample.id), request=request, prompts=once))
    if not rows:
        raise PlanBError(f"{log_path} has no rated prompts: it must be a log of the elicitation pair")
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    scratch.write_text("".join(json.dumps(row.model_dump(), ensure_ascii=False) + "\n" for row in rows))
    scratch.replace(path)
    return path


@solver
def answered() -> Solver:
    """Raises where the answer is not the model's own words, and the sample is unscored."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:  # noqa: ARG001
        return its_own(state)

    return solve


def _local(folder: Path, sampling: Sampling) -> Model:
    budget, engine = sampling.token_budget, sampling.engine
    return get_model(f"planb/{folder}", memoize=False, token_budget=budget, engine=engine)


def _models(task: Task, roles: dict[str, str]) -> dict[str, str | Model | list[str | Model]]:
    """A fresh model for each role: one that Inspect remembers may have lived in a loop that has
    ended."""
    about = task.metadata or {}
    missing = [role for role in about.get("elicitation_roles", ()) if role not in roles]
    if missing:
        raise PlanBError(
            f"{about['elicitation']} needs models in the roles {', '.join(missing)}: "
            'roles={"attacker": "...", "grader": "..."} (in the sandbox "planb_valley/attacker" and '
            "planb.sandbox.attacker.grader_name(world))"
        )
    models: dict[str, str | Model | list[str | Model]] = {}
    for role, name in roles.items():
        try:
            models[role] = get_model(name, memoize=False)
        except Exception as error:
            raise PlanBError(f"there is no model '{name}' for the role '{role}': {error}") from error
    return models


def _seedless(models: Mapping[str, Any]) -> dict[str, str]:
    """Which of them take no seed: of what they say the log's seed is no more than a number."""
    named = [role for role, model in models.items() if str(model).partition("/")[0] in SEEDLESS]
    return {"take_no_seed": ", ".join(named)} if named else {}


def _counted(task: Task, progress: Progress | None) -> Any:
    """Inspect calls a task's ``cleanup`` when a sample has been solved and scored, or has failed."""
    total, done = len(task.dataset) * (task.epochs or 1), 0

    async def cleanup(state: TaskState) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)
        if task.cleanup:
            await task.cleanup(state)

    return cleanup


def _check(log: EvalLog) -> None:
    """Raise for a run that has no log worth keeping: stopped, or stopped by what the user can put
    right."""
    ours = f"{PlanBError.__module__}.{PlanBError.__name__}"
    for sample in log.samples or []:
        if sample.error is not None and ours in sample.error.traceback:
            raise PlanBError(sample.error.message)
    if log.status not in ("success", "error") or not log.samples:
        raise PlanBError(
            f"the evaluation ended as '{log.status}': {log.error.message if log.error else 'stopped'}"
        )


def _check_answered(log: EvalLog) -> None:
    """Raise if every sample failed: the host is away, or does not know the model or the key."""
    errors = [sample.error for sample in log.samples or []]
    if all(errors) and errors[0] is not None:
        raise PlanBError(
            f"{log.eval.model} answered none of {len(errors)} requests: {errors[0].message.strip()}. "
            "Fix this and rerun the same command."
        )
