"""How a run stands, as a file: ``progress.json`` in the study's folder, for who looks from outside.

The run writes it once a second, also where nothing changes, so that a reader knows a run that was
killed from one that works. A run that cannot write it goes on without.
"""

from __future__ import annotations

import math
import os
import re
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, ValidationError

from planb.study.running.progress import Snapshot, StepProgress, Watcher
from planb.study.steps.step import Step
from planb.text import shown
from planb.values import Value

FILE = "progress.json"
EVERY = 1.0
"""Seconds between two writes."""
SILENT = 60.0
"""Seconds without a write after which a run on another machine is taken for dead."""
MOST, MOST_POINTS = 40, 120
"""Steps of a kind that are listed, and points of a curve, at most."""
LARGEST = 4 * 2**20
"""Bytes of a file that is read."""
_FIGURE = re.compile(r"([a-z][a-z ]*?) (-?\d+(?:\.\d+)?(?:e-?\d+)?)", re.ASCII)
Standing = Literal["running", "done", "failed", "stopped"]
Point = tuple[float, float]


class StepNow(Value, allow_inf_nan=False):
    """A step at work: seconds since it began, how far it is (``total`` 0: nothing told yet), and the
    curve of what it tells (``figure``: "loss"), as (done, value)."""

    step: str
    elapsed: float
    done: float
    total: float
    note: str = ""
    elsewhere: bool = False
    figure: str = ""
    curve: tuple[Point, ...] = ()


class StepOver(Value, allow_inf_nan=False):
    """A step that finished in so many ``seconds`` (None: by another run), or failed, and why."""

    step: str
    seconds: float | None = None
    why: str = ""


class RunState(Value, allow_inf_nan=False):
    """A run at one moment. Times are UTC; ``left`` is seconds, without the ``untimed`` steps (None:
    not known yet); ``finished`` are the last steps that this run finished, the latest first."""

    host: str
    pid: int
    began: AwareDatetime
    told: AwareDatetime
    ended: bool = False
    total: int = Field(ge=0)
    done: int = Field(ge=0)
    left: float | None = None
    untimed: int = 0
    fraction: float = Field(default=0.0, ge=0, le=1)
    running: tuple[StepNow, ...] = ()
    finished: tuple[StepOver, ...] = ()
    failed: tuple[StepOver, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """Whether it still runs: by its process where that is on this machine, else by its silence."""
        if self.ended or not self._alive():
            if self.failed:
                return "failed"
            return "done" if self.done >= self.total else "stopped"
        return "running"

    def _alive(self) -> bool:
        silent = (datetime.now(UTC) - self.told).total_seconds()
        if self.host != socket.gethostname():
            return silent < SILENT
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:  # another user's
            return True
        return True


def read_run(study_folder: Path) -> RunState | None:
    """How the last run of a study stands; None where none has told, or what it told cannot be read."""
    path = study_folder / FILE
    try:
        if path.stat().st_size > LARGEST:
            return None
        return RunState.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


class RunFile(Watcher):
    """Writes the file, and passes everything on to ``watch``."""

    def __init__(self, watch: Watcher) -> None:
        self.watch = watch
        self.folder = Path()
        self.state: RunState | None = None
        self.written = 0.0
        self.curves: dict[str, list[Point]] = {}

    def begin(self, total: int, done: int, study_folder: Path) -> None:
        self.folder, now = study_folder, datetime.now(UTC)
        self.state = RunState(
            host=socket.gethostname(), pid=os.getpid(), began=now, told=now, total=total, done=done
        )
        self._write()
        self.watch.begin(total, done, study_folder)

    def started(self, step: Step) -> None:
        self.watch.started(step)

    def note(self, text: str) -> None:
        self._tell(notes=(shown(text), *self._now.notes)[:MOST])
        self.watch.note(text)

    def elsewhere(self, step: Step) -> None:
        self.watch.elsewhere(step)

    def again(self, step: Step, why: str) -> None:
        self._tell(notes=(shown(f"{step.slug}: {why}"), *self._now.notes)[:MOST])
        self.watch.again(step, why)

    def finished(self, step: Step, seconds: float | None, snapshot: Snapshot) -> None:
        over = StepOver(step=step.slug, seconds=seconds)
        self.curves.pop(step.slug, None)
        self._tell(finished=(over, *self._now.finished)[:MOST])
        self._take(snapshot)
        self.watch.finished(step, seconds, snapshot)

    def failed(self, step: Step, message: str) -> None:
        self._tell(failed=(StepOver(step=step.slug, why=shown(message)), *self._now.failed)[:MOST])
        self._write()
        self.watch.failed(step, message)

    def tick(self, snapshot: Snapshot) -> None:
        if time.monotonic() - self.written >= EVERY:
            self._take(snapshot)
            self._write()
        self.watch.tick(snapshot)

    def end(self) -> None:
        self._tell(ended=True, running=())
        self._write()
        self.watch.end()

    @property
    def _now(self) -> RunState:
        assert self.state is not None, "begin comes first"
        return self.state

    def _tell(self, **more: object) -> None:
        self.state = self._now.but(**more)

    def _take(self, snapshot: Snapshot) -> None:
        self._tell(
            total=snapshot.total,
            done=snapshot.done,
            left=_real(snapshot.left),
            untimed=snapshot.untimed,
            fraction=min(max(_real(snapshot.fraction), 0.0), 1.0),
            running=tuple(map(self._at_work, snapshot.running[:MOST])),
        )

    def _at_work(self, one: StepProgress) -> StepNow:
        slug, told, done = one.step.slug, _FIGURE.match(one.note), _real(one.done)
        curve = self.curves.setdefault(slug, [])
        if told and (not curve or curve[-1][0] != done):
            if curve and done < curve[-1][0]:  # it began again
                curve.clear()
            curve.append((done, float(told[2])))
            if len(curve) > MOST_POINTS:
                del curve[1:-1:2]
        return StepNow(
            step=slug,
            elapsed=one.elapsed,
            done=done,
            total=_real(one.total),
            note=shown(one.note),
            elsewhere=one.elsewhere,
            figure=told[1] if told else "",
            curve=tuple(curve),
        )

    def _write(self) -> None:
        self._tell(told=datetime.now(UTC))
        self.written = time.monotonic()
        scratch = self.folder / f".{FILE}.{os.getpid()}.tmp"
        with suppress(OSError):
            scratch.write_text(self._now.model_dump_json())
            scratch.replace(self.folder / FILE)


def _real(number: float) -> float:
    """What a step tells may be anything, and no run ends for it."""
    return number if math.isfinite(number) else 0.0
