"""What is installed is what stands in src: the wheel, in an environment and a folder of its own."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
from command import ENVIRONMENT, Finished, Installed
from wheel import PACKAGE, ROOT

pytestmark = pytest.mark.slow


def said(installed: Installed, folder: Path, *words: str) -> str:
    """What a program of the environment prints, called from the folder."""
    program, *others = words
    done = subprocess.run(
        [installed.programs / program, *others],
        cwd=folder,
        env=ENVIRONMENT | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_file_of_the_package_is_in_the_wheel_and_no_other(installed: Installed) -> None:
    sources = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    expected = {str(path.relative_to(PACKAGE.parent)) for path in sources}
    with zipfile.ZipFile(installed.wheel) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
        about = {name.partition(".dist-info/")[2] for name in wheel.namelist()}
    assert packed == expected
    assert any(not name.endswith(".py") for name in packed), "texts and templates too"
    assert {"METADATA", "entry_points.txt", "licenses/LICENSE"} <= about


def test_it_runs_from_a_folder_without_the_source_tree(installed: Installed, tmp_path: Path) -> None:
    where = "import planb; print(planb.__file__)"
    found = Path(said(installed, tmp_path, "python", "-c", where).strip())
    assert found.is_relative_to(installed.programs.parent)
    assert not found.is_relative_to(ROOT)
    assert "sandbox" in said(installed, tmp_path, "planb", "list")
    planned = said(installed, tmp_path, "planb", "plan", "sandbox", "--seeds", "1")
    assert "steps done" in planned
    registered = "from importlib.metadata import entry_points as e; print(*e(group='inspect_ai'))"
    assert "planb.evals.inspect_plugin" in said(installed, tmp_path, "python", "-c", registered)
    assert not list(tmp_path.iterdir()), "a plan writes nothing"


def test_it_trains_evaluates_and_reports(finished: Finished, installed: Installed) -> None:
    """The study that the tests of this folder look at was run by the installed wheel."""
    assert finished.program == installed.programs / "planb"
    assert (finished.folder / "report.html").is_file()
