"""Executor on a Ray cluster: many machines, GPUs as a resource, lost workers replaced.

Ray chooses the machine; the step runs there as in a worker process of this machine. The machines
share the study's folder, or exchange finished steps through an fsspec URL.
"""

from __future__ import annotations

import os
import pickle
import platform
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from planb.catalogue import load_sources, loaded_sources
from planb.errors import PlanBError
from planb.study.planning.estimate import Resources, cores
from planb.study.running.devices import VISIBLE
from planb.study.running.executor import fits
from planb.study.running.task import Answer, Task, execute, set_library_defaults
from planb.study.steps.step import Step
from planb.study.store.backends import cache_folder, opened

OBJECTS = 100_000_000
"""Bytes for Ray's object store where we start a cluster: only tasks and answers go through it."""
VISIBLE_WITHIN = 60.0
"""Seconds that a finished step may take to be seen here: network file systems remember what was not."""
CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a cluster to answer at its address."""
_START = (
    "start one with `ray start --head`, with the same versions of Python and Ray as here, and give "
    "its address as --on ray:HOST:PORT or in RAY_ADDRESS"
)


class RayExecutor:
    """The workers of a Ray cluster. ``address``: of one that is there (``HOST:PORT``, ``auto``); empty:
    that of ``RAY_ADDRESS``, or else a cluster of this machine alone that ends with the run. ``jobs``
    caps the cores used at once.
    """

    def __init__(self, address: str = "", jobs: int | None = None) -> None:
        self.ray = _ray()
        self.jobs = jobs
        self.ours = not self.ray.is_initialized()
        if self.ours:
            _join(self.ray, address or os.environ.get("RAY_ADDRESS", ""), jobs)
        self.on_cpu = self.ray.remote(max_retries=0)(perform)
        self.on_gpu = self.ray.remote(max_retries=0, max_calls=1, num_gpus=1)(perform)
        self.running: dict[Any, Task] = {}
        self.looked, self.seen = 0.0, [Resources(1)]
        self.most_gpus = max(one.gpus for one in self._machines())

    def resources(self) -> Resources:
        whole = Resources(*(sum(sizes) for sizes in zip(*self._machines(), strict=True)))
        return Resources(min(self.jobs or whole.cores, whole.cores), whole.gpus)

    def needs(self, step: Step) -> Resources:
        if step.gpus > self.most_gpus > 0:
            raise PlanBError(
                f"{step.slug} requests {step.gpus} GPUs, but no machine of the cluster has more than "
                f"{self.most_gpus}: give the study's model fewer, or add a machine that has them"
            )
        widest = min(max(one.cores for one in self._machines()), self.resources().cores)
        return Resources(cores(step, widest), min(step.gpus, self.most_gpus))

    def can_start(self, step: Step, reserved: Resources) -> bool:
        need = self.needs(step)
        if not any(m.cores >= need.cores and m.gpus >= need.gpus for m in self._machines()):
            return False
        taken = [self.needs(task.step) for task in self.running.values()]
        return fits(need, [*taken, reserved], self.resources())

    def start(self, task: Task) -> None:
        perform_there = self.on_gpu if task.gpus else self.on_cpu
        wanted = {"num_cpus": self.needs(task.step).cores, "num_gpus": task.gpus}
        there = perform_there.options(**wanted, scheduling_strategy="SPREAD", name=task.step.slug)
        packed = pickle.dumps(replace(task, steps=task.steps.absolute()))
        begun = there.remote(packed, task.gpus, loaded_sources(), sys.path, Path.cwd())
        self.running[begun] = task

    def answers(self, seconds: float) -> list[tuple[Task, Answer]]:
        if not self.running:
            time.sleep(seconds)
            return []
        self.ray.wait(list(self.running), timeout=seconds)
        begun = list(self.running)
        ready, _ = self.ray.wait(begun, num_returns=len(begun), timeout=0)
        return [(task, self._answer(done, task)) for done in ready if (task := self.running.pop(done))]

    def stop(self, at_once: bool) -> None:
        if at_once:
            for begun in self.running:
                with suppress(Exception):  # a cluster that is gone has nothing to cancel
                    self.ray.cancel(begun, force=True)
        self.running.clear()
        if self.ours:
            self.ray.shutdown()

    def _answer(self, done: Any, task: Task) -> Answer:
        errors = self.ray.exceptions
        try:
            answer: Answer = self.ray.get(done)
        except errors.RayTaskError as error:
            why = str(error).strip().split("\n")[-1]
            return Answer("failed", message=f"a machine of the cluster could not start it: {why}")
        except errors.OutOfMemoryError:
            why = "Ray killed its worker because the machine was running out of memory"
            return Answer("lost", message=why, died=True)
        except errors.WorkerCrashedError:
            return Answer("lost", message="its worker process died during the step", died=True)
        except errors.NodeDiedError:
            return Answer("lost", message="its machine was lost")
        except errors.RayError as error:
            return Answer("lost", message=_short(error))
        return answer if answer.outcome != "done" else _visible(task, answer)

    def _machines(self) -> list[Resources]:
        """The machines that Ray takes to be alive, queried once a second. The last one known where Ray
        says that there are none."""
        now = time.monotonic()
        if now - self.looked > 1:
            parts = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
            found = [Resources(int(part.get("CPU", 0)), int(part.get("GPU", 0))) for part in parts]
            self.seen = [one for one in found if one.cores] or self.seen
            self.looked = now
        return self.seen


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports to Ray's developers
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise PlanBError("Ray is not installed: pip install 'planb[ray]'") from error
    return ray


def _join(ray: Any, address: str, jobs: int | None) -> None:
    """Connect to the cluster at ``address``, or start one (empty) of this machine alone."""
    if address.startswith("ray://"):
        raise PlanBError(
            f"{address} is the address of a Ray client server: run planb on a machine of the cluster "
            "and give the cluster's own address, HOST:6379, or --on ray:auto"
        )
    _check_reachable(address)
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    # Ray prints forty lines on a lost machine; the run prints one.
    ray._private.worker._worker_logs_enabled = False
    try:
        if address:
            ray.init(address=address, **quiet)
            return
        size = {"num_cpus": jobs or os.cpu_count() or 1, "object_store_memory": OBJECTS}
        ray.init(address="local", include_dashboard=False, **size, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"Ray cannot join the cluster at {address}" if address else "Ray cannot start here"
        raise PlanBError(f"{where} ({_short(error)}): {_START}") from error
    except OSError as error:
        raise PlanBError(
            f"Ray cannot start here: {_short(error)}. Its files go to RAY_TMPDIR (or TMPDIR): "
            "set RAY_TMPDIR to a writable folder with a short path (up to about 40 characters, since "
            "a socket's path has at most 107)"
        ) from error


def _check_reachable(address: str) -> None:
    """See that something answers at ``HOST:PORT``: Ray itself would wait for it without end."""
    host, _, port = address.rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT).close()
    except (OSError, ValueError, OverflowError) as error:
        raise PlanBError(f"no Ray cluster responds at {address} ({error}): {_START}") from error


def _visible(task: Task, answer: Answer) -> Answer:
    """The answer, once the step that was finished on another machine is seen from this one."""
    store, deadline = opened(task.steps, task.url), time.monotonic() + VISIBLE_WITHIN
    while not store.is_done(task.step):
        if time.monotonic() > deadline:
            folder = store.folder(task.step)
            why = f"it finished on another machine, but {folder} is not visible here: {_SHARE}"
            return Answer("failed", message=why)
        time.sleep(0.5)
        list(task.steps.iterdir())  # makes a network file system look again
    return answer


def _short(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


# -- on a machine of the cluster ----------------------------------------------------------------

_SHARE = (
    "all machines must share the folder that --out names (give it as a path that is the same on "
    "each), or exchange steps through a URL with --steps"
)


def perform(
    packed: bytes, gpus: int, sources: dict[str, Path], import_path: list[str], folder: Path
) -> Answer:
    """Run a pickled task in this worker of Ray, with the run's import path and folder."""
    set_library_defaults()
    if not gpus:
        os.environ[VISIBLE] = ""
    sys.path += [path for path in import_path if path not in sys.path]
    with suppress(OSError):
        os.chdir(folder)
    try:
        load_sources(sources)
        task: Task = pickle.loads(packed)
    except Exception as error:
        why = str(error) if isinstance(error, PlanBError) else f"{type(error).__name__}: {error}"
        return Answer("failed", message=f"the step cannot be loaded on {platform.node()}: {why}")
    if task.url:
        task = replace(task, steps=cache_folder(task.url))
        opened(task.steps).prepare()
    elif not (task.steps / ".locks").is_dir():
        return Answer("failed", message=f"{task.steps} does not exist on {platform.node()}: {_SHARE}")
    return execute(task)
