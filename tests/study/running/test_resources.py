"""GPUs as a resource: each step sees those that it asked for and no others, and none is given twice."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from gpu_steps import Sees
from small_steps import Count

from planb.errors import PlanBError
from planb.study.planning.estimate import Estimate
from planb.study.planning.graph import Graph
from planb.study.running.devices import VISIBLE, visible_gpus
from planb.study.running.executor import executor_named
from planb.study.running.progress import Watcher
from planb.study.running.scheduler import run
from planb.study.steps.step import Step
from planb.study.store.store import Store


class Seen(NamedTuple):
    """What a step wrote down; ``began`` and ``ended`` in seconds since 1970."""

    devices: tuple[str, ...]
    pid: int
    began: float
    ended: float


class Notes(Watcher):
    """Keeps the notes that it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, said: str) -> None:
        self.notes.append(said)


def seen(folder: Path, step: Step) -> Seen:
    text = (Store(folder / "steps").folder(step) / "seen.txt").read_text()
    devices, pid, began, ended = text.split(";")
    return Seen(tuple(filter(None, devices.split(","))), int(pid), float(began), float(ended))


@pytest.mark.parametrize(
    ("listed", "gpus"),
    [
        ("0,1", ("0", "1")),
        ("3, GPU-8f2a", ("3", "GPU-8f2a")),
        ("", ()),
        ("-1", ()),
        ("0,-1,2", ("0",)),
        ("1,1", ("1",)),
    ],
)
def test_the_list_is_read_as_cuda_reads_it(
    listed: str, gpus: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, listed)
    assert visible_gpus() == gpus


def test_without_a_list_torch_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.delenv(VISIBLE, raising=False)
    assert len(visible_gpus()) == torch.cuda.device_count()


@pytest.mark.slow
def test_no_gpu_is_given_to_two_steps_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "4,7")
    (tmp_path / "met").mkdir()
    met = str(tmp_path / "met")
    singles = [Sees(name=str(i), pause=0.3, meets=met, meeting=2) for i in range(4)]
    both = Sees(name="both", asks=2, after=tuple(singles))
    none = Sees(name="none", asks=0, pause=0.3)
    notes = Notes()
    assert run([*singles, both, none], tmp_path, jobs=8, watch=notes).exit_code == 0
    made = [seen(tmp_path, step) for step in singles]
    assert all(len(one.devices) == 1 and set(one.devices) <= {"4", "7"} for one in made)
    assert {one.devices for one in made} == {("4",), ("7",)}
    for one in made:
        for other in made:
            apart = one.ended <= other.began or other.ended <= one.began
            assert one is other or apart or one.devices != other.devices
    assert set(seen(tmp_path, both).devices) == {"4", "7"}
    assert seen(tmp_path, none).devices == (), "a step that asks for none sees none"
    assert len({one.pid for one in made}) == 2, "a worker keeps its GPU and is used again"
    assert seen(tmp_path, both).pid not in {one.pid for one in made}
    assert notes.notes == []


@pytest.mark.slow
def test_a_step_for_the_cpu_overtakes_those_that_wait_for_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "0")
    (tmp_path / "met").mkdir()
    met = str(tmp_path / "met")
    first, second = (Sees(name=name, meets=met, meeting=2) for name in ("first", "second"))
    none = Sees(name="none", asks=0, meets=met)
    run([first, second, none], tmp_path, jobs=3)
    assert seen(tmp_path, none).began < seen(tmp_path, second).began
    assert seen(tmp_path, second).began >= seen(tmp_path, first).ended


def test_more_than_there_are_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VISIBLE, "0,1")
    first = Count(name="first")
    with pytest.raises(PlanBError, match=r"sees-big requests 3 GPUs, but this machine has 2 \(0, 1\)"):
        run([first, Sees(name="big", asks=3)], tmp_path, jobs=1)
    assert not list(tmp_path.glob("steps/count-*"))


@pytest.mark.slow
def test_notes_on_gpus_that_lack_or_lie_idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "")
    lacking, idle = Notes(), Notes()
    step = Sees(name="big", asks=3)
    assert run([step], tmp_path, jobs=1, watch=lacking).exit_code == 0
    assert lacking.notes == ["no GPU found: 1 steps that request one run on the CPU"]
    assert seen(tmp_path, step).devices == ()
    monkeypatch.setenv(VISIBLE, "0")
    run([Count(name="plain")], tmp_path, jobs=1, watch=idle)
    assert idle.notes == ["1 GPUs are unused: no step of the study requests one"]


def test_the_estimate_counts_gpus() -> None:
    graph, left = Graph([Sees(name=str(i)) for i in range(4)]), []
    for gpus in (0, 1, 2, 4):
        estimate = Estimate(graph, 8, gpus)
        assert estimate.untimed(graph.nodes) == 4, "what a GPU takes is not known until one was timed"
        estimate.observe(next(iter(graph)), seconds=10)
        left.append(estimate.time_left({}, list(graph.nodes)))
    assert left == pytest.approx([10, 40, 20, 10])


def test_an_unknown_executor() -> None:
    with pytest.raises(PlanBError, match="use local, ray, or ray:HOST:PORT"):
        executor_named("slurm")
