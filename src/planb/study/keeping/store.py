"""Where steps keep what they made: ``steps/<slug>-<hash>/``, whole or not there at all.

A step works in ``<folder>.partial/``, which outlives a kill, so a training can go on from its last
checkpoint. When it is through, ``manifest.json`` is written beside what it made and the folder is
renamed into place. A lock for each step keeps two runs from making the same thing twice; the process
that does the work holds it, so that it falls free exactly when that process ends.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout
from pydantic import Field, ValidationError

from planb.study.step import Step
from planb.training.settings import read_ran
from planb.types import PlanBError, Value

MANIFEST, PROGRESS, OUTPUT, ERROR = "manifest.json", "progress.json", "output.log", "error.txt"
UNLISTED = {MANIFEST, PROGRESS, OUTPUT, ERROR, ".progress.tmp", ".manifest.tmp"}
"""Files at the top of a step's folder that are no part of what it made."""
VERSIONS_OF = ("planb", "torch", "transformers", "peft", "inspect-ai")


class FileRecord(Value):
    """One file that a step made: SHA-256 as 64 hex digits, size in bytes."""

    sha256: str
    size: int


class Manifest(Value):
    """What a finished step is, from what it was made, and what it made.

    ``started`` and ``ended`` are UTC in ISO 8601; ``seconds`` is the wall time of the try that
    finished; ``resumed`` says that an earlier, killed try had left something to go on from. ``ran``
    says how a training ran where it ran: its precision, its rows.
    """

    identity: str
    kind: str
    slug: str
    revision: int
    fields: dict[str, Any]
    outside: dict[str, str]
    inputs: dict[str, str]
    files: dict[str, FileRecord]
    versions: dict[str, str]
    started: datetime
    ended: datetime
    seconds: float
    threads: int
    resumed: bool = False
    ran: dict[str, str] = Field(default_factory=dict)


class Store:
    """The steps folder of a study. It reads and writes finished steps and knows nothing of order."""

    def __init__(self, steps: Path) -> None:
        self.steps = steps
        self._named: dict[int, tuple[Step, str, str]] = {}

    def prepare(self) -> None:
        """Make the folder and see that it can be written to, or say why not."""
        probe = self.steps / f".probe-{os.getpid()}"
        try:
            (self.steps / ".locks").mkdir(parents=True, exist_ok=True)
            probe.write_text("planb")
        except OSError as error:
            raise explained(error, self.steps) from error
        finally:
            with suppress(OSError):
                probe.unlink()

    def identity(self, step: Step) -> str:
        return self._name(step)[1]

    def name(self, steps: Iterable[Step]) -> None:
        """Give these steps their folders' names now: cheap within ``identities_once``."""
        for step in steps:
            self._name(step)

    def folder(self, step: Step) -> Path:
        """Where the finished step lies."""
        return self.steps / self._name(step)[2]

    def partial(self, step: Step) -> Path:
        """Where the step works; what a killed or failed try left is in there."""
        return self.steps / f"{self._name(step)[2]}.partial"

    # -- finished steps -------------------------------------------------------------------------

    def is_done(self, step: Step) -> bool:
        """Whether the step is finished, with every file there in its full size.

        Raises ``PlanBError`` where its folder is there but damaged.
        """
        folder = self.folder(step)
        if not folder.exists():
            return False
        for name, record in self.manifest(step).files.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != record.size:
                what = "is missing" if not path.is_file() else f"should have {record.size} bytes"
                raise self._damaged(step, f"{path} {what}")
        return True

    def manifest(self, step: Step) -> Manifest:
        """The manifest of a finished step."""
        path = self.folder(step) / MANIFEST
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise self._damaged(step, f"{path} is missing") from error
        except ValidationError as error:
            raise self._damaged(step, f"{path} is no manifest") from error
        except OSError as error:
            raise explained(error, path) from error
        if manifest.identity != self.identity(step):
            raise self._damaged(step, f"{path} belongs to another step")
        return manifest

    def verify(self, step: Step) -> None:
        """Compare each file of a finished step with its checksum; ``PlanBError`` names a bad one."""
        folder = self.folder(step)
        for name, record in self.manifest(step).files.items():
            path = folder / name
            if not path.is_file():
                raise self._damaged(step, f"{path} is missing")
            if _sha256(path) != record.sha256:
                raise self._damaged(step, f"{path} is not what was written (its checksum differs)")

    def _damaged(self, step: Step, what: str) -> PlanBError:
        return PlanBError(
            f"the finished step {self.folder(step).name} is damaged: {what}. Delete the folder "
            f"{self.folder(step)} and run the same command again: only that step is made anew."
        )

    def fetch(self, step: Step) -> Path:
        """Bring a finished step's files to where they are read; returns their folder."""
        return self.folder(step)

    # -- steps at work --------------------------------------------------------------------------

    @contextmanager
    def locked(self, step: Step) -> Iterator[bool]:
        """Hold the step's lock; yields whether it was got (``False``: another run is at this step)."""
        lock = self._lock(step)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise explained(error, self.steps) from error
        try:
            yield True
        finally:
            lock.release()

    def is_locked(self, step: Step) -> bool:
        """Whether some run, this one or another, is at work on the step now."""
        if not (self.steps / ".locks").is_dir():
            return False
        with Store.locked(self, step) as got:
            return not got

    def release(self, step: Step) -> None:
        """Forget whatever a worker that is gone held the step with: here the system has done that."""

    def settle(self, step: Step) -> bool:
        """Make good what a kill has cut off after the step was through; whether it is finished then."""
        return self.is_done(step)

    def begin(self, step: Step) -> bool:
        """Make the partial folder (the lock is held); says whether an earlier try left anything."""
        partial = self.partial(step)
        try:
            partial.mkdir(exist_ok=True)
            for name in (ERROR, PROGRESS, ".manifest.tmp"):
                (partial / name).unlink(missing_ok=True)
            return any(path.name not in UNLISTED for path in partial.iterdir())
        except OSError as error:
            raise explained(error, partial) from error

    def finish(
        self, step: Step, started: datetime, seconds: float, threads: int, resumed: bool
    ) -> Manifest:
        """Write the manifest, bring everything to the disk, and rename the folder into place."""
        partial, folder = self.partial(step), self.folder(step)
        (partial / PROGRESS).unlink(missing_ok=True)
        made = sorted(path for path in partial.rglob("*") if path.is_file())
        files = {}
        for path in made:
            name = path.relative_to(partial).as_posix()
            if name not in UNLISTED:
                files[name] = FileRecord(sha256=_sha256(path), size=path.stat().st_size)
        manifest = Manifest(
            identity=self.identity(step),
            kind=step.kind,
            slug=step.slug,
            revision=step.revision,
            fields=step.plain_fields(),
            outside=step.outside(),
            inputs={self.folder(part).name: self.identity(part) for part in step.inputs()},
            files=files,
            versions=versions(),
            started=started,
            ended=datetime.now(UTC),
            seconds=round(seconds, 3),
            threads=threads,
            resumed=resumed,
            ran=read_ran(partial),
        )
        scratch = partial / ".manifest.tmp"
        scratch.write_text(json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False))
        scratch.rename(partial / MANIFEST)
        folders = [path for path in partial.rglob("*") if path.is_dir()]
        for path in (*made, partial / MANIFEST, *folders, partial):
            _to_disk(path)
        partial.rename(folder)
        _to_disk(self.steps)
        return manifest

    def progress(self, step: Step) -> tuple[float, float, str]:
        """(done, total, note) of a step at work; (0, 0, "") where it has not said anything yet."""
        try:
            told = json.loads((self.partial(step) / PROGRESS).read_text())
            return float(told["done"]), float(told["total"]), str(told["note"])
        except (OSError, ValueError, KeyError):
            return 0.0, 0.0, ""

    def error(self, step: Step) -> str:
        """What made the last try fail (empty: it did not, or it was killed)."""
        with suppress(OSError):
            return (self.partial(step) / ERROR).read_text(errors="replace")
        return ""

    def _lock(self, step: Step) -> BaseFileLock:
        return FileLock(self.steps / ".locks" / f"{self.folder(step).name}.lock", thread_local=False)

    def _name(self, step: Step) -> tuple[Step, str, str]:
        if id(step) not in self._named:
            identity = step.identity()
            self._named[id(step)] = (step, identity, f"{step.slug}-{identity[:12]}")
        return self._named[id(step)]


def explained(error: OSError, path: Path) -> PlanBError:
    """The commonest ways in which a disk says no, as something that the user can put right."""
    where = error.filename or path
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return PlanBError(
                f"no space is left for {where}: free some and run the same command again. "
                "What is finished is kept, and the step goes on from its last checkpoint."
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return PlanBError(
                f"{where} may not be written to: change its permissions, or choose another "
                "folder with --out"
            )
        case errno.ENOTDIR | errno.EEXIST:
            return PlanBError(
                f"{path} cannot be a folder, since a file stands there or on the way to it: "
                "move that file, or choose another folder with --out"
            )
    return PlanBError(f"{where} cannot be written: {error.strerror or error}")


@cache
def versions() -> dict[str, str]:
    """The versions of what numbers depend on; "" where a package is not installed."""
    found = {"python": platform.python_version()}
    for name in VERSIONS_OF:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
