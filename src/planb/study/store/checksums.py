"""Files against their checksums: sizes and times first, contents where those say nothing.

A file that was compared is remembered with its size and its time of change. So a step is read in full
once after it was made, copied or downloaded, and from then on only looked at; a byte that is changed
with the size and the time put back is found by a thorough comparison alone.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from planb.errors import PlanBError
from planb.study.store.manifest import FileRecord

MEMORY = ".checked"
"""The folder beside the steps where it is remembered what was compared: a file a step."""
COARSEST = 2_000_000_000
"""Nanoseconds: the coarsest clock that a file system has. A file that was changed so shortly before it
was read is read again the next time, since a change after that might bear the same time."""
Mark = tuple[str, int, int]
"""Checksum, size and time of change (nanoseconds) of a file that was compared."""


def faults(
    folder: Path, files: Mapping[str, FileRecord], memory: Path, thorough: bool = False
) -> list[str]:
    """What is wrong with the files of ``folder``, a text each; none: all are as they were written.

    ``memory`` is the file that remembers; ``thorough`` reads every file whatever is remembered. Raises
    PlanBError where a file may not be read.
    """
    known = _remembered(memory)
    marks, found = dict[str, Mark](), list[str]()
    for name, record in files.items():
        path = folder / name
        try:
            stat = path.stat()
            mark = (record.sha256, stat.st_size, stat.st_mtime_ns)
            if thorough or known.get(name) != mark:
                if stat.st_size != record.size:
                    found.append(f"{path} should have {record.size} bytes but has {stat.st_size}")
                    continue
                if sha256_of(path) != record.sha256:
                    found.append(f"{path} was changed (its checksum differs)")
                    continue
        except OSError as error:
            found.append(_unread(path, error))
            continue
        if _settled(stat):
            marks[name] = mark
    if marks != known:
        remember(memory, marks)
    return found


def recorded(folder: Path, names: Iterable[str]) -> tuple[dict[str, FileRecord], dict[str, Mark]]:
    """The checksums of files that were just made, and what may be remembered of them."""
    files, marks = dict[str, FileRecord](), dict[str, Mark]()
    for name in names:
        stat = (folder / name).stat()
        files[name] = FileRecord(sha256=sha256_of(folder / name), size=stat.st_size)
        if _settled(stat):
            marks[name] = (files[name].sha256, stat.st_size, stat.st_mtime_ns)
    return files, marks


def remember(memory: Path, marks: Mapping[str, Mark]) -> None:
    """Write down what was compared. Where that cannot be written all is read again each time."""
    scratch = memory.with_name(f".{memory.name}.{os.getpid()}.tmp")
    with suppress(OSError):
        memory.parent.mkdir(exist_ok=True)
        scratch.write_text(json.dumps(marks))
        scratch.replace(memory)


def _settled(stat: os.stat_result) -> bool:
    """Whether a later change would show in the file's time."""
    return abs(time.time_ns() - stat.st_mtime_ns) > COARSEST


def sha256_of(path: Path) -> str:
    """64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unread(path: Path, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        raise PlanBError(f"no permission to read {path}: change its permissions") from error
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return f"{path} is missing"
    return f"{path} cannot be read ({error.strerror or error})"


def _remembered(memory: Path) -> dict[str, Mark]:
    """What was compared; nothing where the memory is gone or damaged, and all is read again."""
    try:
        found = json.loads(memory.read_bytes())
        return {name: (str(sha), int(size), int(at)) for name, (sha, size, at) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
