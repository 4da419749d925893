"""A journal: lines that are only ever added, so that a kill loses none of them.

A line holds the parts of a key and an entry, and an entry is found again only under all of them. A line
that a kill cut short is the last, and is forgotten.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from planb.errors import PlanBError
from planb.redaction import without_secrets_in

Key = tuple[str | int, ...]
Entry = TypeVar("Entry", bound=BaseModel)
SYNC_EVERY = 1.0
"""Seconds: a line is handed to the system at once (a kill keeps it) and forced to disk this often."""


class Journal(Generic[Entry]):
    """Append-only journal of results, for resuming: ``with Journal(path, Judgement, ("id", ...),
    "judgement") as journal``: ``journal[key]``, ``key in journal``, ``journal.add``.

    ``names`` are those of a key's parts; ``called`` is what an entry is called, in lines and errors.
    """

    def __init__(self, path: Path, kind: type[Entry], names: tuple[str, ...], called: str) -> None:
        self.path, self.kind, self.names, self.called = path, kind, names, called
        self.found: dict[Key, Entry] = {}
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))
        self._file = -1
        self._synced = 0.0

    def __enter__(self) -> Self:
        """Reads what is there. PlanBError if another process has it open, if it cannot be written, or
        if a line holds no entry."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise PlanBError(
                f"another process is writing into {self.path}: wait for it, or stop it"
            ) from None
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self.read()
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            os.ftruncate(self._file, len(self._whole()))
        except BaseException as error:
            self._release()
            raise self._unwritable(error) if isinstance(error, OSError) else error from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.fsync(self._file)
        finally:
            self._release()

    def __contains__(self, key: Key) -> bool:
        return key in self.found

    def __getitem__(self, key: Key) -> Entry:
        return self.found[key]

    def read(self) -> None:
        """Fill ``found`` with what stands on disk, and change nothing there."""
        self.found = dict(self._entries())

    def add(self, key: Key, entry: Entry) -> None:
        """Append a result; a later line of the same key counts instead of an earlier.

        Raises PlanBError if it cannot be written (a full disk); all whole lines are kept.
        """
        assert self._file >= 0, "the journal is not open"
        line = dict(zip(self.names, key, strict=True))
        entry = self.kind.model_validate(without_secrets_in(entry.model_dump(mode="json")))
        content = {**line, self.called: entry.model_dump(mode="json", exclude_defaults=True)}
        self._append((json.dumps(content, ensure_ascii=False) + "\n").encode())
        self.found[key] = entry
        if time.monotonic() - self._synced > SYNC_EVERY:
            os.fsync(self._file)
            self._synced = time.monotonic()

    def _append(self, line: bytes) -> None:
        """The whole line, or nothing of it."""
        before, left = os.fstat(self._file).st_size, memoryview(line)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            os.ftruncate(self._file, before)
            raise self._unwritable(error) from error

    def _entries(self) -> Iterator[tuple[Key, Entry]]:
        for number, line in enumerate(self._whole().splitlines(), 1):
            try:
                content = json.loads(line)
                key = tuple(content[name] for name in self.names)
                if not all(isinstance(part, str | int) for part in key):
                    raise TypeError("a part of its key is neither text nor a number")
                yield key, self.kind.model_validate(content[self.called])
            except (ValueError, KeyError, TypeError, ValidationError) as error:
                raise PlanBError(
                    f"{self.path}, line {number} is not a {self.called} ({type(error).__name__}): "
                    "restore the file, or delete it to ask everything again"
                ) from error

    def _whole(self) -> bytes:
        """All whole lines of the file."""
        content = self.path.read_bytes() if self.path.exists() else b""
        return content[: content.rfind(b"\n") + 1]

    def _unwritable(self, error: OSError) -> PlanBError:
        return PlanBError(
            f"cannot write {self.path}: {error.strerror or error}. What stands in it is kept: put that "
            "right and run the same command again"
        )

    def _release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        self._lock.release()
