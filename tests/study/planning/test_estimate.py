"""The time left, worked by hand."""

from __future__ import annotations

import pytest
from small_steps import Count

from planb.study.planning.estimate import Estimate
from planb.study.planning.graph import Graph
from planb.study.running.progress import about, clock, span


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
