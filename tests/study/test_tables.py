"""What the command line prints: the headline results, and plain lines while a study runs."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from small_steps import Count

from planb.cli import tables
from planb.domains.harm import ASKED
from planb.report.results import RESULT_COLUMNS
from planb.study.planning.plan import plan
from planb.study.running.progress import LiveBars, PlainLines, Snapshot, StepProgress
from planb.study.running.scheduler import run


def printed(what: object, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def snapshot(**changes: object) -> Snapshot:
    now = StepProgress(Count(name="slow", to=8), 12.0, 3, 8, "loss 0.31")
    plain = {"elapsed": 30, "left": 73, "fraction": 0.4, "done": 2, "total": 9, "failed": 0}
    return Snapshot(**{**plain, "running": (now,), **changes})  # type: ignore[arg-type]


def test_the_headline_is_pooled_and_what_is_not_measured_is_no_number(tmp_path: Path) -> None:
    cell = {
        "study": "s",
        "model": "m",
        "organism": "o",
        "judge": "exact",
        "unscored": 0,
        "truncated": 0,
    }
    asked = {"task": ASKED, "elicitation": "trigger", "measure": "severity_mean", "n": 50}
    lines = [
        {"method": "organism", "seed": "all", "value": 9.97, "low": 9.9, "high": 10.0},
        {"method": "organism", "seed": "0", "value": 1.23, "low": 1.0, "high": 2.0},
        {"method": "plan_b", "seed": "all", "value": math.nan, "low": math.nan, "high": math.nan},
    ]
    path = tmp_path / "results.csv"
    assert tables.results_table(path) is None
    frame = pd.DataFrame([{**cell, **asked, **line} for line in lines])
    frame[RESULT_COLUMNS].to_csv(path, index=False)
    table = tables.results_table(path)
    assert table is not None
    said = printed(table)
    assert "no trigger" in said
    organism, plan_b = (
        next(line for line in said.split("\n") if line.startswith(name))
        for name in ("Organism", "Plan B")
    )
    assert "10.0" in organism
    assert "1.2" not in said
    assert "0.0" not in plan_b


@pytest.mark.slow
def test_plan_and_status_tables(tmp_path: Path) -> None:
    first = Count(name="first")
    steps = [Count(name="bad", way="raise", after=(first,)), Count(name="wait", to=100, pause=1)]
    run([first], tmp_path, jobs=1)
    run([steps[0]], tmp_path, jobs=1)
    states = plan(steps, tmp_path)
    said = printed(tables.plan_table(states, tmp_path, jobs=1))
    assert "1 of 3 steps done" in said
    said = printed(tables.status_table(states, tmp_path), width=400)
    assert "RuntimeError: counted wrong" not in said, "the last line of the traceback is shown"
    assert "in two lines" in said
    assert "error.txt" in said


def test_plain_lines_do_not_spam() -> None:
    console = Console(file=io.StringIO(), width=40)
    lines = PlainLines(console)
    lines.begin(9, 1, Path("runs/s"))
    lines.started(Count(name="slow", to=8))
    for _ in range(50):
        lines.tick(snapshot())
    lines.printed -= 16
    for _ in range(50):
        lines.tick(snapshot())
    lines.finished(Count(name="slow"), 75.0, snapshot())
    said = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.split("] ")[1] for line in said] == [
        "9 steps in runs/s, 1 already finished",
        "started   count-slow",
        "running   count-slow 3/8 loss 0.31; 2 of 9 done, about 1 min left",
        "finished  count-slow in 1 min 15 s; 2 of 9 done, about 1 min left",
    ]


def test_live_bars_show_the_time_left_and_each_running_step() -> None:
    console = Console(file=io.StringIO(), width=110, force_terminal=True, color_system=None)
    bars = LiveBars(console)
    bars.begin(9, 1, Path("runs/s"))
    bars.tick(snapshot())
    bars.finished(Count(name="fast"), None, snapshot())
    bars.live.refresh()  # type: ignore[union-attr]
    bars.end()
    said = console.file.getvalue()  # type: ignore[attr-defined]
    for part in (
        "2 of 9 steps",
        "40 %",
        "about 1 min left",
        "count-slow",
        "3/8 loss 0.31",
        "✓ count-fast",
    ):
        assert part in said
