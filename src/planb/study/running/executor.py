"""Executors: what runs the steps. Here, processes of this machine; in ``ray_executor``, a Ray cluster.

An executor knows its cores and GPUs, takes tasks while enough are free, and gives an answer for each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Protocol

from planb.errors import PlanBError
from planb.study.planning.estimate import Resources, cores
from planb.study.running.devices import visible_gpus
from planb.study.running.task import Answer, Task
from planb.study.running.worker import Worker
from planb.study.steps.step import Step


class Executor(Protocol):
    """``start`` is only called with a step that ``can_start``, and each task is answered once."""

    def resources(self) -> Resources:
        """All cores and GPUs, free or not."""

    def needs(self, step: Step) -> Resources:
        """What the step takes; ``PlanBError`` where it requests more GPUs than there can be."""

    def can_start(self, step: Step, reserved: Resources) -> bool:
        """Whether what it needs is free now, besides what is ``reserved`` for steps before it."""

    def start(self, task: Task) -> None: ...

    def answers(self, seconds: float) -> list[tuple[Task, Answer]]:
        """The tasks answered by now, after waiting at most so long for the first."""

    def stop(self, at_once: bool) -> None:
        """End all: after what is running has tidied up, or at once. A second time does nothing."""


def executor_named(on: str, jobs: int | None = None) -> Executor:
    """The executor that ``on`` names: ``local``, ``ray``, ``ray:ADDRESS``. ``jobs``: cores at once."""
    kind, _, address = on.partition(":")
    if on == "local":
        return ProcessExecutor(jobs or os.cpu_count() or 1, visible_gpus())
    if kind != "ray":
        raise PlanBError(f"no executor is called '{on}': use local, ray, or ray:HOST:PORT")
    from planb.study.running.ray_executor import RayExecutor

    return RayExecutor(address, jobs)


def fits(need: Resources, taken: Sequence[Resources], whole: Resources) -> bool:
    """Whether ``need`` is free. GPUs count only for a step that needs any."""
    free_cores = whole.cores - sum(one.cores for one in taken)
    free_gpus = whole.gpus - sum(one.gpus for one in taken)
    return need.cores <= free_cores and (not need.gpus or need.gpus <= free_gpus)


class ProcessExecutor:
    """Worker processes on this machine, reused for step after step."""

    def __init__(self, budget: int, devices: Sequence[str] = ()) -> None:
        self.budget, self.devices = budget, tuple(devices)
        self.idle: list[Worker] = []
        self.running: list[tuple[Worker, Task]] = []

    def resources(self) -> Resources:
        return Resources(self.budget, len(self.devices))

    def needs(self, step: Step) -> Resources:
        if step.gpus > len(self.devices) > 0:
            raise PlanBError(
                f"{step.slug} requests {step.gpus} GPUs, but this machine has {len(self.devices)} "
                f"({', '.join(self.devices)}): give the study's model fewer, list more in "
                "CUDA_VISIBLE_DEVICES, or run on a cluster that has them with --on ray"
            )
        return Resources(cores(step, self.budget), min(step.gpus, len(self.devices)))

    def can_start(self, step: Step, reserved: Resources) -> bool:
        taken = [self.needs(task.step) for _, task in self.running]
        return fits(self.needs(step), [*taken, reserved], self.resources())

    def start(self, task: Task) -> None:
        worker = self._worker(task.gpus)
        worker.send(task)
        self.running.append((worker, task))

    def answers(self, seconds: float) -> list[tuple[Task, Answer]]:
        if not self.running:
            time.sleep(seconds)
            return []
        ready = wait([signal for worker, _ in self.running for signal in worker.signals], seconds)
        answered = [pair for pair in self.running if any(signal in ready for signal in pair[0].signals)]
        self.running = [pair for pair in self.running if pair not in answered]
        answers = [(task, worker.answer()) for worker, task in answered]
        self.idle += [worker for worker, _ in answered if worker.alive]
        return answers

    def stop(self, at_once: bool) -> None:
        workers = [*self.idle, *(worker for worker, _ in self.running)]
        for worker in workers:
            if at_once:
                worker.process.terminate()
        for worker in workers:
            worker.stop(at_once)
        self.idle, self.running = [], []

    def _worker(self, gpus: int) -> Worker:
        """An idle worker with that many GPUs, or a new one, for which idle ones are stopped."""
        self.idle = [worker for worker in self.idle if worker.alive]
        for worker in reversed(self.idle):
            if len(worker.devices) == gpus:
                self.idle.remove(worker)
                return worker
        devices = self._free_devices()[:gpus]
        for worker in [worker for worker in self.idle if set(worker.devices) & set(devices)]:
            self.idle.remove(worker)
            worker.stop()
        return Worker(devices)

    def _free_devices(self) -> list[str]:
        """GPUs that no running step has; those of no worker first."""
        taken = {device for worker, _ in self.running for device in worker.devices}
        kept = {device for worker in self.idle for device in worker.devices}
        return sorted((d for d in self.devices if d not in taken), key=lambda device: device in kept)
