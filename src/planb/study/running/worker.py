"""A worker: a process on this machine that runs tasks one after another and dies with its run.

It lives across steps, so torch is loaded once, and is bound to its GPUs for as long as it lives.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from planb.catalogue import load_sources, loaded_sources
from planb.errors import PlanBError
from planb.study.running.devices import VISIBLE
from planb.study.running.task import Answer, Task, execute, redirect, set_library_defaults
from planb.training.parent import die_with

_SPAWN = multiprocessing.get_context("spawn")


class Worker:
    """The run's end of a worker process. ``devices`` are the GPUs that it sees, by CUDA's names."""

    def __init__(self, devices: Sequence[str] = ()) -> None:
        self.devices = tuple(devices)
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(
            target=_main,
            args=(theirs, os.getpid(), loaded_sources()),
            name="planb worker",
        )
        with _interrupts_ignored(), _seeing(self.devices):
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


@contextmanager
def _seeing(devices: Sequence[str]) -> Iterator[None]:
    """A child started in here sees these GPUs and no others, whenever it loads torch."""
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = ",".join(devices)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VISIBLE]
        else:
            os.environ[VISIBLE] = before


# -- inside the worker process ------------------------------------------------------------------


def _main(connection: Connection, parent: int, sources: dict[str, Path]) -> None:
    die_with(parent)
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
