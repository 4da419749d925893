"""A small real study, run by the command line as a user has it, and what must hold after a fault."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STUDY = Path(__file__).parents[1] / "path" / "small_study.py"
NAME = "small"
MARK = "PLANB_CAMPAIGN"
"""A variable of the environment by which the processes of a run are found, whoever started them."""
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}


class BrokenError(Exception):
    """What must never be was seen."""


@dataclass
class Run:
    """A run of the study in a process of its own, and of a session of its own. What it says is written
    into the folder ``said_at``, by default beside ``out``."""

    out: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    said_at: Path | None = None
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        words = ["run", STUDY, "--out", self.out, "--seeds", "1", "--jobs", "2"]
        self.said_in = (self.said_at or self.out.parent) / f"said-{self.mark}.txt"
        self.said_in.parent.mkdir(parents=True, exist_ok=True)
        with self.said_in.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "planb.cli", *map(str, words)],
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**ENVIRONMENT, **self.variables, MARK: self.mark},
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.said_in.read_text()

    def end(self, seconds: float = 600) -> int:
        code = self.process.wait(seconds)
        self.no_orphans()
        return code

    def processes(self) -> list[int]:
        """Every living process that this run has started, itself included."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                environment = (path / "environ").read_bytes()
                dead = (path / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                continue
            if f"{MARK}={self.mark}".encode() in environment and not dead:
                found.append(int(path.name))
        return found

    def no_orphans(self, patience: float = 30) -> None:
        deadline = time.monotonic() + patience
        while left := self.processes():
            if time.monotonic() > deadline:
                raise BrokenError(f"{len(left)} processes live on after their run has ended")
            time.sleep(0.1)


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run made."""

    folder: Path
    results: bytes
    weights: dict[str, str]
    seconds: float

    @classmethod
    def made(cls, out: Path) -> Reference:
        began = time.monotonic()
        run = Run(out)
        if run.end():
            raise BrokenError(f"the undisturbed run failed: {run.said}")
        seconds = time.monotonic() - began
        folder = out / NAME
        return cls(folder, (folder / "results.csv").read_bytes(), weights(folder), seconds)

    def same(self, folder: Path) -> None:
        """Raises where the finished study in ``folder`` is another than this one."""
        if (folder / "results.csv").read_bytes() != self.results:
            raise BrokenError(f"{folder / 'results.csv'} is another than the undisturbed run's")
        if weights(folder) != self.weights:
            raise BrokenError(f"{folder} holds other weights than the undisturbed run")
        if left := list(folder.glob("steps/*.partial")):
            raise BrokenError(f"the study is done, and {left[0].name} is still there")


def finished(folder: Path) -> list[Path]:
    """The folders of finished steps; a torn one is an error."""
    found = [
        path
        for path in sorted(folder.glob("steps/*-*"))
        if path.is_dir() and path.suffix not in (".partial", ".damaged")
    ]
    for path in found:
        for name, record in _files(path).items():
            content = (path / name).read_bytes() if (path / name).is_file() else None
            if content is None or hashlib.sha256(content).hexdigest() != record["sha256"]:
                raise BrokenError(f"{path / name} is torn, and the step passes for finished")
    return found


def stamps(folder: Path) -> dict[Path, int]:
    """When each file of the finished steps was last written: nanoseconds."""
    return {
        file: file.stat().st_mtime_ns
        for path in finished(folder)
        for file in path.rglob("*")
        if file.is_file()
    }


def untouched(before: Mapping[Path, int], now: Mapping[Path, int]) -> None:
    """Raises where a step that was finished has been made again."""
    for file, stamp in before.items():
        if now.get(file) != stamp:
            raise BrokenError(f"{file.parent.name} was finished and was made again")


def weights(folder: Path) -> dict[str, str]:
    """SHA-256 of the weights that each step made, from its manifest."""
    return {
        f"{path.name}/{name}": record["sha256"]
        for path in finished(folder)
        for name, record in _files(path).items()
        if name.endswith(".safetensors")
    }


def _files(path: Path) -> dict[str, dict[str, str]]:
    try:
        found: dict[str, dict[str, str]] = json.loads((path / "manifest.json").read_text())["files"]
    except (OSError, ValueError, KeyError) as error:
        raise BrokenError(f"{path.name} passes for finished without a whole manifest") from error
    return found
