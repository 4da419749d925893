"""A task: one step to run in this process, whichever executor started the process.

What the step prints goes to ``output.log`` in its folder, and a failure's traceback to ``error.txt``
beside it.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from planb.errors import PlanBError, is_disk_full
from planb.redaction import redacted, without_secrets
from planb.study.running.meter import Meter
from planb.study.steps.step import Step, Work, identities_once
from planb.study.store.backends import opened
from planb.study.store.store import ERROR, OUTPUT, Store, explained

CHANGED = (
    "the step's inputs are not those that the run started with: a file that it reads changed while the "
    "study was running, or differs on the step's machine. Rerun the same command"
)


@dataclass(frozen=True)
class Task:
    """A step to run. ``identity`` is the one that it had when the run started; ``gpus`` is how many it
    gets; ``url`` is where finished steps go besides ``steps`` (empty: nowhere)."""

    step: Step
    identity: str
    steps: Path
    threads: int
    gpus: int = 0
    url: str = ""


@dataclass(frozen=True)
class Answer:
    """How a task ended. ``busy``: in progress in another run. ``lost``: its machine or worker was lost,
    and it should run again. ``disk_full``: nothing more is started. ``died``: its process ended, so no
    error file was written. ``trace`` is the traceback of a failure."""

    outcome: Literal["done", "busy", "failed", "lost"]
    seconds: float = 0.0
    message: str = ""
    disk_full: bool = False
    died: bool = False
    trace: str = ""


def execute(task: Task) -> Answer:
    """Run a task. Whatever the step raises becomes an answer.

    Identities are computed as it begins, and anew when it is through: they may take reading or writing
    whole data sets, and a step asks for the folder of an input again and again.
    """
    store = opened(task.steps, task.url)
    try:
        with identities_once():
            if store.identity(task.step) != task.identity:
                raise PlanBError(CHANGED)
            with store.locked(task.step) as got:
                if not got:
                    return Answer("busy")
                if store.settle(task.step):
                    return Answer("done")
                return _execute_locked(task, store)
    except PlanBError as error:
        return Answer("failed", message=str(error))


def _execute_locked(task: Task, store: Store) -> Answer:
    step, began = task.step, time.monotonic()
    started, resumed = datetime.now(UTC), store.begin(task.step)
    partial = store.partial(step)
    try:
        with output_to(partial / OUTPUT):
            for part in step.inputs():
                store.fetch(part)
                store.check(part)
            set_threads(step.threads)
            meter = Meter()
            step.run(Work(partial, task.steps, step.threads, step, task.url))
            spent = meter.spent()
            with identities_once(anew=True):
                if step.identity() != task.identity:
                    raise PlanBError(CHANGED)
        _clean(partial / OUTPUT)
        with output_to(partial / OUTPUT):
            seconds = time.monotonic() - began
            store.finish(step, started, seconds, step.threads, resumed, spent)
        return Answer("done", seconds=seconds)
    except BaseException as error:
        trace = redacted("".join(traceback.format_exception(error)))
        with suppress(OSError):
            (partial / ERROR).write_text(trace)
            _clean(partial / OUTPUT)
        return _failure(error, partial, trace)
    finally:
        _tidy()


def _failure(error: BaseException, partial: Path, trace: str) -> Answer:
    answer = _answer_for(error, partial, trace)
    return replace(answer, message=redacted(answer.message))


def _answer_for(error: BaseException, partial: Path, trace: str) -> Answer:
    if isinstance(error, PlanBError):
        full = error.__cause__ is not None and is_disk_full(error.__cause__, partial)
        return Answer("failed", message=str(error), disk_full=full, trace=trace)
    if full := is_disk_full(error, partial):
        error = (
            error if isinstance(error, OSError) and error.errno else OSError(errno.ENOSPC, str(error))
        )
    if isinstance(error, OSError) and (full or error.errno in (errno.EACCES, errno.EROFS)):
        why = str(explained(error, partial))
        return Answer("failed", message=why, disk_full=full, trace=trace)
    text = str(error).strip().split("\n")[0]
    why = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return Answer("failed", message=why, trace=trace)


def _clean(output: Path) -> None:
    """Take the secrets of this process out of what was printed: libraries print their requests."""
    printed = output.read_text(encoding="utf-8", errors="surrogateescape")
    if (kept := without_secrets(printed)) != printed:
        output.write_text(kept, encoding="utf-8", errors="surrogateescape")


def set_threads(threads: int) -> None:
    """What torch gets, loaded already or not, so that numbers do not depend on the machine."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def set_library_defaults() -> None:
    """Settings that libraries read when they are loaded: called before the first step is."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # A thread that waits for the other gives its core back soon: on a busy machine, 3-4 times faster.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def _tidy() -> None:
    """Give back what the step held, since the process goes on."""
    gc.collect()
    gc.freeze()  # what is left is modules: looking through them again would take 0.3 s a step
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.empty_cache()


@contextmanager
def output_to(path: Path) -> Iterator[None]:
    """Send stdout and stderr, of Python and of C code, to the end of a file, and then back."""
    before = os.dup(1), os.dup(2)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    redirect(target, target)
    try:
        yield
    finally:
        redirect(*before)


def redirect(out: int, err: int) -> None:
    """Make the descriptors this process's stdout and stderr, and close them."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in {out, err}:
        os.close(descriptor)
