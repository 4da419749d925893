"""A plan with its times: for the table that is printed, and for scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from planb.study.planning.estimate import Estimate
from planb.study.planning.graph import Graph
from planb.study.planning.plan import State
from planb.study.running.devices import visible_gpus
from planb.study.steps.step import Step
from planb.study.store.backends import opened


class PlannedStep(NamedTuple):
    """``seconds`` that it took, or will take; NaN where that is not known."""

    step: Step
    identity: str
    state: State
    seconds: float


class Planned(NamedTuple):
    """Every step, inputs first; ``left`` seconds of work for ``jobs`` cores, and ``untimed`` steps
    whose time is not in it."""

    steps: tuple[PlannedStep, ...]
    done: int
    left: float
    untimed: int
    jobs: int


def planned(
    states: Sequence[tuple[Step, State]], study_folder: Path, jobs: int, url: str = ""
) -> Planned:
    """The times of a plan: of finished steps what they took, of others an estimate from these."""
    store, graph = opened(study_folder / "steps", url), Graph(step for step, _ in states)
    asking = any(node.step.gpus for node in graph)
    estimate, took = Estimate(graph, jobs, len(visible_gpus()) if asking else 0), {}
    for (_, state), node in zip(states, graph, strict=True):
        if state == "done" and store.is_done(node.step):
            manifest = store.manifest(node.step)
            took[node.identity] = manifest.seconds
            if not manifest.resumed:
                estimate.observe(node, manifest.seconds)
    steps = []
    for (_, state), node in zip(states, graph, strict=True):
        guess = estimate.seconds(node) if estimate.knows(node) else math.nan
        steps.append(PlannedStep(node.step, node.identity, state, took.get(node.identity, guess)))
    to_come = [node.identity for node in graph if node.identity not in took]
    left = estimate.time_left({}, to_come)
    return Planned(tuple(steps), len(took), left, estimate.untimed(to_come), jobs)
