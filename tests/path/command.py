"""The real command line in a process of its own, as a user has it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    **os.environ,
    "HF_HUB_OFFLINE": "1",
    "OMP_THREAD_LIMIT": "1",  # other tests run beside
    "PYTHONUNBUFFERED": "1",
}
SMALL = Path(__file__).with_name("small_study.py")


@dataclass(frozen=True)
class Finished:
    """The study's folder, and what was said before the run, by it, and after it."""

    out: Path
    folder: Path
    planned: str
    said: str


def start(*words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "planb.cli", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
    )


def planb(*words: str | Path, timeout: float = 300) -> tuple[int, str]:
    """Exit code, and stdout and stderr together."""
    process = start(*words)
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
