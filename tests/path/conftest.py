"""One finished run of the small study, which the tests of this folder look at."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest
from filelock import FileLock

sys.path.insert(0, str(Path(__file__).parent))

from command import SMALL, Finished, planb


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run by the first of the test processes that needs it; the others wait, and look at the same."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of this one session
    with FileLock(shared / "undisturbed.lock"):
        said = shared / "undisturbed.pickle"
        if not said.exists():
            said.write_bytes(pickle.dumps(_run(shared / "undisturbed" / "runs")))
        found: Finished = pickle.loads(said.read_bytes())
    return found


def _run(out: Path) -> Finished:
    code, planned = planb("plan", SMALL, "--out", out)
    assert code == 0, planned
    assert not out.exists(), "a plan writes nothing"
    code, said = planb("run", SMALL, "--out", out, "--jobs", "1")
    assert code == 0, said
    return Finished(out, out / "small", planned, said)
