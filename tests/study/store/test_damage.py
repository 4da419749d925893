"""A finished file that is changed afterwards is noticed, named, and made again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest
from small_steps import Count

from planb.cli.tables import status_table
from planb.study.planning.plan import plan
from planb.study.running.progress import Watcher
from planb.study.running.scheduler import run
from planb.study.steps.step import Step, Work
from planb.study.store import checksums
from planb.study.store.store import DamagedError, Store


def made(store: Store, step: Step) -> Path:
    store.prepare()
    resumed = store.begin(step)
    step.run(Work(out=store.partial(step), steps=store.steps, step=step))
    store.finish(step, datetime.now(UTC), 1.5, 1, resumed)
    return store.folder(step)


def aged(folder: Path, seconds: int = 100) -> None:
    """As if the step had been made some time ago."""
    for path in folder.iterdir():
        before = path.stat().st_mtime_ns - seconds * 10**9
        os.utime(path, ns=(before, before))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose content is read for a comparison."""
    found, real = list[str](), checksums.sha256_of

    def counted(path: Path) -> str:
        found.append(path.name)
        return real(path)

    monkeypatch.setattr(checksums, "sha256_of", counted)
    return found


def test_a_file_is_read_once_and_then_only_looked_at(tmp_path: Path, read: list[str]) -> None:
    step = Count(name="a")
    folder = made(Store(tmp_path / "steps"), step)
    aged(folder)
    read.clear()
    assert Store(tmp_path / "steps").check(step)
    assert sorted(read) == ["begun.txt", "checkpoint.txt", "counted.txt", "sum.txt"]
    read.clear()
    assert Store(tmp_path / "steps").check(step)
    assert read == []
    os.utime(folder / "sum.txt", ns=(10**18, 10**18))
    assert Store(tmp_path / "steps").check(step), "another time and the same content: it is whole"
    assert read == ["sum.txt"]
    read.clear()
    assert Store(tmp_path / "steps").check(step)
    assert read == [], "and that is remembered"


def test_a_change_so_soon_that_no_clock_tells_it_is_seen(tmp_path: Path) -> None:
    """The file's time is that of the comparison: it is read the next time too."""
    store, step = Store(tmp_path / "steps"), Count(name="a")
    path = made(store, step) / "sum.txt"
    assert store.check(step)
    time = path.stat().st_mtime_ns
    path.write_text("8")
    os.utime(path, ns=(time, time))
    with pytest.raises(DamagedError, match="its checksum differs"):
        store.check(step)


def test_what_puts_size_and_time_back_is_seen_by_verify_and_from_then_on(tmp_path: Path) -> None:
    store, step = Store(tmp_path / "steps"), Count(name="a")
    folder = made(store, step)
    aged(folder)
    assert store.check(step)
    time = (folder / "sum.txt").stat().st_mtime_ns
    (folder / "sum.txt").write_text("8")
    os.utime(folder / "sum.txt", ns=(time, time))
    assert store.check(step)
    assert [state for _, state in plan([step], tmp_path, verify=True)] == ["damaged"]
    assert [state for _, state in plan([step], tmp_path)] == ["damaged"]


def test_a_copy_without_times_and_an_old_manifest_are_whole(tmp_path: Path, read: list[str]) -> None:
    step = Count(name="a")
    folder = made(Store(tmp_path / "one"), step)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["read"]  # as older versions wrote it
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shutil.copytree(folder, tmp_path / "two" / folder.name, copy_function=shutil.copyfile)
    aged(tmp_path / "two" / folder.name)
    read.clear()
    assert Store(tmp_path / "two").check(step)
    assert len(read) == 4
    assert Store(tmp_path / "two").check(step)
    assert len(read) == 4


def test_a_memory_that_is_damaged_is_no_harm(tmp_path: Path) -> None:
    store, step = Store(tmp_path / "steps"), Count(name="a")
    aged(made(store, step))
    assert store.check(step)
    (memory,) = (tmp_path / "steps" / checksums.MEMORY).iterdir()
    for content in (b"", b"[]", b'{"sum.txt": 3}', b"\xff"):
        memory.write_bytes(content)
        assert Store(tmp_path / "steps").check(step)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a byte": lambda folder: (folder / "sum.txt").write_text("8"),
    "cut short": lambda folder: os.truncate(folder / "sum.txt", 0),
    "gone": lambda folder: (folder / "sum.txt").unlink(),
    "manifest cut short": lambda folder: os.truncate(folder / "manifest.json", 40),
    "manifest gone": lambda folder: (folder / "manifest.json").unlink(),
    "manifest of bytes": lambda folder: (folder / "manifest.json").write_bytes(b"\xff\x00"),
}


class Notes(Watcher):
    """What a run says besides its steps."""

    def __init__(self) -> None:
        self.said = list[str]()

    def note(self, said: str) -> None:
        self.said.append(said)


@pytest.mark.slow
def test_damaged_steps_are_told_beside_the_others_and_made_again(tmp_path: Path) -> None:
    store, other = Store(tmp_path / "steps"), Count(name="whole", to=2)
    damaged = [Count(name=name.replace(" ", "-")) for name in DAMAGE]
    before = (made(store, other) / "begun.txt").read_text()
    for step, damage in zip(damaged, DAMAGE.values(), strict=True):
        damage(made(store, step))
    states = plan([*damaged, other], tmp_path)
    assert [state for _, state in states] == [*["damaged"] * len(DAMAGE), "done"]
    table = status_table(states, tmp_path)
    cells = [str(cell) for column in table.columns for cell in column.cells]
    notes = Notes()
    outcome = run([*damaged, other], tmp_path, jobs=1, watch=notes)
    assert (outcome.ran, outcome.reused, outcome.exit_code) == (tuple(damaged), (other,), 0)
    for step in damaged:
        folder = str(store.folder(step))
        assert any(folder in cell and "planb run makes it again" in cell for cell in cells)
        assert any(folder in said and f"{folder}.damaged" in said for said in notes.said)
        assert (store.folder(step) / "sum.txt").read_text() == "1"
        assert Path(f"{folder}.damaged").is_dir(), "nothing is thrown away"
    assert (store.folder(other) / "begun.txt").read_text() == before
    assert {state for _, state in plan([*damaged, other], tmp_path)} == {"done"}


class Noted(Step):
    """Writes what is in a file outside, which is no part of what it is: another try, other bytes."""

    kind: ClassVar[str] = "noted"
    source: str
    before: tuple[Noted, ...] = ()

    def run(self, work: Work) -> None:
        said = [(work.folder(part) / "said.txt").read_text() for part in self.before]
        (work.out / "said.txt").write_text(Path(self.source).read_text() + "".join(said))


def noted(tmp_path: Path, text: str) -> tuple[Noted, Noted, Noted]:
    (tmp_path / "source.txt").write_text(text)
    (tmp_path / "fixed.txt").write_text(".")
    first = Noted(source=str(tmp_path / "source.txt"))
    second = Noted(source=str(tmp_path / "fixed.txt"), before=(first,))
    return first, second, Noted(source=str(tmp_path / "fixed.txt"), before=(second,))


@pytest.mark.parametrize("again", ["one", "two"])
@pytest.mark.slow
def test_what_was_made_from_it_is_made_again_unless_it_comes_out_the_same(
    tmp_path: Path, again: str
) -> None:
    first, second, third = noted(tmp_path, "one")
    store = Store(tmp_path / "steps")
    for step in (first, second, third):
        made(store, step)
    (store.folder(first) / "said.txt").write_text("0ne")
    (tmp_path / "source.txt").write_text(again)
    outcome = run([third], tmp_path, jobs=1)
    assert outcome.ran == ((first,) if again == "one" else (first, second, third))
    assert set(outcome.reused) == ({second, third} if again == "one" else set())
    assert (store.folder(third) / "said.txt").read_text() == f"..{again}"
    assert run([third], tmp_path, jobs=1).ran == ()


def test_a_step_that_was_made_from_other_files_than_its_input_has_now_is_damaged(
    tmp_path: Path,
) -> None:
    first, second, _ = noted(tmp_path, "one")
    store = Store(tmp_path / "steps")
    folder = made(store, first)
    made(store, second)
    shutil.rmtree(folder)
    assert store.check(second), "an input that is gone says nothing"
    (tmp_path / "source.txt").write_text("two")
    made(store, first)
    with pytest.raises(DamagedError, match="made from an earlier version of noted-"):
        store.check(second)


@pytest.mark.slow
def test_another_studys_step_is_taken_over_only_if_it_was_made_from_what_is_here(
    tmp_path: Path,
) -> None:
    first, second, _ = noted(tmp_path, "one")
    for step in (first, second):
        made(Store(tmp_path / "a" / "steps"), step)
    (tmp_path / "source.txt").write_text("two")
    made(Store(tmp_path / "b" / "steps"), first)
    outcome = run([second], tmp_path / "b", jobs=1, studies=tmp_path)
    assert outcome.ran == (second,)
    assert (Store(tmp_path / "b" / "steps").folder(second) / "said.txt").read_text() == ".two"


def test_a_try_that_read_other_inputs_is_not_resumed(tmp_path: Path) -> None:
    first, second, _ = noted(tmp_path, "one")
    store = Store(tmp_path / "steps")
    folder = made(store, first)
    assert not store.begin(second)
    (store.partial(second) / "half.txt").write_text("half")
    assert store.begin(second), "the same inputs: it goes on"
    shutil.rmtree(folder)
    (tmp_path / "source.txt").write_text("two")
    made(store, first)
    assert not store.begin(second)
    assert not (store.partial(second) / "half.txt").exists()


def test_an_input_that_is_damaged_in_the_middle_of_a_run_is_not_read(tmp_path: Path) -> None:
    """The worker looks once more at what it is about to read."""
    from planb.study.running.task import Task, execute

    store, first = Store(tmp_path / "steps"), Count(name="a")
    (made(store, first) / "sum.txt").write_text("8")
    second = Count(name="b", after=(first,))
    answer = execute(Task(second, second.identity(), store.steps, 1))
    assert answer.outcome == "failed"
    assert "sum.txt was changed" in answer.message
    assert not store.folder(second).exists()
