"""Who runs the steps: the processes of this machine, or (in ``ray_crew``) those of a cluster.

A crew knows its cores and GPUs, takes tasks while it has room, and gives an answer for each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Protocol

from planb.errors import PlanBError
from planb.study.planning.estimate import Room, cores
from planb.study.running.devices import visible_gpus
from planb.study.running.task import Answer, Task
from planb.study.running.worker import Worker
from planb.study.steps.step import Step


class Crew(Protocol):
    """``start`` is only called with a step that ``has_room`` for, and each task is answered once."""

    def room(self) -> Room:
        """All cores and GPUs, free or not."""

    def needs(self, step: Step) -> Room:
        """What the step takes; ``PlanBError`` where it asks for more GPUs than there can be."""

    def has_room(self, step: Step, held: Room) -> bool:
        """Whether what it needs is free now, besides what is ``held`` for steps before it."""

    def start(self, task: Task) -> None: ...

    def answers(self, seconds: float) -> list[tuple[Task, Answer]]:
        """What has been answered, after waiting so long at most for the first."""

    def stop(self, at_once: bool) -> None:
        """End all: after what is at work has tidied up, or at once. A second time does nothing."""


def crew_named(on: str, jobs: int | None = None) -> Crew:
    """The crew that ``on`` names: ``local``, ``ray`` or ``ray:ADDRESS``. ``jobs``: cores at once."""
    kind, _, address = on.partition(":")
    if on == "local":
        return LocalCrew(jobs or os.cpu_count() or 1, visible_gpus())
    if kind != "ray":
        raise PlanBError(f"steps cannot run on '{on}': give local, ray, or ray:HOST:PORT")
    from planb.study.running.ray_crew import RayCrew

    return RayCrew(address, jobs)


def fits(need: Room, taken: Sequence[Room], whole: Room) -> bool:
    """Whether ``need`` is left of the whole. One that needs no GPU does not care who has them."""
    free_cores = whole.cores - sum(room.cores for room in taken)
    free_gpus = whole.gpus - sum(room.gpus for room in taken)
    return need.cores <= free_cores and (not need.gpus or need.gpus <= free_gpus)


class LocalCrew:
    """Worker processes on this machine, used again for step after step."""

    def __init__(self, budget: int, devices: Sequence[str] = ()) -> None:
        self.budget, self.devices = budget, tuple(devices)
        self.idle: list[Worker] = []
        self.at_work: list[tuple[Worker, Task]] = []

    def room(self) -> Room:
        return Room(self.budget, len(self.devices))

    def needs(self, step: Step) -> Room:
        if step.gpus > len(self.devices) > 0:
            raise PlanBError(
                f"{step.slug} asks for {step.gpus} GPUs, and this machine shows {len(self.devices)} "
                f"({', '.join(self.devices)}): give the study's model fewer, show more in "
                "CUDA_VISIBLE_DEVICES, or run on a cluster that has them with --on ray"
            )
        return Room(cores(step, self.budget), min(step.gpus, len(self.devices)))

    def has_room(self, step: Step, held: Room) -> bool:
        taken = [self.needs(task.step) for _, task in self.at_work]
        return fits(self.needs(step), [*taken, held], self.room())

    def start(self, task: Task) -> None:
        worker = self._worker(task.gpus)
        worker.send(task)
        self.at_work.append((worker, task))

    def answers(self, seconds: float) -> list[tuple[Task, Answer]]:
        if not self.at_work:
            time.sleep(seconds)
            return []
        rung = wait([bell for worker, _ in self.at_work for bell in worker.bells], seconds)
        answered = [pair for pair in self.at_work if any(bell in rung for bell in pair[0].bells)]
        self.at_work = [pair for pair in self.at_work if pair not in answered]
        said = [(task, worker.answer()) for worker, task in answered]
        self.idle += [worker for worker, _ in answered if worker.alive]
        return said

    def stop(self, at_once: bool) -> None:
        workers = [*self.idle, *(worker for worker, _ in self.at_work)]
        for worker in workers:
            if at_once:
                worker.process.terminate()
        for worker in workers:
            worker.stop(at_once)
        self.idle, self.at_work = [], []

    def _worker(self, gpus: int) -> Worker:
        """An idle worker that has so many GPUs, or a new one; idle ones give theirs up for it."""
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
        """GPUs that no step is at; those of no worker first."""
        taken = {device for worker, _ in self.at_work for device in worker.devices}
        kept = {device for worker in self.idle for device in worker.devices}
        return sorted((d for d in self.devices if d not in taken), key=lambda device: device in kept)
