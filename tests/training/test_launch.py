"""A training in several processes by one field: it ends where one process does, or says why it did not.

Real processes on this machine's CPU, over gloo.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import killed_training
import psutil
import pytest
import torch
from killed_training import SAVE_EVERY, STEPS
from launching import checkpoint
from sharded_training import sharded
from waiting import misread, wait

from planb.catalogue import load_source
from planb.errors import PlanBError
from planb.training import launch as launching_module
from planb.training.launch import launch, processes_here
from planb.training.settings import LoRA, Training

WEIGHT = 2e-5
"""The largest difference of a weight, after 20 updates by Adam at a rate of 1e-2: it makes much of a
gradient's last bits."""
KILLED_AFTER = (SAVE_EVERY + STEPS) // 2
OWN = """
from planb.training.objectives import DPO

class Mine(DPO):
    def loss(self, scores, pairs):
        from planb.training.launch import processes_here
        assert processes_here() == 2
        return super().loss(scores, pairs)
"""

DYING = """
import os, signal, time
from pathlib import Path

import torch

from planb.training.objectives import DPO

written = torch.save

def cut_short(what, path, *args, **kwargs):
    path = Path(path)
    if (path.parent.name, path.name) == ("checkpoint-20", "rng_state_1.pth"):
        path.touch()
        end = time.monotonic() + 2
        while time.monotonic() < end and not (path.parent / "trainer_state.json").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    written(what, path, *args, **kwargs)

torch.save = cut_short

class Mine(DPO):
    pass
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
        if "planb.training.launch" in line and line[-1] == str(parent):
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
def test_two_processes_end_where_one_does(base: Path, tmp_path: Path) -> None:
    """With an adapter, a reference, and an objective from a file of the user's own."""
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    mine = load_source(tmp_path / "own.py").Mine
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert run(base, alone) == run(base, together, processes=2, objective=mine())
    assert gap(alone, together) < WEIGHT
    assert json.loads((together / "training.json").read_text())["processes"] == "2 (ddp)"
    assert {path.name for path in alone.iterdir()} == {path.name for path in together.iterdir()}


@pytest.mark.slow
def test_a_run_whose_process_was_killed_is_taken_up(base: Path, tmp_path: Path) -> None:
    """The step fails and says so; the next run goes on from the last checkpoint to the same weights."""
    out, whole = tmp_path / "out", tmp_path / "whole"

    def kill_the_second(done: float, total: float, note: str) -> None:
        del total, note
        for process in trainers(os.getpid()) if done >= KILLED_AFTER else []:
            if process.environ()["RANK"] == "1":
                process.kill()

    with pytest.raises(PlanBError, match=r"process 1 of the 2 .* killed by SIGKILL.*last checkpoint"):
        killed_training.run(base, out, kill_the_second, steps=400, processes=2)
    assert not trainers(os.getpid())
    last = max(int(path.name.split("-")[1]) for path in (out / "training").glob("checkpoint-*"))
    assert SAVE_EVERY <= last < 400
    assert run(base, out, steps=last + 5, processes=2)[0] == last + 1
    assert run(base, whole, steps=last + 5)[0] == 1


@pytest.mark.slow
def test_a_checkpoint_that_one_process_did_not_finish_is_none(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it writes its share: nothing calls it whole, and the checkpoint before it stays."""
    (tmp_path / "dying.py").write_text(DYING, encoding="utf-8")
    monkeypatch.setattr(torch, "save", torch.save)  # put back afterwards: the file replaces it here too
    out, mine = tmp_path / "out", load_source(tmp_path / "dying.py").Mine
    with pytest.raises(PlanBError, match=r"process 1 of the 2 .* killed by SIGKILL"):
        run(base, out, processes=2, steps=30, objective=mine())
    assert run(base, out, processes=2, steps=30)[0] == SAVE_EVERY + 1


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


STARTED = """
import signal
from planb.training.launch import launch
from waiting import wait
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
    launch(wait, (300.0,), 2, progress=lambda *told: print(told, flush=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path, how: Any) -> None:
    script, folder = tmp_path / "started.py", str(Path(__file__).parent)
    script.write_text(STARTED, encoding="utf-8")
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": folder, "TMPDIR": str(tmp_path)},
    )
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith(b"(1")
        left = trainers(parent.pid)
        assert len(left) == 2
        parent.send_signal(how)
        gone, alive = psutil.wait_procs(left, timeout=30)
        assert len(gone) == 2
        assert not alive
        assert parent.wait(30) != 0
        assert how == signal.SIGKILL or [path.name for path in tmp_path.iterdir()] == [script.name]
    finally:
        parent.kill()


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
