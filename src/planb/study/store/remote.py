"""Finished steps on any fsspec path (``s3://...``, ``gs://...``, ``sftp://...``), and who runs which.

A step's files go to ``<step>/<try>/``, and ``<step>/manifest.json`` comes last, so a step is there
whole or not at all; the try is a hash of the manifest, so two that finish the same step by accident
never mix. An object store has no locks: whoever runs a step writes a claim to
``.claims/<step>.json`` and renews it every few seconds, with the step's progress.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planb.errors import PlanBError
from planb.redaction import redacted
from planb.study.store.checksums import sha256_of
from planb.study.store.manifest import MANIFEST, DamagedError, Manifest

DAMAGED = "manifest.damaged.json"
"""What the manifest of a damaged step is called from then on."""
Progress = tuple[float, float, str]
"""How far a step is: done, total, note."""
BEAT = 5.0
"""Seconds between two beats of a claim."""
STALE = 60.0
"""After so many seconds without a beat a claim is nobody's: longer than clocks of machines differ."""


@dataclass(frozen=True)
class Lease:
    """Who runs a step, when that was last renewed (seconds since 1970), and its progress then."""

    who: str
    when: float
    progress: Progress

    @property
    def fresh(self) -> bool:
        return time.time() - self.when < STALE


class RemoteFolder:
    """A folder at an fsspec URL. Where it cannot be reached, each method raises ``PlanBError``."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._opened: tuple[Any, str] | None = None

    def prepare(self) -> None:
        """See that it can be written to, or say why not."""
        with self._reached() as (fs, root):
            fs.makedirs(root, exist_ok=True)
            probe = f"{root}/.probe-{uuid.uuid4().hex[:12]}"
            fs.pipe_file(probe, b"planb")
            fs.rm_file(probe)

    # -- finished steps -------------------------------------------------------------------------

    def manifest(self, name: str) -> bytes | None:
        """What stands in the manifest of the step's folder ``name``; ``None``: it is not finished."""
        with self._reached() as (fs, root):
            try:
                content: bytes = fs.cat_file(f"{root}/{name}/{MANIFEST}")
            except FileNotFoundError:
                return None
            return content

    def put(self, folder: Path, manifest: Manifest) -> None:
        """Send the files of the finished step in ``folder``, and its manifest when they are there.

        Where another try has been quicker, its files are the step, and these are never read.
        """
        content = (folder / MANIFEST).read_bytes()
        with self._reached() as (fs, root):
            target_root = f"{root}/{folder.name}"
            for name in manifest.files:
                target = f"{target_root}/{_try(content)}/{name}"
                fs.makedirs(target.rpartition("/")[0], exist_ok=True)
                fs.put_file(str(folder / name), target)
            if self.manifest(folder.name) is not None:
                return
            scratch = f"{target_root}/.{_try(content)}.json"
            fs.makedirs(target_root, exist_ok=True)
            fs.pipe_file(scratch, content)
            fs.mv(scratch, f"{target_root}/{MANIFEST}")

    def get(self, content: bytes, manifest: Manifest, name: str, folder: Path) -> None:
        """Bring the files of step ``name`` into ``folder``; each is compared with its checksum."""
        with self._reached() as (fs, root):
            for file, record in manifest.files.items():
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                source = f"{root}/{name}/{_try(content)}/{file}"
                try:
                    fs.get_file(source, str(target))
                except FileNotFoundError:
                    raise self._damaged(name, f"{file} is missing") from None
                if sha256_of(target) != record.sha256:
                    raise self._damaged(name, f"{file} was changed (its checksum differs)")
                os.utime(target, (manifest.ended.timestamp(),) * 2)
        (folder / MANIFEST).write_bytes(content)

    def retract(self, name: str) -> None:
        """The step is not finished any longer; its files stay, with its manifest under another name."""
        with self._reached() as (fs, root), suppress(FileNotFoundError):
            fs.mv(f"{root}/{name}/{MANIFEST}", f"{root}/{name}/{DAMAGED}")

    def _damaged(self, name: str, what: str) -> DamagedError:
        return DamagedError(
            f"the finished step {name} in {self.url} is damaged: {what}. It no longer counts "
            f"as finished (its manifest is now {DAMAGED}): rerun the study, and only that step is run "
            "again",
            what,
        )

    # -- running steps --------------------------------------------------------------------------

    def claim(self, name: str) -> Lease | None:
        """Who runs the step now; ``None``: nobody."""
        with self._reached() as (fs, root):
            try:
                said = json.loads(fs.cat_file(f"{root}/.claims/{name}.json"))
                done, total, note = said["told"]
                claim = Lease(str(said["who"]), float(said["when"]), (done, total, note))
            except FileNotFoundError:
                return None
            except (ValueError, KeyError, TypeError):
                return Lease("unknown (being written)", time.time(), (0.0, 0.0, ""))
        return claim if claim.fresh else None

    @contextmanager
    def claimed(self, name: str, progress: Callable[[], Progress]) -> Iterator[bool]:
        """Claim a step; yields whether it was got. ``progress`` is called at every beat."""
        who = f"{platform.node()} {os.getpid()} {uuid.uuid4().hex[:8]}"
        if self.claim(name) is not None:
            yield False
            return
        self._say(name, who, progress())
        if (winner := self.claim(name)) is not None and winner.who != who:
            yield False
            return
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT):
                with suppress(PlanBError):  # one beat missed is no harm
                    self._say(name, who, progress())

        beating = threading.Thread(target=beat, daemon=True, name=f"claim of {name}")
        beating.start()
        try:
            yield True
        finally:
            over.set()
            beating.join()
            with suppress(PlanBError):
                self.unclaim(name)

    def unclaim(self, name: str) -> None:
        """Remove the claim."""
        with self._reached() as (fs, root), suppress(FileNotFoundError):
            fs.rm_file(f"{root}/.claims/{name}.json")

    def _say(self, name: str, who: str, progress: Progress) -> None:
        with self._reached() as (fs, root):
            fs.makedirs(f"{root}/.claims", exist_ok=True)
            said = {"who": who, "when": time.time(), "told": progress}
            fs.pipe_file(f"{root}/.claims/{name}.json", json.dumps(said).encode())

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        """The file system and the folder's path in it, opened once."""
        try:
            if self._opened is None:
                from fsspec.core import url_to_fs  # type: ignore[import-untyped]

                fs, root = url_to_fs(self.url, use_listings_cache=False)
                self._opened = fs, str(root).rstrip("/")
            yield self._opened
        except PlanBError:
            raise
        except Exception as error:
            raise PlanBError(
                f"{self.url} cannot be used: {type(error).__name__}: {redacted(str(error))}. Check the "
                "address, the permissions of this machine's account, and that fsspec's "
                "package for it is installed (s3fs, gcsfs, adlfs, paramiko ...)"
            ) from error


def _try(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
