"""A worker: a process on this machine that runs tasks one after another and dies with its run.

It lives across steps, and is bound to its GPUs for as long as it lives. Without GPUs it is forked, on
Linux, from a process that has loaded the libraries (``preload``), so that a run loads them once. That
process has the environment of the first worker: where another is asked for, the worker is spawned.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

from planb.catalogue import load_sources, loaded_sources
from planb.errors import PlanBError
from planb.study.running.devices import VISIBLE
from planb.study.running.task import Answer, Task, execute, redirect, set_library_defaults
from planb.training.parent import die_with_starter

LIBRARIES = "planb.study.running.preload"
"""The module that loads what most steps need, before workers are forked."""
_SPAWN = multiprocessing.get_context("spawn")
_FORKED_FROM: dict[str, str] = {}
"""The environment of the process that workers are forked from; empty: there is none yet."""
_SET_BY_LIBRARIES = {
    *("PYTEST_CURRENT_TEST", "TORCHINDUCTOR_CACHE_DIR", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")
}
"""What pytest, torch and scikit-learn set in the process that loads them; a worker loads its own."""
_READ_WHEN_USED = "AWS_"
"""How the variables begin that are read when a bucket is opened, and not when libraries are loaded."""


class Worker:
    """The run's end of a worker process. ``devices`` are the GPUs that it sees, by CUDA's names."""

    def __init__(self, devices: Sequence[str] = ()) -> None:
        self.devices = tuple(devices)
        self.connection, theirs = _SPAWN.Pipe()
        with _seeing(self.devices):
            started = dict(os.environ)
            forked = not self.devices and _can_fork(started)
            how: SpawnContext | ForkServerContext = _SPAWN
            if forked:
                how = multiprocessing.get_context("forkserver")
            self.process = how.Process(
                target=_main, args=(theirs, started, loaded_sources()), name="planb worker"
            )
            with (
                nullcontext() if forked else _interrupts_ignored()
            ):  # a fork may wait for the libraries
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
        return Answer("failed", message=_why_it_died(self.process.exitcode), died=True)

    @property
    def signals(self) -> tuple[Connection, int]:
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


def _can_fork(environment: dict[str, str]) -> bool:
    """Whether a worker without GPUs can be forked. With libraries loaded that is sound on Linux only,
    and the worker has what they read from the environment when they were loaded."""
    if sys.platform != "linux":
        return False
    wanted = {
        name: value
        for name, value in environment.items()
        if name not in _SET_BY_LIBRARIES and not name.startswith(_READ_WHEN_USED)
    }
    if not _FORKED_FROM:
        forkserver.set_forkserver_preload([LIBRARIES])
        try:
            with _interrupts_ignored(), _variable("PYTHONPATH", os.pathsep.join(sys.path)):
                forkserver.ensure_running()
        except OSError:  # no socket can be had, as where the temporary folder's path is too long
            return False
        _FORKED_FROM.update(wanted)
    return wanted == _FORKED_FROM


def _why_it_died(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        memory = ": the system may have run out of memory; try --jobs 1" if name == "SIGKILL" else ""
        return f"its worker process was killed by {name}{memory}"
    return f"its worker process ended with exit code {exit_code} during the step"


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


def _seeing(devices: Sequence[str]) -> AbstractContextManager[None]:
    """A child started in here sees these GPUs and no others, whenever it loads torch."""
    return _variable(VISIBLE, ",".join(devices))


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """A child started in here has this variable."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


# -- inside the worker process ------------------------------------------------------------------


def _main(connection: Connection, environment: dict[str, str], sources: dict[str, Path]) -> None:
    die_with_starter()
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_library_defaults()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    redirect(nowhere, nowhere)
    broken = ""
    try:
        load_sources(sources)
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
            why = broken or f"the step cannot be sent to a worker: {type(error).__name__}: {error}"
            connection.send(Answer("failed", message=why))
            continue
        connection.send(execute(task))
