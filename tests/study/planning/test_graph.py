"""What a graph of steps knows of their order."""

from __future__ import annotations

from planb.studies.sandbox import sandbox
from planb.study.planning.graph import Graph


def test_trainings_that_wait_for_a_step() -> None:
    graph = Graph(sandbox().but(seeds=(0,)).steps())
    waiting = graph.trainings_after()
    found = {node.step.slug: waiting[node.identity] for node in graph}
    assert {slug: found[slug] for slug in ("base-sandbox-seed0", "data-sandbox-seed0")} == {
        "base-sandbox-seed0": 2,
        "data-sandbox-seed0": 2,
    }
    assert found["organism-seed0"] == 1
    assert {found[f"{name}-seed0"] for name in ("standard", "german", "ryan", "plan_b")} == {0}
    assert {n for slug, n in found.items() if "-requests-" in slug} == {0}
