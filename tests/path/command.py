"""The real command line in a process of its own, as a user has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    **os.environ,
    "HF_HUB_OFFLINE": "1",
    "OMP_THREAD_LIMIT": "1",  # other tests run beside
    "PYTHONUNBUFFERED": "1",
    "RAY_worker_niceness": "0",  # Ray's 15 leaves its workers nothing beside other tests
}
CHROMIUM = Path("/usr/bin/chromium")
SMALL = Path(__file__).with_name("small_study.py")


@dataclass(frozen=True)
class Installed:
    """The wheel, and the folder of the programs of an environment that has it."""

    wheel: Path
    programs: Path


@dataclass(frozen=True)
class Finished:
    """The study's folder, what was said before the run and by it, the program that ran it, and what a
    browser saw of it on the dashboard meanwhile (None: there is no browser)."""

    out: Path
    folder: Path
    planned: str
    said: str
    program: Path
    watched: dict[str, Any] | None = None


def start(
    *words: str | Path,
    program: Path | None = None,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """``planb`` of the source tree, or an installed one, which is told nothing of the tree.
    ``variables`` are added to its environment."""
    called = [program] if program else [sys.executable, "-m", "planb.cli"]
    return subprocess.Popen(
        [*map(str, called), *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT | ({"PYTHONPATH": ""} if program else {}) | dict(variables or {}),
        cwd=folder,
    )


def planb(*words: str | Path, timeout: float = 300, **where: Any) -> tuple[int, str]:
    """Exit code, and stdout and stderr together."""
    process = start(*words, **where)
    try:
        said, _ = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return process.returncode, said


def stamps(folder: Path) -> dict[Path, int]:
    """When each file of the finished steps was last written: nanoseconds."""
    finished = [
        path for path in folder.glob("steps/*-*") if path.suffix != ".partial" and path.is_dir()
    ]
    files = [file for path in finished for file in path.rglob("*")]
    return {file: file.stat().st_mtime_ns for file in files}
