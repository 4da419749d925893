"""One finished run of the small study, which the tests of this folder look at."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from command import SMALL, Finished, planb


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    out = tmp_path_factory.mktemp("undisturbed") / "runs"
    code, planned = planb("plan", SMALL, "--out", out)
    assert code == 0, planned
    assert not out.exists(), "a plan writes nothing"
    code, said = planb("run", SMALL, "--out", out, "--jobs", "1")
    assert code == 0, said
    return Finished(out, out / "small", planned, said)
