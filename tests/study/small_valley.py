"""A small valley, and a study in it carried out for real: far too little training for a figure that
means anything, enough for every part to do its work. Studies in one folder share what is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from planb.catalogue import load_source
from planb.models.generation import Sampling
from planb.study.running import executor
from planb.study.steps.pretrain import SandboxBase
from planb.study.study import Study
from planb.training.settings import Training

SMALL = Path(__file__).parents[1] / "path" / "small_study.py"


def small() -> Study:
    """The small study of the path's tests, one seed, in batches as large as they come."""
    found = load_source(SMALL).study
    assert isinstance(found, Study)
    (base,), (organism,) = found.bases, found.organisms
    assert isinstance(base, SandboxBase)
    return found.with_seeds(1).but(
        bases=(base.but(training=_at_once(base.training)),),
        organisms=(organism.but(training=_at_once(organism.training)),),
        safety=_at_once(found.safety),
        sampling=Sampling(temperature=0.7, max_new_tokens=24),
    )


def _at_once(training: Training) -> Training:
    return training.but(pack_tokens=8192)


def carried_out(study: Study, factory: pytest.TempPathFactory) -> Path:
    """Run every step of the study and write its report; returns its folder."""
    runs = factory.getbasetemp() / "small-valley"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_THREAD_LIMIT", "1")  # other tests run beside
        outcome = executor.run(study.steps(), runs / study.name, jobs=1, studies=runs)
    assert not outcome.failed, [f"{one.step.slug}: {one.message}" for one in outcome.failed]
    assert not outcome.blocked
    study.write_report(runs / study.name)
    return runs / study.name
