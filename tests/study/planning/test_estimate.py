"""The time left, worked by hand."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from gpu_steps import Sees
from small_steps import Count

from planb.study.planning.estimate import Estimate
from planb.study.planning.graph import Graph
from planb.study.running.progress import about, clock, span, time_left
from planb.study.running.running_step import RunningStep, snapshot
from planb.study.store.store import Store


def diamond() -> Graph:
    """root (10 s), then a (20 s) and b (30 s) from it, then end (5 s) from both."""
    root = Count(name="root", to=10, pause=1)
    a, b = (Count(name=n, to=t, pause=1, after=(root,)) for n, t in (("a", 20), ("b", 30)))
    return Graph([Count(name="end", to=5, pause=1, after=(a, b))])


def test_graph_order_and_sharing() -> None:
    graph = diamond()
    assert [node.step.name for node in graph] == ["root", "a", "b", "end"]  # type: ignore[attr-defined]
    root = next(iter(graph))
    assert [node.place for node in graph.after(root.identity)] == [1, 2]


@pytest.mark.parametrize(("budget", "seconds"), [(1, 65), (2, 45), (8, 45)])
def test_the_schedule_is_played_through(budget: int, seconds: float) -> None:
    graph = diamond()
    assert Estimate(graph, budget).time_left({}, list(graph.nodes)) == pytest.approx(seconds)


def test_running_steps_count_with_what_is_left_of_them() -> None:
    graph = diamond()
    root, a, b, end = graph.nodes
    estimate = Estimate(graph, 1)
    assert estimate.time_left({root: 4}, [a, b, end]) == pytest.approx(59)
    assert estimate.time_left({b: 7}, [end]) == pytest.approx(12)
    assert estimate.time_left({}, []) == 0


def test_measured_seconds_put_the_costs_right() -> None:
    graph = diamond()
    estimate = Estimate(graph, 1)
    estimate.observe(next(iter(graph)), seconds=5)
    assert estimate.time_left({}, list(graph.nodes)[1:]) == pytest.approx(27.5)


def test_a_cost_is_asked_for_once_a_step_however_often_one_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    plain = Count.cost.fget
    assert plain is not None

    def counted(step: Count) -> float:
        asked.append(step.name)
        return plain(step)

    monkeypatch.setattr(Count, "cost", property(counted))
    graph = diamond()
    estimate = Estimate(graph, 1)
    for _ in range(3):
        assert estimate.time_left({}, list(graph.nodes)) == pytest.approx(65)
    assert sorted(asked) == ["a", "b", "end", "root"]


def test_left_of_a_running_step() -> None:
    graph = diamond()
    root = next(iter(graph))
    estimate = Estimate(graph, 1)
    assert estimate.left(root, elapsed=3, fraction=0, since=(3, 0)) == pytest.approx(7)
    assert estimate.left(root, elapsed=30, fraction=0, since=(30, 0)) == pytest.approx(1)
    assert estimate.left(root, elapsed=6, fraction=0.5, since=(2, 0.1)) == pytest.approx(5)


def test_times_in_words() -> None:
    assert [clock(75), clock(3675)] == ["1:15", "1:01:15"]
    assert [span(4.21), span(75.4), span(7300)] == ["4.2 s", "1 min 15 s", "2 h 1 min"]
    assert [about(2), about(33), about(73), about(5400)] == [
        "a few seconds",
        "about 35 s",
        "about 1 min",
        "about 1.5 h",
    ]


def test_steps_whose_time_is_not_known_are_counted_and_not_timed(tmp_path: Path) -> None:
    known, first = Count(name="known", to=100, pause=1), Sees(name="a")
    graph = Graph([known, Sees(name="b", after=(first,))])
    estimate, (cpu, a, b) = Estimate(graph, 1), list(graph.nodes)
    assert (estimate.untimed([cpu, a, b]), estimate.time_left({}, [cpu, a, b])) == (2, 100)
    running = {a: RunningStep(graph[a], True, time.monotonic())}
    now = snapshot(Store(tmp_path), estimate, running, [b, cpu], [], elapsed=9, done=0, failed=0)
    assert (now.untimed, now.fraction) == (2, 0), "no share of a time that is not known"
    assert now.time_left == "at least 2 min left (2 steps not timed yet)"
    assert estimate.left(graph[a], 60, 0.5, (0, 0)) == 60, "its own progress says how long"
    estimate.observe(graph[a], 30)
    assert (estimate.untimed([cpu, a, b]), estimate.time_left({}, [b])) == (0, 30)


@pytest.mark.parametrize(
    ("seconds", "untimed", "said"),
    [
        (73, 0, "about 1 min left"),
        (420, 60, "at least 7 min left (60 steps not timed yet)"),
        (0, 1, "an unknown time left (1 step not timed yet)"),
    ],
)
def test_the_time_left_says_what_it_does_not_know(seconds: float, untimed: int, said: str) -> None:
    assert time_left(seconds, untimed) == said
