"""``kill -9`` at random moments, of the run, of all its processes, or of one of its workers."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Literal

from broken import NAME, BrokenError, Reference, Run, stamps, untouched

Whom = Literal["the run alone", "all its processes at once", "one worker"]
WHOM: tuple[Whom, ...] = ("the run alone", "all its processes at once", "one worker")


def kills(reference: Reference, room: Path, moments: int, seed: int) -> list[str]:
    """So many kills, round after round of the study; returns what was done, a line a kind.

    After each: no process lives on, every finished step is whole, and none is made again. A round that
    comes to its end has the undisturbed run's weights and results.
    """
    draw, done = random.Random(seed), Counter[Whom]()
    rounds, left = 0, moments
    while left:
        rounds += 1
        out, before, through = room / f"round-{rounds}", dict[Path, int](), False
        while left and not through:
            whom = draw.choice(WHOM)
            killed = _killed(out, whom, draw)
            now = stamps(out / NAME)
            untouched(before, now)
            before, through = now, _done(out / NAME / "steps") == STEPS
            if killed:
                done[whom] += 1
                left -= 1
                print(
                    f"{moments - left}: {whom}, {_done(out / NAME / 'steps')} steps were finished",
                    flush=True,
                )
        run = Run(out)
        if run.end():
            raise BrokenError(f"the run after the kills failed: {run.said[-2000:]}")
        untouched(before, stamps(out / NAME))
        reference.same(out / NAME)
    return [f"kill -9 of {whom},{count},{rounds}" for whom, count in sorted(done.items())]


STEPS, MOST = 22, 2.0
"""Steps of the study, and the longest wait in seconds after the moment that is waited for."""


def _killed(out: Path, whom: Whom, draw: random.Random) -> bool:
    """Whether a run that was started now could be killed so: it may have come to its end before.

    One of five is killed while it starts, or writes its page; the others while a step is at work, some
    steps later. So kills fall into every kind of step, however busy the machine is.
    """
    run, steps, began = Run(out), out / NAME / "steps", time.time()
    if draw.random() < 0.8:
        until = _done(steps) + draw.choice((0, 0, 1, 2, 4, 8))
        while run.process.poll() is None and not (_done(steps) >= until and _at_work(steps, began)):
            time.sleep(0.02)
    with suppress(subprocess.TimeoutExpired):
        run.process.wait(draw.uniform(0, MOST))
    if run.process.poll() is not None:
        if run.end():
            raise BrokenError(f"a run that nobody killed failed: {run.said[-2000:]}")
        return False
    if whom == "the run alone":
        run.process.kill()
    elif whom == "all its processes at once":
        for process in run.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    else:
        workers = [process for process in run.processes() if process != run.process.pid]
        if workers:
            with suppress(ProcessLookupError):
                os.kill(draw.choice(workers), signal.SIGKILL)
    run.end()
    time.sleep(0.05)
    return True


def _done(steps: Path) -> int:
    return sum(1 for _ in steps.glob("*/manifest.json"))


def _at_work(steps: Path, since: float) -> bool:
    """Whether a step has told of progress since then."""
    with suppress(OSError):
        return any(told.stat().st_mtime > since for told in steps.glob("*.partial/progress.json"))
    return False
