"""A study's jobs at hosts: what they will cost, what they did cost, and how they are stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from planb.errors import PlanBError
from planb.study.planning.graph import Graph
from planb.study.steps.data_files import harmful_and_harmless
from planb.study.steps.derived_data import examples_now
from planb.study.steps.hosted_base import HostedBase, hosted_rows
from planb.study.steps.step import Step, Work
from planb.study.steps.training import TrainingStep
from planb.study.store.store import DamagedError, Store
from planb.training.hosted import read_hosted
from planb.training.hosted.checkpoint import HostedSpend
from planb.training.hosted.job import stop_job
from planb.training.hosted.rows import Row, about_tokens
from planb.training.hosted.train import usd
from planb.types import Example


class JobCost(NamedTuple):
    """A training at a host. ``spend.trained_tokens`` is None until it is done; ``about_usd`` is by the
    estimate (None: no price was given)."""

    step: Step
    spend: HostedSpend
    about_usd: float | None
    done: bool


def costs(final_steps: Iterable[Step], study_folder: Path) -> list[JobCost]:
    """Every training at a host that the steps need, in order. Nothing is sent.

    Raises PlanBError for what the host does not offer, and where the data are not there yet.
    """
    store, data, found = Store(study_folder / "steps"), _Data(study_folder / "steps"), list[JobCost]()
    for step, base in _trainings(final_steps):
        done = _done(store, step)
        if done:
            spend = read_hosted(study_folder / "steps" / step.folder_name).spend
        else:
            rows = _rows(step, data)
            spend = HostedSpend(rows=len(rows), about_tokens=about_tokens(rows))
        found.append(JobCost(step, spend, usd(base.host, spend.about_tokens), done))
    return found


def stop_jobs(final_steps: Iterable[Step], study_folder: Path) -> list[tuple[Step, str]]:
    """Cancel the jobs that unfinished steps have started: (step, the job's id at the host)."""
    store, stopped = Store(study_folder / "steps"), list[tuple[Step, str]]()
    for step, base in _trainings(final_steps):
        if not _done(store, step) and (job := stop_job(base.host, store.partial(step))):
            stopped.append((step, job))
    return stopped


def _done(store: Store, step: Step) -> bool:
    """A damaged step is trained again, so it is not done."""
    try:
        return store.is_done(step)
    except DamagedError:
        return False


def _trainings(final_steps: Iterable[Step]) -> Iterator[tuple[TrainingStep, HostedBase]]:
    for node in Graph(final_steps):
        if isinstance(node.step, TrainingStep) and node.step.host:
            yield node.step, node.step.host


def _rows(step: TrainingStep, data: _Data) -> list[Row]:
    return hosted_rows(step.recipe(*data.read(step.data, step.split), on=""))


class _Data:
    """The examples of data steps: what they have written, or would write now."""

    def __init__(self, steps: Path) -> None:
        self.steps = steps
        self.known: dict[tuple[str, str], tuple[list[Example], list[Example]]] = {}

    def read(self, data: Step, split: str) -> tuple[list[Example], list[Example]]:
        key = (data.folder_name, split)
        if key not in self.known:
            self.known[key] = self._read(data, split)
        return self.known[key]

    def _read(self, data: Step, split: str) -> tuple[list[Example], list[Example]]:
        if (folder := self.steps / data.folder_name).is_dir():
            return harmful_and_harmless(folder, split)
        if found := examples_now(data, split):
            return [e for e in found if e.harmful], [e for e in found if not e.harmful]
        if data.inputs():
            raise PlanBError(f"the data ({data.slug}) are not written yet, and need other steps first")
        with TemporaryDirectory() as scratch:
            data.run(Work(out=Path(scratch), steps=self.steps))
            return harmful_and_harmless(Path(scratch), split)
