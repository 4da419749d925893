"""``kill -9`` in stage 1, in stage 2 and in an evaluation, then the same command: the same results."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from command import SMALL, Finished, planb, stamps
from forked import forked_planb

from planb.study.running.scheduler import plan
from planb.study.source import find_study

pytestmark = pytest.mark.slow
LIBRARIES = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
ELSEWHERE = {
    **{f"{library}_NUM_THREADS": "3" for library in LIBRARIES},
    **{"OMP_DYNAMIC": "true", "MKL_DYNAMIC": "TRUE", "OMP_SCHEDULE": "dynamic"},
    **{"OMP_THREAD_LIMIT": "4", "OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "0"},
    **{"TOKENIZERS_PARALLELISM": "true", "TZ": "Asia/Kathmandu", "LANG": "de_DE.UTF-8"},
}
"""A shell that sets what libraries read of threads, time and language."""


def checkpoint_of(partial: Path) -> int:
    """The last training checkpoint that was written to its end; 0: none yet."""
    states = partial.glob("training/checkpoint-*/trainer_state.json")
    return max((int(state.parent.name.split("-")[1]) for state in states), default=0)


def progress_of(partial: Path) -> tuple[float, float]:
    """(done, total); (0, 0) while nothing is said."""
    try:
        told = json.loads((partial / "progress.json").read_text())
    except (OSError, ValueError):
        return 0, 0
    return told["done"], told["total"]


def is_training(partial: Path) -> bool:
    done, total = progress_of(partial)
    return checkpoint_of(partial) > 0 and done < total


def is_asking(partial: Path) -> bool:
    done, total = progress_of(partial)
    return 0 < done < total


class Killed:
    """Runs of the small study's first seed in one folder, each ended by ``kill -9``."""

    def __init__(self, out: Path) -> None:
        self.out, self.folder = out, out / "small"
        self.finished_before: dict[Path, int] = {}
        self.lowest: dict[str, float] = {}
        """The lowest progress that was seen of a step since it was last killed."""

    def command(self) -> list[str | Path]:
        return ["run", SMALL, "--out", self.out, "--seeds", "1", "--jobs", "1"]

    def kill_in(self, slugs: str, far_enough: Callable[[Path], bool]) -> Path:
        """Kill the run in the first step of that name that is far enough; returns its folder."""
        for _ in range(5):
            caught = self._kill_once(slugs, far_enough)
            if caught.exists():  # else it was finished just before: try again in the next one
                self._wait_for_the_workers_end(caught)
                self.lowest.pop(caught.name, None)
                self.finished_before |= stamps(self.folder)
                return caught
        raise AssertionError(f"{slugs} was never caught at work")

    def _kill_once(self, slugs: str, far_enough: Callable[[Path], bool]) -> Path:
        began = time.time()
        process = forked_planb(*self.command())
        try:
            return self._watch(process, slugs, far_enough, began)
        finally:
            process.kill()
            process.join()

    def _watch(
        self, process: BaseProcess, slugs: str, far: Callable[[Path], bool], began: float
    ) -> Path:
        while process.is_alive() and time.time() - began < 300:
            self.look(began)
            for partial in self.folder.glob(f"steps/{slugs}-*.partial"):
                told = partial / "progress.json"
                if told.exists() and told.stat().st_mtime > began and far(partial):
                    return partial
            time.sleep(0.01)
        raise AssertionError(f"{slugs} never came so far: {process.exitcode}")

    def look(self, began: float) -> None:
        for partial in self.folder.glob("steps/*.partial"):
            told = partial / "progress.json"
            try:
                fresh = told.stat().st_mtime > began
            except OSError:
                continue
            done, total = progress_of(partial)
            if fresh and total:
                self.lowest[partial.name] = min(done, self.lowest.get(partial.name, done))

    def _wait_for_the_workers_end(self, partial: Path) -> None:
        steps = find_study(str(SMALL), {}).with_seeds(1).steps()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            states = {step.folder_name: state for step, state in plan(steps, self.folder)}
            if states[partial.name.removesuffix(".partial")] == "partial":
                return
            time.sleep(0.05)
        raise AssertionError("the workers live on after the run was killed")


def weights(folder: Path) -> dict[str, str]:
    """SHA-256 of the weights that each step made, from its manifest."""
    return {
        f"{path.parent.name}/{name}": record["sha256"]
        for path in folder.glob("steps/*/manifest.json")
        for name, record in json.loads(path.read_text())["files"].items()
        if name.endswith(".safetensors")
    }


def test_killed_three_times_and_the_same_results(finished: Finished, tmp_path: Path) -> None:
    """With as many jobs, threads and what else of a shell there may be."""
    killed = Killed(tmp_path / "runs")
    for shared in ("base", "data"):  # what the kills do not touch is taken over, finished as it is
        (source,) = finished.folder.glob(f"steps/{shared}-sandbox-seed0-*")
        shutil.copytree(source, killed.folder / "steps" / source.name)

    organism = killed.kill_in("organism-seed0", is_training)
    stage_1 = checkpoint_of(organism)
    method = killed.kill_in("plan_b-seed0", is_training)
    assert killed.lowest[organism.name] > stage_1 > 0, "stage 1 went on from its checkpoint"
    stage_2 = checkpoint_of(method)
    evaluation = killed.kill_in("sandbox-plan-b-*-seed0", is_asking)
    assert not (killed.folder / "results.csv").exists()

    assert killed.lowest[method.name] > stage_2 > 0, "stage 2 went on from its checkpoint"
    code, said = planb(*killed.command(), "--jobs", "2", variables=ELSEWHERE)
    assert code == 0, said
    for partial in (organism, method):
        manifest = json.loads((partial.with_suffix("") / "manifest.json").read_text())
        assert manifest["resumed"]
    assert evaluation.with_suffix("").exists()
    assert not list(killed.folder.glob("steps/*.partial"))

    now = stamps(killed.folder)
    assert killed.finished_before
    assert all(now[file] == stamp for file, stamp in killed.finished_before.items()), "made twice"
    (early,) = finished.folder.glob("steps/report-1-of-2-*")
    assert (killed.folder / "results.csv").read_bytes() == (early / "results.csv").read_bytes()
    undisturbed, resumed = weights(finished.folder), weights(killed.folder)
    assert resumed.items() <= undisturbed.items(), "the weights are those of the undisturbed run"
    assert len(list(killed.folder.glob("logs/*.eval"))) == 16
