"""A task: what its step reads from outside is looked at as it begins and when it is through."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest

from planb.study.running.task import CHANGED, Answer, Task, execute
from planb.study.steps.step import Step, Work
from planb.study.store.store import Store

SAID = {"text": "as it was"}
LOOKED: Counter[str] = Counter()


class Data(Step):
    """Its identity takes reading all that it is made of."""

    kind: ClassVar[str] = "data"

    def outside(self) -> dict[str, str]:
        LOOKED["at the data"] += 1
        return dict(SAID)

    def run(self, work: Work) -> None:
        (work.out / "data.txt").write_text(SAID["text"])


class Reader(Step):
    """Asks for the folder of its data four times, and may find them changed."""

    kind: ClassVar[str] = "reader"
    data: Data
    meddles: bool = False

    def run(self, work: Work) -> None:
        read = [(work.folder(self.data) / "data.txt").read_text() for _ in range(4)]
        (work.out / "read.txt").write_text("\n".join(read))
        if self.meddles:
            SAID["text"] = "otherwise"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setitem(SAID, "text", "as it was")
    store = Store(tmp_path / "steps")
    store.prepare()
    assert done(store, Data()).outcome == "done"
    LOOKED.clear()
    return store


def done(store: Store, step: Any) -> Answer:
    return execute(Task(step, step.identity(), store.steps, threads=1))


def test_an_input_is_looked_at_twice_however_often_it_is_read(store: Store) -> None:
    step = Reader(data=Data())
    task = Task(step, step.identity(), store.steps, threads=1)
    LOOKED.clear()
    assert execute(task).outcome == "done"
    assert LOOKED == {"at the data": 2}


def test_an_input_that_changes_meanwhile_is_noticed(store: Store) -> None:
    assert done(store, Reader(data=Data(), meddles=True)).message == CHANGED
