"""One finished run of the small study, which the tests of this folder look at."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from shared import once

sys.path.insert(0, str(Path(__file__).parent))

from command import SMALL, Finished, Installed, planb
from wheel import build, install


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """planb as a user installs it."""
    return once(tmp_path_factory, "installed", _install)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, installed: Installed) -> Finished:
    """The small study, run by the installed planb from an empty folder."""
    return once(tmp_path_factory, "undisturbed", lambda shared: _run(shared, installed))


def _install(folder: Path) -> Installed:
    wheel = build(folder)
    return Installed(wheel, install(wheel, folder / "environment"))


def _run(folder: Path, installed: Installed) -> Finished:
    program, out = installed.programs / "planb", folder / "runs"
    (folder / "empty").mkdir()
    where = {"program": program, "folder": folder / "empty"}
    code, planned = planb("plan", SMALL, "--out", out, **where)
    assert code == 0, planned
    assert not out.exists(), "a plan writes nothing"
    code, said = planb("run", SMALL, "--out", out, "--jobs", "1", **where)
    assert code == 0, said
    return Finished(out, out / "small", planned, said, program)
