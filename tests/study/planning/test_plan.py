"""The state of each step, by what lies in the study's folder and in those of other studies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from small_steps import Count

from planb.study.planning.plan import plan
from planb.study.store.store import ERROR, Store


def begun(store: Store, step: Count) -> Path:
    store.prepare()
    store.begin(step)
    (store.partial(step) / "made.txt").write_text("made")
    return store.partial(step)


def finished(store: Store, step: Count) -> None:
    begun(store, step)
    store.finish(step, datetime.now(UTC), 1.0, 1, resumed=False)


@pytest.fixture
def steps() -> dict[str, Count]:
    names = ("done", "there", "half", "failed", "held", "nothing")
    found = {name: Count(name=name) for name in names}
    return {**found, "after": Count(name="after", after=(found["failed"],))}


def test_each_state_is_told_from_the_folders(tmp_path: Path, steps: dict[str, Count]) -> None:
    mine, other = Store(tmp_path / "mine" / "steps"), Store(tmp_path / "other" / "steps")
    finished(mine, steps["done"])
    finished(other, steps["there"])
    begun(mine, steps["half"])
    (begun(mine, steps["failed"]) / ERROR).write_text("why")
    with mine.locked(steps["held"]):
        states = plan([*steps.values()], tmp_path / "mine", tmp_path)
    assert {step.name: state for step, state in states if isinstance(step, Count)} == {
        **{"done": "done", "there": "done", "half": "partial", "failed": "failed"},
        **{"held": "running", "nothing": "to do", "after": "blocked"},
    }
    assert not {state for _, state in plan([*steps.values()], tmp_path / "new")} - {"to do"}


def test_what_another_study_has_in_part_or_damaged_is_not_taken(
    tmp_path: Path, steps: dict[str, Count]
) -> None:
    other = Store(tmp_path / "other" / "steps")
    finished(other, steps["there"])
    begun(other, steps["half"])
    (other.folder(steps["there"]) / "made.txt").unlink()
    asked = [steps["there"], steps["half"]]
    assert [state for _, state in plan(asked, tmp_path / "mine", tmp_path)] == ["to do", "to do"]
