"""Progress of a run: live bars on a terminal, plain lines anywhere else.

A watcher is notified of what happens and decides what to show; ``Watcher`` itself shows nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from planb.stats.numbers import plain_percent
from planb.study.steps.step import Step

HEARTBEAT = 15.0
"""Seconds between two plain lines that only say that the run is alive."""
MOST_LINES = 16
"""So many running steps are shown with a bar of their own."""


@dataclass(frozen=True)
class StepProgress:
    """A running step: seconds since it began, and its reported progress (``total`` 0: none yet)."""

    step: Step
    elapsed: float
    done: float
    total: float
    note: str
    elsewhere: bool = False

    @property
    def far(self) -> str:
        """``"40/160 loss 0.31"``, as much of it as is known."""
        if self.elsewhere:
            return "in progress in another run"
        counted = f"{self.done:g}/{self.total:g}" if self.total else ""
        return f"{counted} {self.note}".strip()


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment: seconds gone and left, the share of the work done, and what runs.

    ``untimed`` steps are left whose time is not known: ``left`` is that of the others.
    """

    elapsed: float
    left: float
    fraction: float
    done: int
    total: int
    failed: int
    running: tuple[StepProgress, ...]
    untimed: int = 0

    @property
    def time_left(self) -> str:
        return time_left(self.left, self.untimed)


class Watcher:
    """Notified of what happens in a run; shows nothing. ``begin`` comes first, ``end`` always last."""

    def begin(self, total: int, done: int, study_folder: Path) -> None:
        """The study has so many steps, so many of them finished already."""

    def started(self, step: Step) -> None:
        """A worker was given the step."""

    def note(self, text: str) -> None:
        """Something about the whole run that the user should know."""

    def elsewhere(self, step: Step) -> None:
        """The step is in progress in another run; this one waits for it."""

    def again(self, step: Step, why: str) -> None:
        """The step's machine or worker was lost; it will be run again."""

    def finished(self, step: Step, seconds: float | None, snapshot: Snapshot) -> None:
        """The step is finished; ``seconds`` is ``None`` where another run finished it."""

    def failed(self, step: Step, message: str) -> None:
        """The step failed."""

    def tick(self, snapshot: Snapshot) -> None:
        """A few times a second."""

    def end(self) -> None:
        """The run is over, well or not."""


class PlainLines(Watcher):
    """A line for each start and finish with the time left, and a heartbeat while nothing happens."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = self.printed = time.monotonic()
        self.finish_line = ""

    def begin(self, total: int, done: int, study_folder: Path) -> None:
        self.began = time.monotonic()
        self._say(f"{total} steps in {study_folder}, {done} already finished")

    def started(self, step: Step) -> None:
        self._say(f"started   {step.slug}")

    def note(self, text: str) -> None:
        self._say(f"note      {text}")

    def again(self, step: Step, why: str) -> None:
        self._say(f"again     {step.slug}: {why}")

    def elsewhere(self, step: Step) -> None:
        self._say(f"waiting   {step.slug}: in progress in another run")

    def finished(self, step: Step, seconds: float | None, snapshot: Snapshot) -> None:
        took = "by another run" if seconds is None else f"in {span(seconds)}"
        self._say(f"finished  {step.slug} {took}; {_standing(snapshot)}")

    def failed(self, step: Step, message: str) -> None:
        self._say(f"FAILED    {step.slug}: {message}")

    def tick(self, snapshot: Snapshot) -> None:
        if time.monotonic() - self.printed < HEARTBEAT or not snapshot.running:
            return
        running = ", ".join(f"{one.step.slug} {one.far}".strip() for one in snapshot.running[:4])
        more = f" and {len(snapshot.running) - 4} more" if len(snapshot.running) > 4 else ""
        self._say(f"running   {running}{more}; {_standing(snapshot)}")

    def _say(self, line: str) -> None:
        self.printed = time.monotonic()
        stamp = f"[{clock(self.printed - self.began)}]"
        self.console.print(f"{stamp} {line}", markup=False, highlight=False, soft_wrap=True)


class LiveBars(Watcher):
    """One bar for the whole with the time left, one for each running step; what is over scrolls up."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.snapshot: Snapshot | None = None
        self.live: Live | None = None

    def begin(self, total: int, done: int, study_folder: Path) -> None:
        already = f", {done} already finished" if done else ""
        self.console.print(
            f"{total} steps in [bold]{escape(str(study_folder))}[/]{already}", highlight=False
        )
        if done < total:
            self.live = Live(
                console=self.console, refresh_per_second=4, transient=True, get_renderable=self._picture
            )
            self.live.start()

    def finished(self, step: Step, seconds: float | None, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        took = "by another run" if seconds is None else span(seconds)
        self._scroll(f"[green]✓[/] {escape(step.slug)} [dim]{took}[/]")

    def note(self, text: str) -> None:
        self._scroll(f"[yellow]![/] {escape(text)}")

    def again(self, step: Step, why: str) -> None:
        self._scroll(f"[yellow]↻ {escape(step.slug)}[/] {escape(why)}")

    def failed(self, step: Step, message: str) -> None:
        self._scroll(f"[red]✗ {escape(step.slug)}[/] {escape(message)}")

    def tick(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def end(self) -> None:
        if self.live:
            self.live.stop()

    def _scroll(self, line: str) -> None:
        self.console.print(line, highlight=False)

    def _picture(self) -> RenderableType:
        if self.snapshot is None:
            return Text("starting ...", style="dim")
        now = self.snapshot
        table = Table.grid(padding=(0, 1))
        wide = 24 if self.console.width >= 110 else 8
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=20 + self.console.width // 8)
        table.add_column(width=wide)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        failed = f", [red]{now.failed} failed[/]" if now.failed else ""
        table.add_row(
            f"[bold]{now.done} of {now.total} steps[/]{failed}",
            ProgressBar(total=1, completed=now.fraction, width=wide),
            f"[bold]{plain_percent(now.fraction)}[/]  {clock(now.elapsed)} elapsed, "
            f"[bold]{now.time_left}[/]",
        )
        for one in now.running[:MOST_LINES]:
            table.add_row(
                f"[cyan]{escape(one.step.slug)}[/]",
                ProgressBar(total=one.total or None, completed=one.done, width=wide),
                f"[dim]{clock(one.elapsed)}[/]  {escape(one.far)}",
            )
        if len(now.running) > MOST_LINES:
            table.add_row(f"[dim]and {len(now.running) - MOST_LINES} more[/]")
        return table


def watcher_for(console: Console) -> Watcher:
    """Bars on a terminal, lines elsewhere (a file, a pipe, continuous integration)."""
    return LiveBars(console) if console.is_terminal else PlainLines(console)


def clock(seconds: float) -> str:
    """``75`` -> ``"1:15"``, ``3675`` -> ``"1:01:15"``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def span(seconds: float) -> str:
    """``4.21`` -> ``"4.2 s"``, ``75`` -> ``"1 min 15 s"``, ``7300`` -> ``"2 h 2 min"``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def about(seconds: float) -> str:
    """An estimate, written no more exactly than it is known: ``73`` -> ``"about 1 min"``."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 57.5:
        return f"about {round(seconds / 5) * 5} s"
    if seconds < 3570:
        return f"about {max(round(seconds / 60), 1)} min"
    return f"about {seconds / 3600:.1f} h"


def time_left(seconds: float, untimed: int, word: str = "left") -> str:
    """How long the rest takes, as far as it is known: ``(73, 0)`` -> ``"about 1 min left"``,
    ``(73, 4)`` -> ``"at least 1 min left (4 steps not timed yet)"``."""
    if not untimed:
        return f"{about(seconds)} {word}"
    steps = f"{untimed} step{'s' if untimed > 1 else ''} not timed yet"
    if seconds < 5:
        return f"an unknown time {word} ({steps})"
    return f"at least {about(seconds).removeprefix('about ')} {word} ({steps})"


def _standing(snapshot: Snapshot) -> str:
    if snapshot.done == snapshot.total:
        return f"all {snapshot.total} done"
    return f"{snapshot.done} of {snapshot.total} done, {snapshot.time_left}"
