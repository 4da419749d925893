"""A step's identity: hashed once however many ways lead to it, and anew when a file has changed."""

from __future__ import annotations

from pathlib import Path

from small_steps import Count

from planb.study.graph import Graph
from planb.study.step import identities_once


def test_a_step_is_hashed_once_however_many_ways_lead_to_it() -> None:
    step = Count(name="0")
    for depth in range(40):
        step = Count(name=str(depth + 1), after=(step, step))  # 2^40 ways
    assert step.identity() == step.identity()
    assert len(Graph([step])) == 41


def test_a_file_that_changed_is_seen_but_for_within(tmp_path: Path) -> None:
    file = tmp_path / "read.txt"
    file.write_text("one")
    first = Count(name="first", reads=str(file))
    last = Count(name="last", after=(first,))
    before = last.identity()
    with identities_once():
        assert last.identity() == before
        file.write_text("two")
        assert last.identity() == before
    after = last.identity()
    assert after != before
    assert {node.identity for node in Graph([last])} == {after, first.identity()}
