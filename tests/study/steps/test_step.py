"""A step's identity: hashed once however many ways lead to it, and anew when a file has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_steps import Count

from planb.errors import PlanBError
from planb.models.cards import checkpoint_digest
from planb.study.planning.graph import Graph
from planb.study.steps.checkpoint import POINTER, checkpoint_folder
from planb.study.steps.local_base import LocalBase, LocalBaseStep
from planb.study.steps.step import Work, identities_once


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


def test_equal_steps_read_what_is_outside_once_within(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each seed and arm of a study has a data step of its own, and data may be large."""
    read: list[str] = []
    monkeypatch.setattr(Count, "outside", lambda self: read.append(self.name) or {})
    firsts = [Count(name="first") for _ in range(3)] + [Count(name="other")]
    steps = [Count(name=f"last{n}", after=(first,)) for n, first in enumerate(firsts)]
    with identities_once():
        first, again, _, other = [step.identity() for step in firsts]
        assert len({step.identity() for step in steps}) == 4
    assert first == again != other
    assert sorted(read) == ["first", "last0", "last1", "last2", "last3", "other"]


def test_a_base_that_is_another_by_now_is_not_read(tmp_path: Path) -> None:
    """A hub id says nothing of the weights: what they were is written down, and compared."""
    model, step = tmp_path / "model", LocalBaseStep(base=LocalBase(name="a", path="org/model"))
    model.mkdir()
    for name in ("config.json", "model.safetensors"):
        (model / name).write_text("{}")
    work = Work(out=tmp_path, steps=tmp_path / "steps")
    folder = work.folder(step)
    folder.mkdir(parents=True)
    told = {"path": str(model), "digest": checkpoint_digest(model)}
    (folder / POINTER).write_text(json.dumps(told))
    assert checkpoint_folder(work, step) == model
    (model / "model.safetensors").write_text("{ }")
    with pytest.raises(PlanBError, match="is not the model that the study began with"):
        checkpoint_folder(work, step)
