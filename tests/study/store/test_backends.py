"""Finished steps in a bucket behind a real S3 server: whole or not there, shared, and never mixed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from buckets import bucket
from cluster_study import Tally
from small_steps import Count

from planb.errors import PlanBError
from planb.models.cards import Card
from planb.study.planning.plan import plan
from planb.study.running.scheduler import run
from planb.study.steps.step import Step, Work
from planb.study.store import remote
from planb.study.store.backends import RemoteStore, checked_url

ROOT = Count(name="root", to=2)
STEPS = (Tally(counts=(ROOT, Count(name="on", after=(ROOT,)))),)


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with bucket("planb") as settings:
        yield settings


@pytest.fixture
def url(server: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An empty place in the bucket, for this process and its workers."""
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return f"s3://planb/{tmp_path.name}"


def bucket_of(url: str) -> Any:
    fs, _ = fsspec.url_to_fs(url, use_listings_cache=False)
    return fs


def listed(url: str) -> list[str]:
    fs = bucket_of(url)
    return sorted(path.removeprefix(url.removeprefix("s3://") + "/") for path in fs.find(url))


def make(store: RemoteStore, step: Step) -> None:
    """The step run here, without a worker."""
    store.prepare()
    store.begin(step)
    step.run(Work(out=store.partial(step), steps=store.steps, step=step))
    store.finish(step, datetime.now(UTC), 1.5, 1, False)


@pytest.mark.slow
def test_another_machine_finds_what_one_has_finished(tmp_path: Path, url: str) -> None:
    assert len(run(STEPS, tmp_path / "one", jobs=1, url=url).ran) == 3
    assert [state for _, state in plan(STEPS, tmp_path / "two", url=url)] == ["done"] * 3
    again = run(STEPS, tmp_path / "two", jobs=1, url=url)
    assert (len(again.reused), again.ran) == (3, ())
    table = (tmp_path / "two" / "table.csv").read_text()
    assert table == (tmp_path / "one" / "table.csv").read_text() == "name,sum\nroot,2\non,3\n"
    assert not [name for name in listed(url) if "claims" in name or "probe" in name]

    later = Count(name="later", after=(ROOT,))
    assert run([later], tmp_path / "three", jobs=1, url=url).ran == (later,)
    store = RemoteStore(tmp_path / "three" / "steps", url)
    assert (store.folder(later) / "sum.txt").read_text() == "3", "its input was brought"
    store.verify(ROOT)


@pytest.mark.slow
def test_a_step_is_there_when_its_manifest_is(tmp_path: Path, url: str) -> None:
    """What a kill before the manifest leaves: nobody takes it, and the same machine sends it whole."""
    store = RemoteStore(tmp_path / "one", url)
    make(store, ROOT)
    bucket_of(url).rm_file(f"{url}/{store.folder(ROOT).name}/manifest.json")
    assert any(name.endswith("sum.txt") for name in listed(url))
    assert not RemoteStore(tmp_path / "two", url).settle(ROOT)
    outcome = run([ROOT], tmp_path / "two", jobs=1, url=url)
    assert outcome.ran == (ROOT,)
    bucket_of(url).rm_file(f"{url}/{store.folder(ROOT).name}/manifest.json")
    again = RemoteStore(tmp_path / "one", url)
    assert not again.is_done(ROOT)
    assert again.settle(ROOT)
    assert RemoteStore(tmp_path / "three", url).is_done(ROOT)


def test_two_tries_that_both_finish_never_mix(tmp_path: Path, url: str) -> None:
    one, two = (RemoteStore(tmp_path / name, url) for name in ("one", "two"))
    for store in (one, two):
        make(store, ROOT)
    assert len({name.split("/")[1] for name in listed(url) if name.endswith(".txt")}) == 2
    third = RemoteStore(tmp_path / "three", url)
    brought = third.fetch(ROOT)
    third.verify(ROOT)
    assert (brought / "begun.txt").read_text() == (one.folder(ROOT) / "begun.txt").read_text()


@pytest.mark.slow
def test_a_damaged_file_is_found_on_its_way(tmp_path: Path, url: str) -> None:
    make(RemoteStore(tmp_path / "one", url), ROOT)
    (path,) = bucket_of(url).glob(f"{url}/*/*/sum.txt")
    bucket_of(url).pipe_file(path, b"9")
    folder = RemoteStore(tmp_path, url).folder(ROOT).name
    store = RemoteStore(tmp_path / "two", url)
    assert store.check(ROOT), "what is yet to be brought is compared on its way"
    with pytest.raises(PlanBError, match=f"step {folder} in {url} is damaged: sum.txt was changed"):
        store.fetch(ROOT)
    assert not list((tmp_path / "two").glob("count-*")), "nothing half brought is left"
    assert not store.check(ROOT)
    assert run([ROOT], tmp_path / "three", jobs=1, url=url).ran == (ROOT,), "it is made again"
    (path,) = (name for name in listed(url) if name.endswith("sum.txt") and name not in path)
    bucket_of(url).rm_file(f"{url}/{path}")
    with pytest.raises(PlanBError, match=r"sum.txt is missing"):
        RemoteStore(tmp_path / "four", url).fetch(ROOT)


@pytest.mark.slow
def test_a_damaged_copy_is_brought_again_and_not_made_again(tmp_path: Path, url: str) -> None:
    make(RemoteStore(tmp_path / "one" / "steps", url), ROOT)
    folder = RemoteStore(tmp_path / "two" / "steps", url).fetch(ROOT)
    (folder / "sum.txt").write_text("9")
    later = Count(name="later", after=(ROOT,))
    outcome = run([later], tmp_path / "two", jobs=1, url=url)
    assert (outcome.ran, outcome.reused) == ((later,), (ROOT,))
    assert (folder / "sum.txt").read_text() == "2"


def test_a_claim_keeps_others_away_until_it_falls_silent(tmp_path: Path, url: str) -> None:
    one, two = (RemoteStore(tmp_path / name, url) for name in ("one", "two"))
    for store in (one, two):
        store.prepare()
    with one.locked(ROOT) as got:
        assert got
        one.begin(ROOT)
        Work(out=one.partial(ROOT), steps=one.steps).progress(1, 2, "at 1")
        assert two.is_locked(ROOT)
        with two.locked(ROOT) as second:
            assert not second
        assert [state for _, state in plan([ROOT], tmp_path / "any", url=url)] == ["running"]
    assert not two.is_locked(ROOT)

    def left(seconds: float) -> None:
        said = {"who": "a machine that is gone", "when": time.time() - seconds, "told": [3, 8, "x"]}
        path = f"{url}/.claims/{one.folder(ROOT).name}.json"
        bucket_of(url).pipe_file(path, json.dumps(said).encode())

    left(remote.STALE - 30)
    assert RemoteStore(tmp_path / "three", url).progress(ROOT) == (3, 8, "x")
    with two.locked(ROOT) as got:
        assert not got
    left(remote.STALE + 1)
    with two.locked(ROOT) as got:
        assert got
    left(0)
    two.release(ROOT)
    assert not two.is_locked(ROOT)


class Adapter(Step):
    """Writes the card of an adapter on ``base``, as a trained one has."""

    kind: ClassVar[str] = "adapter"
    base: Count | Adapter

    def run(self, work: Work) -> None:
        place = os.path.relpath(work.folder(self.base), work.out)
        card = Card(what="a test's adapter", base=place)
        (work.out / "planb.json").write_text(card.model_dump_json())


def test_an_adapter_brings_the_bases_it_stands_on(tmp_path: Path, url: str) -> None:
    first = Adapter(base=ROOT)
    second = Adapter(base=first)
    one, two = (RemoteStore(tmp_path / name, url) for name in ("one", "two"))
    for step in (ROOT, first, second):
        make(one, step)
    folder = two.fetch(second)
    assert (folder / Card.model_validate_json((folder / "planb.json").read_bytes()).base).is_dir()
    assert all(two.folder(step).is_dir() for step in (ROOT, first, second))


def test_places_that_cannot_be(tmp_path: Path, url: str) -> None:
    with pytest.raises(PlanBError, match="is a folder, not a URL: use --out"):
        checked_url("runs/steps")
    with pytest.raises(PlanBError, match=r"nowhere://x cannot be used: ValueError: Protocol not known"):
        run([ROOT], tmp_path, url="nowhere://x")
    assert url


@pytest.mark.slow
def test_a_failure_on_another_machine_is_told_here(tmp_path: Path, url: str) -> None:
    outcome = run([Count(name="bad", way="raise")], tmp_path, jobs=1, url=url)
    assert outcome.failed[0].log is not None
    assert "counted wrong\nin two lines" in outcome.failed[0].log.read_text()
    states = [state for _, state in plan([Count(name="bad", way="raise")], tmp_path, url=url)]
    assert states == ["failed"]
    assert not [name for name in listed(url) if "claims" in name]
