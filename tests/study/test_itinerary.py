"""The itinerary: each stop is a function that is there, and a small real run passes it in its order."""

from __future__ import annotations

import ast
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from small_valley import carried_out, small
from typer.testing import CliRunner

from planb.cli import app
from planb.study.planning.graph import Graph
from planb.study.running.task import Task, execute
from planb.study.steps.evaluation import EvaluationStep
from planb.study.steps.method import MethodStep
from planb.study.steps.step import Step

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "planb"
PAGE = (ROOT / "docs" / "design" / "itinerary.md").read_text(encoding="utf-8")
STOPS = [(file, name) for file, name in re.findall(r"^\d+\. `([\w/]+\.py):(\w+)`", PAGE, re.MULTILINE)]
FEWEST = 24
"""So many files a reader had to open before steps, recipes and links had homes of their own."""


def functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def test_every_stop_is_a_function_of_its_file() -> None:
    assert len(STOPS) == len(re.findall(r"^\d+\. ", PAGE, re.MULTILINE)) > 20
    for file, name in STOPS:
        assert name in set(functions(PACKAGE / file)), f"{file}:{name}"


def test_a_reader_opens_no_more_files_than_before() -> None:
    assert len({file for file, _ in STOPS}) <= FEWEST


@contextmanager
def passed(found: dict[tuple[str, str], None]) -> Iterator[None]:
    """Note the stops that are called, in the order of their first calls."""
    wanted = {(str(PACKAGE / file), name): (file, name) for file, name in STOPS}

    def note(frame: FrameType, event: str, _: Any) -> None:
        key = (frame.f_code.co_filename, frame.f_code.co_name)
        if event == "call" and key in wanted:
            found.setdefault(wanted[key])

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.mark.slow
def test_a_run_passes_every_stop_in_their_order(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The command over finished steps; then, again, a method of two updates and an evaluation of it."""
    study = small()
    folder = carried_out(study, tmp_path_factory)
    file = tmp_path / "itinerary_study.py"
    file.write_text("from small_valley import small\nstudy = small()\n", encoding="utf-8")
    steps = [node.step for node in Graph(study.steps())]
    method = next(step for step in steps if isinstance(step, MethodStep))
    short = method.but(training=method.training.but(steps=2))
    asked = next(step for step in steps if isinstance(step, EvaluationStep) and step.policy == method)
    found: dict[tuple[str, str], None] = {}
    with passed(found):
        done = CliRunner().invoke(app, ["run", str(file), "--out", str(folder.parent), "--jobs", "1"])
        assert done.exit_code == 0, done.output
        for step in (short, asked.but(policy=short)):
            carry_out(step, folder / "steps")
    assert set(found) == set(STOPS)
    last = {stop: place for place, stop in enumerate(found)}
    for part in (STOPS[:5], STOPS[5:16], STOPS[16:22], STOPS[22:]):
        assert sorted(part, key=last.__getitem__) == part


def carry_out(step: Step, steps: Path) -> None:
    answer = execute(Task(step, step.identity(), steps, threads=1))
    assert answer.outcome == "done", answer.message
