"""A worker: a process that runs steps one after another and dies with the run that started it.

It lives across steps, so torch is loaded once. What a step prints goes to ``output.log`` in the
step's folder, and a failure's traceback to ``error.txt`` beside it.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from planb.study.source import load_source, loaded_sources
from planb.study.step import Step, Work
from planb.study.store import ERROR, OUTPUT, Store, explained
from planb.types import PlanBError

_SPAWN = multiprocessing.get_context("spawn")
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Task:
    """A step to run. ``identity`` is what the run took it for when it started."""

    step: Step
    identity: str
    steps: Path
    threads: int


@dataclass(frozen=True)
class Answer:
    """How a task went. ``busy``: another run is at it. ``disk_full``: nothing more is started."""

    outcome: Literal["done", "busy", "failed"]
    seconds: float = 0.0
    message: str = ""
    disk_full: bool = False


class Worker:
    """The run's end of a worker process."""

    def __init__(self) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(
            target=_main,
            args=(theirs, os.getpid(), loaded_sources()),
            name="planb worker",
        )
        with _interrupts_ignored():
            self.process.start()
        theirs.close()

    def send(self, task: Task) -> None:
        """Hand over a task. A worker that has died shows in ``answer``."""
        with suppress(BrokenPipeError):
            self.connection.send_bytes(pickle.dumps(task))

    def answer(self) -> Answer:
        """The answer to the task, once the connection or the process's sentinel is ready."""
        try:
            if self.connection.poll(0):
                answer: Answer = self.connection.recv()
                return answer
        except (EOFError, OSError):
            pass
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        return Answer("failed", message=_why_it_died(self.process.exitcode))

    @property
    def bells(self) -> tuple[Connection, int]:
        """What to wait on: one of them is ready once there is an answer or the process has died."""
        return self.connection, self.process.sentinel

    @property
    def alive(self) -> bool:
        return self.process.is_alive()

    def stop(self, at_once: bool = False) -> None:
        """End the process: after it has tidied up, or at once."""
        with suppress(OSError):
            self.connection.close()
        if at_once:
            self.process.terminate()
        self.process.join(2 if at_once else 10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _why_it_died(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        memory = ": often the system ran out of memory; try --jobs 1" if name == "SIGKILL" else ""
        return f"its worker process was killed by {name}{memory}"
    return f"its worker process ended with exit code {exit_code} in the middle of the step"


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """A child started in here never sees Ctrl-C: the run that started it decides what to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# -- inside the worker process ------------------------------------------------------------------


def _main(connection: Connection, parent: int, sources: dict[str, Path]) -> None:
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # A thread that waits for the other gives its core back soon: on a busy machine, 3-4 times faster.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    _redirect(os.open(os.devnull, os.O_WRONLY))
    broken = ""
    try:
        for path in sources.values():
            load_source(path)
    except PlanBError as error:
        broken = str(error)
    while True:
        try:
            received = connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            task: Task = pickle.loads(received)
        except Exception as error:
            why = broken or f"the step cannot be handed to a worker: {type(error).__name__}: {error}"
            connection.send(Answer("failed", message=why))
            continue
        connection.send(_do(task))


def _do(task: Task) -> Answer:
    store = Store(task.steps)
    try:
        if store.identity(task.step) != task.identity:
            raise PlanBError(_CHANGED)
        with store.locked(task.step) as got:
            if not got:
                return Answer("busy")
            if store.is_done(task.step):
                return Answer("done")
            return _do_locked(task, store)
    except PlanBError as error:
        return Answer("failed", message=str(error))


def _do_locked(task: Task, store: Store) -> Answer:
    """Run the step; the answer is all that leaves here, whatever the step raises."""
    step, began = task.step, time.monotonic()
    started, resumed = datetime.now(UTC), store.begin(task.step)
    partial = store.partial(step)
    try:
        with _output_to(partial / OUTPUT):
            _set_threads(step.threads)
            step.run(Work(out=partial, steps=task.steps, threads=step.threads))
            if step.identity() != task.identity:
                raise PlanBError(_CHANGED)
            seconds = time.monotonic() - began
            store.finish(step, started, seconds, step.threads, resumed)
        return Answer("done", seconds=seconds)
    except BaseException as error:
        with suppress(OSError):
            (partial / ERROR).write_text("".join(traceback.format_exception(error)))
        return _failure(error, partial)
    finally:
        _tidy()


_CHANGED = "a file that the step reads changed while the study was running: run the same command again"


def _failure(error: BaseException, partial: Path) -> Answer:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, PlanBError):
        return Answer("failed", message=str(error))
    if isinstance(error, OSError) and (full or error.errno in (errno.EACCES, errno.EROFS)):
        return Answer("failed", message=str(explained(error, partial)), disk_full=full)
    text = str(error).strip().split("\n")[0]
    return Answer("failed", message=f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _set_threads(threads: int) -> None:
    """What torch gets, loaded already or not, so that numbers do not depend on the machine."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def _tidy() -> None:
    """Give back what the step held, since the process goes on."""
    gc.collect()
    gc.freeze()  # what is left is modules: looking through them again would take 0.3 s a step
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.empty_cache()


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send stdout and stderr, of Python and of C code, to the end of a file; afterwards to nowhere."""
    _redirect(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
    try:
        yield
    finally:
        _redirect(os.open(os.devnull, os.O_WRONLY))


def _redirect(target: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)


def _die_with(parent: int) -> None:
    """End this process when the run's process is gone, even by ``kill -9``."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=watch, daemon=True, name="watch the run").start()
