"""How long studies would take here: what their steps took in a known run, put right by a probe.

The sandbox's costs are guesses of seconds; a kind of step really takes a multiple of them, which is
the same on all machines within what such an estimate is good for. So the known run gives the
multiples, and the probe (the same training there and here) how much faster this machine is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from planb.study.planning.estimate import Estimate
from planb.study.planning.graph import Graph
from planb.study.steps.step import Step


class Timed(NamedTuple):
    """Steps of a kind in a known run: how many, their seconds, and what their costs add up to."""

    steps: int
    seconds: float
    cost: float


class KnownRun(NamedTuple):
    """A run that was timed: where, and each kind of step. ``updates`` a second of the probe's training
    in each of its processes. ``of_its_own``: studies whose models are their own, and their kinds."""

    where: str
    updates: float
    kinds: dict[str, Timed]
    of_its_own: dict[str, dict[str, Timed]]


KNOWN = KnownRun(
    where="sandbox, lora_rank, ladder and stages of three more studies on two cores of an Intel Xeon "
    "(AVX-512), which other work shared now and then, November 2026",
    updates=2.2,
    kinds={
        "base": Timed(5, 733.1, 91.0),
        "data": Timed(5, 74.1, 60.0),
        "organism": Timed(5, 403.4, 95.5),
        "method": Timed(78, 2978.2, 754.2),
        "stage": Timed(13, 264.1, 86.1),
        "evaluation": Timed(330, 1096.0, 495.0),
        "tiers": Timed(1, 1.1, 1.0),
        "surprise": Timed(52, 276.8, 260.0),
    },
    of_its_own={
        "smollm2": {
            "base": Timed(1, 0.01, 1.0),
            "data": Timed(2, 248.6, 121.0),
            "organism": Timed(1, 714.3, 899.4),
            "method": Timed(4, 3672.4, 1828.4),
            "evaluation": Timed(54, 5692.3, 2178.6),
            "tiers": Timed(1, 2.2, 1.0),
            "report": Timed(1, 38.4, 6.0),
        }
    },
)


class Forecast(NamedTuple):
    """``seconds`` of the steps whose time is known; ``untimed`` others; in words what it rests on."""

    study: str
    steps: int
    seeds: int
    seconds: float
    untimed: int
    rests_on: str


def forecast(
    study: str, steps: Sequence[Step], seeds: int, cores: int, updates: float, known: KnownRun = KNOWN
) -> Forecast:
    """The time of a whole study on ``cores``, where the probe did ``updates`` a second a process."""
    graph = Graph(steps)
    own = known.of_its_own.get(study, {})
    estimate, slower = Estimate(graph, cores), known.updates / updates
    for kind, timed in (own or known.kinds).items():
        estimate.learn(kind, timed.seconds * slower, timed.cost)
    others = {n.identity for n in graph if n.step.gpus and n.step.kind not in own}
    kinds = {node.step.kind for node in graph if node.identity not in others}
    guessed = sorted(kinds - set(own or known.kinds) - {"report"})
    left = estimate.time_left({}, [node.identity for node in graph], untimed=others)
    return Forecast(study, len(graph), seeds, left, len(others), _rests_on(bool(own), guessed, others))


def _rests_on(own: bool, guessed: Sequence[str], others: set[str]) -> str:
    """What a forecast is made from, in words."""
    parts = [
        ("its own steps" if own else "the sandbox's kinds of step") + " in the known run, and the probe"
    ]
    if guessed:
        parts.append(f"not timed there, taken as the average: {', '.join(guessed)}")
    if others:
        parts.append(f"{len(others)} steps on models that were not timed are left out")
    return "; ".join(parts)
