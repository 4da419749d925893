"""Small real steps for the engine's tests: they count, wait, fail and die as they are told to.

Run as a script it is one ``planb run`` in a process of its own: ``small_steps.py FOLDER SCENARIO``.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal

from planb.errors import PlanBError
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.step import Step, Work

PATIENCE = 120.0
"""Seconds after which a step that waits for something goes on without it, and its test fails."""


def until_true(true: Callable[[], bool]) -> None:
    """Wait for something to happen, however slow the machine is."""
    deadline = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)


def meet(folder: str, name: str, others: int) -> None:
    """Wait until ``others`` steps in all have begun: side by side is then no matter of luck."""
    if folder:
        (Path(folder) / name).touch()
        until_true(lambda: len(list(Path(folder).iterdir())) >= others)


Way = Literal["", "raise", "user error", "exit", "kill", "disk full", "raise once"]


class Count(Step):
    """Counts to ``to`` with a checkpoint after each number; ``begun.txt`` gets a line a try.

    It waits in ``meets`` for ``meeting`` steps, and before its last number for the file ``held``.
    """

    kind: ClassVar[str] = "count"
    name: str
    to: int = 1
    pause: float = 0.0
    after: tuple[Count, ...] = ()
    way: Way = ""
    rank: int = 0
    reads: str = ""
    meets: str = ""
    meeting: int = 1
    held: str = ""
    publishes: bool = False

    @property
    def slug(self) -> str:
        return f"count-{self.name}"

    @property
    def seed_rank(self) -> int:
        return self.rank

    @property
    def cost(self) -> float:
        return self.to * self.pause or 0.01

    def outside(self) -> dict[str, str]:
        return {self.reads: Path(self.reads).read_text()} if self.reads else {}

    def publish(self, out: Path, study_folder: Path) -> None:
        if self.publishes:
            (study_folder / f"{self.name}.txt").write_text((out / "sum.txt").read_text())
        if self.name == "unpublishable":
            raise RuntimeError("no printer")

    def run(self, work: Work) -> None:
        with (work.out / "begun.txt").open("a") as file:
            file.write(f"{os.getpid()} {time.time()}\n")
        print(f"counting {self.name}", flush=True)
        os.write(2, b"chatter from C\n")
        meet(self.meets, self.name, self.meeting)
        checkpoint = work.out / "checkpoint.txt"
        at = int(checkpoint.read_text()) if checkpoint.exists() else 0
        while at < self.to:
            time.sleep(self.pause)
            if self.held and at == self.to - 1:
                until_true(Path(self.held).exists)
            at += 1
            scratch = checkpoint.with_suffix(".new")
            scratch.write_text(str(at))
            scratch.replace(checkpoint)  # a kill leaves the old one or the new one, never half of one
            with (work.out / "counted.txt").open("a") as file:
                file.write(f"{at}\n")
            work.progress(at, self.to, f"at {at}")
            self._misbehave(work)
        before = [int((work.folder(part) / "sum.txt").read_text()) for part in self.after]
        (work.out / "sum.txt").write_text(str(self.to + sum(before)))

    def _misbehave(self, work: Work) -> None:
        match self.way:
            case "raise":
                raise RuntimeError("counted wrong\nin two lines")
            case "raise once" if not (work.out / "raised").exists():
                (work.out / "raised").touch()
                raise RuntimeError("only this once")
            case "user error":
                raise PlanBError("there are no numbers in numbers.txt: write some")
            case "exit":
                os._exit(7)
            case "kill":
                os.kill(os.getpid(), 9)
            case "disk full":
                raise OSError(errno.ENOSPC, "No space left on device", str(work.out / "weights"))


class Trained(Count, CheckpointStep):
    """Counts, and passes for a checkpoint."""


class Threads(Step):
    """Writes how many threads torch has."""

    kind: ClassVar[str] = "threads"

    def run(self, work: Work) -> None:
        import torch

        (work.out / "threads.json").write_text(json.dumps([torch.get_num_threads(), os.getpid()]))


class Surroundings(Step):
    """Writes its process's parent, two variables of its environment, and whether torch was there."""

    kind: ClassVar[str] = "surroundings"
    name: str

    def run(self, work: Work) -> None:
        said = {"parent": os.getppid(), "torch": "torch" in sys.modules}
        said |= {name: os.environ.get(name) for name in ("SAID", "AWS_DEFAULT_REGION")}
        (work.out / "surroundings.json").write_text(json.dumps(said))


class TwoThreads(Threads):
    kind: ClassVar[str] = "two-threads"
    threads: ClassVar[int] = 2
    after: Threads


def chain() -> list[Step]:
    """A quick step, a slow one after it, and one after that; beside them an independent one."""
    first = Count(name="first")
    held = os.environ.get("HELD", "")
    slow = Count(name="slow", to=20, pause=0.15, after=(first,), held=held)
    return [Count(name="last", after=(slow,)), Count(name="beside")]


def mixed() -> list[Step]:
    """One step for every way to fail, with steps that need it, and sound ones."""
    ways: tuple[Way, ...] = ("raise", "user error", "exit", "kill")
    bad = [Count(name=way.replace(" ", "-"), way=way) for way in ways]
    needing = [Count(name=f"after-{step.name}", after=(step,)) for step in bad]
    return [*needing, Count(name="sound", after=(Count(name="root"),)), Count(name="fine")]


SCENARIOS = {"chain": chain, "mixed": mixed}

if __name__ == "__main__":
    from rich.console import Console
    from small_steps import SCENARIOS as DECLARED

    from planb.study.running import worker
    from planb.study.running.progress import watcher_for
    from planb.study.running.scheduler import run

    worker.LIBRARIES = "planb.study.running.task"  # these steps need no others
    outcome = run(DECLARED[sys.argv[2]](), Path(sys.argv[1]), jobs=2, watch=watcher_for(Console()))
    sys.exit(outcome.exit_code)
