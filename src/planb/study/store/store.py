"""Where steps keep what they made: ``steps/<slug>-<hash>/``, whole or not there at all.

A step works in ``<folder>.partial/``, which outlives a kill, so a training can go on from its last
checkpoint. When it is through, ``manifest.json`` is written beside what it made and the folder is
renamed into place. A lock for each step keeps two runs from making the same thing twice; the process
that does the work holds it, so that it falls free exactly when that process ends.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from planb.study.steps.step import Step, folder_of
from planb.study.store.checksums import MEMORY, faults, recorded, remember
from planb.study.store.disk import explained, to_disk
from planb.study.store.manifest import MANIFEST, DamagedError, Manifest, Spent, versions
from planb.training.settings import read_ran

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["MANIFEST", "DamagedError", "Manifest", "Store", "explained"]

PROGRESS, OUTPUT, ERROR, READ = "progress.json", "output.log", "error.txt", ".read.json"
UNLISTED = {MANIFEST, PROGRESS, OUTPUT, ERROR, READ, ".progress.tmp", ".manifest.tmp"}
"""Files at the top of a step's folder that are no part of what it made."""
MOST_FAULTS = 3
"""So many files of a damaged step are named."""


class Store:
    """The steps folder of a study. It reads and writes finished steps and knows nothing of order."""

    def __init__(self, steps: Path) -> None:
        self.steps = steps
        self._named: dict[int, tuple[Step, str, str]] = {}
        self._read: dict[Path, tuple[tuple[int, int, int], Manifest]] = {}

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

    def touched(self, names: Iterable[str]) -> set[str]:
        """Those of the steps, by their folders' names, of which anything may be there: finished, begun
        or locked. The others need no further look."""
        there: set[str] = set()
        for folder in (self.steps, self.steps / ".locks"):
            try:
                there.update(path.name for path in folder.iterdir())
            except FileNotFoundError:
                continue
            except OSError as error:
                raise explained(error, folder) from error
        return {name for name in names if there & {name, f"{name}.partial", f"{name}.lock"}}

    def folder(self, step: Step) -> Path:
        """Where the finished step lies."""
        return self.steps / self._name(step)[2]

    def partial(self, step: Step) -> Path:
        """Where the step works; what a killed or failed try left is in there."""
        return self.steps / f"{self._name(step)[2]}.partial"

    # -- finished steps -------------------------------------------------------------------------

    def is_done(self, step: Step) -> bool:
        """Whether the step is finished, with every file there in its full size.

        Raises ``DamagedError`` where its folder is there but damaged. Cheap: ``check`` looks further.
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

    def check(self, step: Step) -> bool:
        """Whether the step is finished, every file is as it was written (by size and time, and by
        content where those differ from what was compared last), and its inputs are those that it was
        made from. Raises ``DamagedError``."""
        if not self.is_done(step):
            return False
        self._compare(step, thorough=False)
        return True

    def verify(self, step: Step) -> None:
        """The same for a finished step, with each file read and compared with its checksum."""
        self._compare(step, thorough=True)

    def manifest(self, step: Step) -> Manifest:
        """The manifest of a finished step."""
        path = self.folder(step) / MANIFEST
        try:
            stat = path.stat()
            mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if path not in self._read or self._read[path][0] != mark:
                self._read[path] = mark, Manifest.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._damaged(step, f"{path} is missing") from error
        except ValidationError as error:
            raise self._damaged(step, f"{path} is not a valid manifest") from error
        except OSError as error:
            raise explained(error, path) from error
        manifest = self._read[path][1]
        if manifest.identity != self.identity(step):
            raise self._damaged(step, f"{path} belongs to another step")
        return manifest

    def stale(self, step: Step, manifest: Manifest) -> str:
        """Which input of the step was made again, with other files than those that the manifest has
        read; "" where none was."""
        for name, content in self._inputs_now(step).items():
            if manifest.read.get(name, content) != content:
                return f"it was made from an earlier version of {name}"
        return ""

    def set_aside(self, step: Step) -> Path | None:
        """Move a damaged step out of the way, so that it can be made again; where it lies now."""
        folder = self.folder(step)
        aside = folder.with_name(f"{folder.name}.damaged")
        try:
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
        except OSError as error:
            raise explained(error, folder) from error
        return aside

    def remember_as(self, other: Store, step: Step) -> None:
        """What the other store knows of its files holds for the same files here: hard links, copies."""
        with suppress(OSError):
            self._memory(step).parent.mkdir(exist_ok=True)
            shutil.copyfile(other._memory(step), self._memory(step))

    def _compare(self, step: Step, thorough: bool) -> None:
        manifest = self.manifest(step)
        found = faults(self.folder(step), manifest.files, self._memory(step), thorough)
        if found:
            more = f", and {len(found) - MOST_FAULTS} more files" if len(found) > MOST_FAULTS else ""
            raise self._damaged(step, ", ".join(found[:MOST_FAULTS]) + more)
        if what := self.stale(step, manifest):
            raise self._damaged(step, what)

    def _damaged(self, step: Step, what: str) -> DamagedError:
        name = self.folder(step).name
        return DamagedError(
            f"the finished step {name} is damaged: {what}. Restore it, or rerun the study: only that "
            f"step is run again, and the damaged folder is kept as {name}.damaged",
            what,
        )

    def _inputs_now(self, step: Step) -> dict[str, str]:
        """The folders of the inputs that are finished, with digests of what lies in them."""
        known = {self.folder(part).name: self.told(part) for part in step.inputs()}
        return {name: manifest.content() for name, manifest in known.items() if manifest}

    def told(self, step: Step) -> Manifest | None:
        """The manifest of a finished step; None where there is none, or it is damaged."""
        with suppress(DamagedError):
            return self.manifest(step) if self._is_there(step) else None
        return None

    def bring(self, steps: Iterable[Step]) -> None:
        """Have the files of those that are finished where they are read: here they are."""

    def _is_there(self, step: Step) -> bool:
        return self.folder(step).exists()

    def fetch(self, step: Step) -> Path:
        """Bring a finished step's files to where they are read; returns their folder."""
        return self.folder(step)

    # -- running steps --------------------------------------------------------------------------

    @contextmanager
    def locked(self, step: Step) -> Iterator[bool]:
        """Hold the step's lock; yields whether it was got (``False``: in progress in another run)."""
        from filelock import Timeout

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
        """Whether some run, this one or another, runs the step now."""
        if not (self.steps / ".locks").is_dir():
            return False
        with Store.locked(self, step) as got:
            return not got

    def release(self, step: Step) -> None:
        """Remove the lock of a lost worker: here the system has done that."""

    def settle(self, step: Step) -> bool:
        """Finish what a kill cut off after the step was through; whether it is finished then."""
        return self.is_done(step)

    def begin(self, step: Step) -> bool:
        """Make the partial folder (the lock is held); says whether an earlier try left anything.

        What a try left that had read other inputs than there are now is thrown away."""
        partial, inputs = self.partial(step), self._inputs_now(step)
        try:
            if inputs != _read_by(partial, inputs):
                shutil.rmtree(partial)
            partial.mkdir(exist_ok=True)
            (partial / READ).write_text(json.dumps(inputs))
            for name in (ERROR, PROGRESS, ".manifest.tmp"):
                (partial / name).unlink(missing_ok=True)
            return any(path.name not in UNLISTED for path in partial.iterdir())
        except OSError as error:
            raise explained(error, partial) from error

    def finish(
        self,
        step: Step,
        started: datetime,
        seconds: float,
        threads: int,
        resumed: bool,
        spent: Spent = Spent(),  # noqa: B008 (a frozen value)
    ) -> Manifest:
        """Write the manifest, bring everything to the disk, and rename the folder into place."""
        partial, folder = self.partial(step), self.folder(step)
        (partial / PROGRESS).unlink(missing_ok=True)
        made = (path.relative_to(partial) for path in sorted(partial.rglob("*")) if path.is_file())
        names = [path.as_posix() for path in made if path.as_posix() not in UNLISTED]
        files, marks = recorded(partial, names)
        manifest = Manifest(
            identity=self.identity(step),
            kind=step.kind,
            slug=step.slug,
            revision=step.revision,
            fields=step.plain_fields(),
            outside=step.outside(),
            inputs={self.folder(part).name: self.identity(part) for part in step.inputs()},
            read=_read_by(partial, {}),
            files=files,
            versions=versions(),
            started=started,
            ended=datetime.now(UTC),
            seconds=round(seconds, 3),
            **spent._asdict(),
            threads=threads,
            resumed=resumed,
            ran=read_ran(partial),
        )
        scratch = partial / ".manifest.tmp"
        scratch.write_text(json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False))
        scratch.rename(partial / MANIFEST)
        (partial / READ).unlink(missing_ok=True)
        folders = [path for path in partial.rglob("*") if path.is_dir()]
        for path in (*(partial / name for name in names), partial / MANIFEST, *folders, partial):
            to_disk(path)
        partial.rename(folder)
        to_disk(self.steps)
        remember(self._memory(step), marks)
        return manifest

    def progress(self, step: Step) -> tuple[float, float, str]:
        """(done, total, note) of a running step; (0, 0, "") where it has not reported any yet."""
        try:
            found = json.loads((self.partial(step) / PROGRESS).read_text())
            return float(found["done"]), float(found["total"]), str(found["note"])
        except (OSError, ValueError, KeyError):
            return 0.0, 0.0, ""

    def error(self, step: Step) -> str:
        """What made the last try fail (empty: it did not, or it was killed)."""
        with suppress(OSError):
            return (self.partial(step) / ERROR).read_text(errors="replace")
        return ""

    def _memory(self, step: Step) -> Path:
        return self.steps / MEMORY / f"{self.folder(step).name}.json"

    def _lock(self, step: Step) -> BaseFileLock:
        from filelock import FileLock

        return FileLock(self.steps / ".locks" / f"{self.folder(step).name}.lock", thread_local=False)

    def _name(self, step: Step) -> tuple[Step, str, str]:
        if id(step) not in self._named:
            identity = step.identity()
            self._named[id(step)] = (step, identity, folder_of(step.slug, identity))
        return self._named[id(step)]


def _read_by(partial: Path, otherwise: dict[str, str]) -> dict[str, str]:
    """What the try in ``partial`` has read of its inputs, if it has written that down."""
    try:
        found = json.loads((partial / READ).read_bytes())
        return {str(name): str(content) for name, content in found.items()}
    except (OSError, ValueError, AttributeError):
        return otherwise
