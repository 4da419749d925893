"""One finished run of the small study, which the tests of this folder look at."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from shared import once

sys.path.insert(0, str(Path(__file__).parent))

from command import CHROMIUM, SMALL, Finished, Installed, planb, start
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
    with _watching(out, **where) as watched:
        code, said = planb("run", SMALL, "--out", out, "--jobs", "1", **where)
        assert code == 0, said
    return Finished(out, out / "small", planned, said, program, *watched)


@contextmanager
def _watching(out: Path, **where: Any) -> Iterator[list[dict[str, Any]]]:
    """A browser follows the study on the dashboard; at the end the list holds what it saw."""
    found: list[dict[str, Any]] = []
    if not CHROMIUM.exists() or find_spec("playwright") is None:
        yield found
        return
    dashboard = start("dashboard", "--out", out, "--port", "0", **where)
    assert dashboard.stdout is not None
    url = dashboard.stdout.readline().split(" at ")[1].split()[0]
    script = Path(__file__).with_name("watching.py")
    browser = subprocess.Popen([sys.executable, script, url, "small"], stdout=subprocess.PIPE)
    assert browser.stdout is not None
    try:
        assert browser.stdout.readline() == b"watching\n"
        yield found
        told, _ = browser.communicate(timeout=300)
        found.append(json.loads(told))
    finally:
        browser.kill()
        dashboard.kill()
