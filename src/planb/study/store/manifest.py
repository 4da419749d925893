"""The manifest of a finished step: what it is, from what it was made, and what it made."""

from __future__ import annotations

import platform
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from pydantic import Field

from planb.errors import PlanBError
from planb.values import Value, digest_of

MANIFEST = "manifest.json"
VERSIONS_OF = ("planb", "torch", "transformers", "peft", "inspect-ai")


class DamagedError(PlanBError):
    """A finished step that is not as it was written. ``what`` is wrong with it, in words."""

    def __init__(self, message: str, what: str) -> None:
        super().__init__(message)
        self.what = what

    def __reduce__(self) -> tuple[type[DamagedError], tuple[str, str]]:
        return type(self), (str(self), self.what)


class FileRecord(Value):
    """One file that a step made: SHA-256 as 64 hex digits, size in bytes."""

    sha256: str
    size: int


class Spent(NamedTuple):
    """What a step spent: seconds of processors (user and system), and bytes of memory at its peak.
    0: not known."""

    cpu_seconds: float = 0.0
    memory: int = 0


class Manifest(Value):
    """What a finished step is, from what it was made, and what it made.

    ``inputs`` are the folders of the steps that it read, with their identities; ``read`` are the same
    folders with a digest of the files that lay in them (none in manifests of an older planb).
    ``started`` and ``ended`` are UTC in ISO 8601; ``seconds`` is the wall time of the try that
    finished, ``cpu_seconds`` and ``memory`` what it ``Spent``; ``resumed`` says that an earlier, killed
    try had left something to go on from. ``ran`` says how a training ran where it ran: its precision,
    its rows.
    """

    identity: str
    kind: str
    slug: str
    revision: int
    fields: dict[str, Any]
    outside: dict[str, str]
    inputs: dict[str, str]
    read: dict[str, str] = Field(default_factory=dict)
    files: dict[str, FileRecord]
    versions: dict[str, str]
    started: datetime
    ended: datetime
    seconds: float
    cpu_seconds: float = 0.0
    memory: int = 0
    threads: int
    resumed: bool = False
    ran: dict[str, str] = Field(default_factory=dict)

    def content(self) -> str:
        """A digest of the files' names and checksums: 64 hex digits."""
        return digest_of({name: record.sha256 for name, record in self.files.items()})


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
