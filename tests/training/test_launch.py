"""A training in several processes by one field: it ends where one process does, or says why it did not.

Real processes on this machine's CPU, over gloo.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import killed_training
import psutil
import pytest
import torch
from forked import forked
from launching import checkpoint
from sharded_training import sharded
from waiting import misread, start_waiting, wait

from planb.catalogue import load_source
from planb.errors import PlanBError
from planb.training import launch as launching_module
from planb.training.launch import launch, processes_here
from planb.training.settings import LoRA, Training

WEIGHT = 2e-5
"""The largest difference of a weight, after 20 updates by Adam at a rate of 1e-2: it makes much of a
gradient's last bits."""
OWN = """
import os, signal, time
from pathlib import Path

import torch

from planb.training.objectives import DPO

DIED, written = Path(__file__).with_name("died"), torch.save

def cut_short(what, path, *args, **kwargs):
    path = Path(path)
    here = (path.parent.name, path.name) == ("checkpoint-10", "rng_state_1.pth")
    if here and not DIED.exists():
        DIED.touch()
        path.touch()
        end = time.monotonic() + 2
        while time.monotonic() < end and not (path.parent / "trainer_state.json").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    written(what, path, *args, **kwargs)

torch.save = cut_short

class Mine(DPO):
    def loss(self, scores, pairs):
        from planb.training.launch import processes_here
        assert processes_here() == 2
        return super().loss(scores, pairs)
"""


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Here and in the processes; afterwards none of them is left."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    yield
    assert not trainers(os.getpid())


def trainers(parent: int) -> list[psutil.Process]:
    """The processes of a group that this process started, or that it left behind."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "planb.training.launched" in line and line[-1] == str(parent):
            found.append(process)
    return found


def gap(one: Path, two: Path) -> float:
    first, second = checkpoint(one), checkpoint(two)
    assert set(first) == set(second)
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def run(base: Path, out: Path, **settings: Any) -> list[float]:
    """The updates that were told."""
    told: list[float] = []
    killed_training.run(base, out, lambda done, total, note: told.append(done), **settings)  # noqa: ARG005
    return told


@pytest.mark.slow
def test_a_run_whose_process_was_killed_ends_where_one_process_does(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an adapter, a reference, and an objective from a file of the user's own. One process is
    killed while it writes its share of a checkpoint: the step fails and says so, nothing calls that
    checkpoint whole, and the next run goes on from the one before it."""
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    monkeypatch.setattr(torch, "save", torch.save)  # put back afterwards: the file replaces it here too
    mine = load_source(tmp_path / "own.py").Mine
    alone, together = tmp_path / "alone", tmp_path / "together"
    with pytest.raises(PlanBError, match=r"process 1 of the 2 .* killed by SIGKILL.*last checkpoint"):
        run(base, together, processes=2, save_every=5, objective=mine())
    assert not trainers(os.getpid())
    assert (together / "training" / "checkpoint-10").is_dir()
    told = run(base, together, processes=2, save_every=5, objective=mine())
    assert told == run(base, alone, save_every=5)[5:]
    assert told[0] == 6
    assert gap(alone, together) < WEIGHT
    assert json.loads((together / "training.json").read_text())["processes"] == "2 (ddp)"
    assert {path.name for path in alone.iterdir()} == {path.name for path in together.iterdir()}


@pytest.mark.slow
def test_an_error_of_a_process_is_the_steps_error(base: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanBError) as alone:
        run(base, tmp_path / "alone", max_length=3)
    with pytest.raises(PlanBError) as together:
        run(base, tmp_path / "together", max_length=3, processes=2)
    assert str(together.value) == str(alone.value)
    with pytest.raises(PlanBError, match=r"in process [01] of 2: JSONDecodeError: Expecting value"):
        launch(misread, ("not json",), 2)


@pytest.mark.slow
def test_shards_end_where_one_process_does(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching_module, "_gpus", lambda: 2)  # on a CPU it would refuse
    alone, together, told = tmp_path / "alone", tmp_path / "together", list[float]()
    launch(sharded, (base, together), 2, "fsdp", lambda done, total, note: told.append(done))  # noqa: ARG005
    assert told == run(base, alone, adapter=None)
    assert gap(alone, together) < WEIGHT
    assert gap(alone, base) > 1000 * WEIGHT
    assert json.loads((together / "training.json").read_text())["processes"] == "2 (fsdp)"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path, how: Any) -> None:
    ours, theirs = multiprocessing.Pipe()
    parent = forked(start_waiting, theirs, dict(os.environ), tmp_path)
    try:
        assert ours.recv()[0] == 1
        assert parent.pid
        left = trainers(parent.pid)
        assert len(left) == 3  # the two, and the one that they were forked from
        os.kill(parent.pid, how)
        gone, alive = psutil.wait_procs(left, timeout=30)
        assert len(gone) == 3
        assert not alive
        parent.join(30)
        assert parent.exitcode
        assert how == signal.SIGKILL or not list(tmp_path.iterdir())
    finally:
        parent.kill()
        parent.join()


def test_each_process_needs_a_gpu_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching_module, "_gpus", lambda: 2)
    with pytest.raises(PlanBError, match=r"processes is 4, and torch sees 2 GPUs.*Set processes to 2"):
        launch(wait, (1.0,), 4)


def test_shards_need_gpus() -> None:
    with pytest.raises(PlanBError, match="torch finds none: use parallel='ddp'"):
        launch(wait, (1.0,), 2, "fsdp")


def test_a_trouble_with_telling_is_not_lost(tmp_path: Path) -> None:
    """As when the disk is full where the progress is written."""
    path = tmp_path / "told.jsonl"

    def full(done: float, total: float, note: str) -> None:
        raise OSError(28, f"no room for {done} of {total} {note}")

    with (
        pytest.raises(OSError, match="no room for 1 of 2 loss"),
        launching_module._followed(path, full),
    ):
        path.write_text('[1, 2, "loss"]\n[2, 2')


def test_another_number_of_processes_than_asked_for_is_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert processes_here() == 4
    with pytest.raises(PlanBError, match=r"processes is 2, and 4 train here.*under torchrun"):
        run(base, tmp_path / "out", processes=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 6, "processes": 4}, "4 processes cannot share batch 6"),
        ({"batch": 8, "micro_batch": 4, "processes": 4}, "in parts of 4: choose a multiple"),
        ({"parallel": "fsdp", "optimizer": "muon"}, "Muon needs whole matrices"),
        ({"parallel": "fsdp", "quantize": "4bit", "adapter": LoRA()}, "Use parallel='ddp'"),
    ],
)
def test_what_cannot_be_shared_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?i){message}"):
        Training(steps=1, learning_rate=1.0, **settings)


def test_processes_are_part_of_what_a_training_is() -> None:
    one = Training(steps=1, learning_rate=1.0)
    assert len({one.digest(), one.but(processes=2).digest()}) == 2
