"""Long work as it goes on: a bar with the time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from planb.data.terminal import Console

Told = Callable[[int, int], None]
"""Called with (done, of how many)."""
HEARTBEAT = 15.0
"""Seconds between two plain lines."""


@contextmanager
def shown(console: Console, doing: str, done_of: str) -> Iterator[Told]:
    """Progress bar of a long operation; pass it the counts. ``doing`` labels the bar ("writing"),
    ``done_of`` ends what a line counts ("responses judged")."""
    if not console.is_terminal:
        yield _Lines(console, done_of)
        return
    columns = (
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Lines:
    """What was done before this run is no measure of its speed."""

    def __init__(self, console: Console, done_of: str) -> None:
        self.console, self.done_of = console, done_of
        self.began = self.said = time.monotonic()
        self.before: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self.before is None:
            self.before, self.began = done, now
        if now - self.said < HEARTBEAT or done == self.before:
            return
        self.said = now
        left = (now - self.began) / (done - self.before) * (total - done)
        self.console.print(
            f"{done:,} of {total:,} {self.done_of}, about {left:,.0f} s left",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
