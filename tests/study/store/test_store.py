"""Finished steps: whole or not there; damage and disks that say no are told clearly."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from small_steps import Count

from planb.errors import PlanBError
from planb.study.planning.plan import plan
from planb.study.running.scheduler import run
from planb.study.steps.step import Work
from planb.study.store.store import Store, explained


def made(store: Store, step: Count) -> Path:
    """The step run here, without a worker."""
    store.prepare()
    resumed = store.begin(step)
    step.run(Work(out=store.partial(step), steps=store.steps, step=step))
    store.finish(step, datetime.now(UTC), 1.5, 1, resumed)
    return store.folder(step)


def test_a_finished_step_has_a_manifest_and_no_partial_folder(tmp_path: Path) -> None:
    store, first = Store(tmp_path / "steps"), Count(name="first", to=2)
    assert not store.is_done(first)
    folder = made(store, first)
    assert store.is_done(first)
    store.verify(first)
    assert not store.partial(first).exists()
    assert folder.name == f"count-first-{first.identity()[:12]}"

    second = Count(name="second", after=(first,))
    made(store, second)
    manifest = store.manifest(second)
    assert manifest.identity == second.identity()
    assert manifest.inputs == {folder.name: first.identity()}
    assert manifest.fields["after"] == [{"step": first.identity()}]
    assert set(manifest.files) == {"begun.txt", "checkpoint.txt", "counted.txt", "sum.txt"}
    assert manifest.files["sum.txt"].size == 1
    assert manifest.versions["torch"].startswith("2.")
    assert (manifest.seconds, manifest.threads, manifest.resumed) == (1.5, 1, False)
    assert manifest.started <= manifest.ended


def test_what_is_told_about_a_step_is_no_part_of_what_it_made(tmp_path: Path) -> None:
    store, step = Store(tmp_path / "steps"), Count(name="a")
    store.prepare()
    store.begin(step)
    partial = store.partial(step)
    step.run(Work(out=partial, steps=store.steps, step=step))
    (partial / "output.log").write_text("chatter")
    (partial / "deep").mkdir()
    (partial / "deep" / "output.log").write_text("the step's own")
    store.finish(step, datetime.now(UTC), 1, 1, False)
    listed = set(store.manifest(step).files)
    assert "deep/output.log" in listed
    assert not {"output.log", "progress.json", "manifest.json"} & listed


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "sum.txt").unlink(), "sum.txt is missing"),
        (lambda f: (f / "sum.txt").write_text("12345"), "sum.txt should have 1 bytes"),
        (lambda f: (f / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json is not a valid manifest"),
    ],
)
def test_damage_names_the_file_and_what_becomes_of_it(tmp_path, damage, said) -> None:  # type: ignore[no-untyped-def]
    store, step = Store(tmp_path / "steps"), Count(name="a")
    folder = made(store, step)
    damage(folder)
    with pytest.raises(PlanBError, match=said) as caught:
        store.is_done(step)
    assert f"the damaged folder is kept as {folder.name}.damaged" in str(caught.value)


@pytest.mark.slow
def test_a_changed_byte_is_found_before_a_step_is_built_on_it(tmp_path: Path) -> None:
    store, first = Store(tmp_path / "steps"), Count(name="first")
    folder = made(store, first)
    (folder / "sum.txt").write_text("8")
    with pytest.raises(PlanBError, match=r"sum.txt was changed"):
        store.verify(first)
    second = Count(name="second", after=(first,))
    assert run([second], tmp_path, jobs=1).ran == (first, second)
    assert (store.folder(second) / "sum.txt").read_text() == "2"


def test_identities_follow_fields_inputs_and_files(tmp_path: Path) -> None:
    text = tmp_path / "prompt.txt"
    text.write_text("one")
    first = Count(name="first", reads=str(text))
    second = Count(name="second", after=(first,))
    before = (first.identity(), second.identity())
    assert before == (Count(name="first", reads=str(text)).identity(), second.identity())
    text.write_text("two")
    assert first.identity() != before[0]
    assert second.identity() != before[1]
    changed = Count(name="second", after=(Count(name="first", to=2),))
    assert changed.identity() not in (before[1], second.identity())


def test_locks_keep_two_from_the_same_step(tmp_path: Path) -> None:
    mine, theirs = Store(tmp_path / "steps"), Store(tmp_path / "steps")
    step, other = Count(name="a"), Count(name="b")
    assert not mine.is_locked(step)
    mine.prepare()
    with mine.locked(step) as got:
        assert got
        assert theirs.is_locked(step)
        assert not theirs.is_locked(other)
        with theirs.locked(step) as second:
            assert not second
        assert [state for _, state in plan([step, other], tmp_path)] == ["running", "to do"]
    assert not theirs.is_locked(step)


def test_disks_that_say_no(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "steps"):
        with pytest.raises(PlanBError, match="or a folder above it, is a file"):
            Store(folder).prepare()
    with pytest.raises(PlanBError, match="no permission to write"):
        Store(Path("/sys/planb-steps")).prepare()
    full = OSError(28, "No space left on device", "/big/weights")
    assert "no space left on the device for /big/weights: free some" in str(explained(full, tmp_path))


@pytest.mark.slow
def test_a_step_of_another_study_is_taken_over_unless_it_is_damaged(tmp_path: Path) -> None:
    step = Count(name="shared", to=2)
    original = made(Store(tmp_path / "one" / "steps"), step)
    assert [state for _, state in plan([step], tmp_path / "two")] == ["to do"]
    assert [state for _, state in plan([step], tmp_path / "two", studies=tmp_path)] == ["done"]
    outcome = run([step], tmp_path / "two", studies=tmp_path)
    assert (outcome.reused, outcome.ran) == ((step,), ())
    taken = Store(tmp_path / "two" / "steps").folder(step)
    assert (taken / "counted.txt").read_text() == (original / "counted.txt").read_text()

    spoil(original)
    assert run([step], tmp_path / "three", studies=tmp_path).ran == (), "the second study's is whole"
    for study in ("three", "two"):
        spoil(Store(tmp_path / study / "steps").folder(step))
    assert run([step], tmp_path / "four", studies=tmp_path).ran == (step,), "damaged everywhere"


def spoil(folder: Path) -> None:
    """Other bytes of the same size, in a file of its own."""
    path = folder / "counted.txt"
    size = path.stat().st_size
    path.unlink()
    path.write_bytes(b"9" * size)
