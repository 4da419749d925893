"""The wheel, and an environment that has it instead of the source tree. Its dependencies are those of
the environment that runs the tests: `docs/log.md` says when the whole was last installed from nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "planb"


def build(folder: Path) -> Path:
    """The wheel, built of a copy: building writes beside the sources."""
    copy = folder / "source"
    shutil.copytree(PACKAGE, copy / "src" / "planb", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, copy)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """The folder of an environment's programs (``planb``, ``python``)."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip("--python", python, "install", "--no-deps", wheel)
    (site,) = folder.glob("lib/python*/site-packages")
    # a line in a .pth adds a folder and not that folder's own .pth files: no editable planb
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def pip(*words: str | Path) -> None:
    called = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    done = subprocess.run(called, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
