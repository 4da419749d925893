"""A small valley, and a study in it run for real: far too little training for a figure that
means anything, enough for every part to do its work. Studies share what is the same, and take
trainings from the study of the path's tests where that is finished."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock
from shared import session_folder

from planb.catalogue import load_source
from planb.models.generation import Sampling
from planb.study.planning.graph import Graph
from planb.study.running.meter import Meter
from planb.study.steps.step import Step, Work, identities_once
from planb.study.store.sharing import Others, taken_over
from planb.study.store.store import Store
from planb.study.study import Study

SMALL = Path(__file__).parents[1] / "path" / "small_study.py"


def small() -> Study:
    """The small study of the path's tests, one seed, all requests in one batch."""
    found = load_source(SMALL).study
    assert isinstance(found, Study)
    return found.with_seeds(1).but(sampling=Sampling(temperature=0.7, max_new_tokens=24))


@identities_once()
def carried_out(study: Study, factory: pytest.TempPathFactory) -> Path:
    """Run every step of the study, one thread each, and write its report; returns its folder."""
    session = session_folder(factory)
    runs, others = session / "small-valley", session / "undisturbed" / "runs"
    folder = runs / study.name
    store = Store(folder / "steps")
    store.prepare()
    for node in Graph(study.steps()):
        with FileLock(runs / f"{node.folder_name}.lock"):  # another test process may be at it
            done = store.is_done(node.step)
            if not done and not any(
                taken_over(store, node.step, Others(store, f)) for f in (runs, others)
            ):
                _make(store, node.step)
        node.step.publish(store.folder(node.step), folder)
    study.write_report(folder)
    return folder


def _make(store: Store, step: Step) -> None:
    """As a worker does, but in this process, which has loaded torch already."""
    step.check()
    started, began = datetime.now(UTC), time.monotonic()
    resumed = store.begin(step)
    meter = Meter()
    step.run(Work(out=store.partial(step), steps=store.steps, step=step))
    store.finish(step, started, time.monotonic() - began, 1, resumed, meter.spent())
