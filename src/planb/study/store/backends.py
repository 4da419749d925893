"""Backends of the store: a folder, or a remote folder at an fsspec URL.

The remote folder is what counts then; the local one is where steps work, and a cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from planb.errors import PlanBError
from planb.study.steps.step import Step
from planb.study.store.manifest import Spent
from planb.study.store.remote import Lease, RemoteFolder
from planb.study.store.store import DamagedError, Manifest, Store, explained

LOOK_EVERY = 2.0
"""Seconds between two looks at the progress of a step on another machine."""


def opened(steps: Path, url: str = "") -> Store:
    """The store of the folder ``steps``, or of the URL with that folder as its cache."""
    return RemoteStore(steps, url) if url else Store(steps)


def checked_url(url: str) -> str:
    """``url`` if it is one that steps can be kept at; ``PlanBError`` says what to give instead."""
    if url and "://" not in url:
        raise PlanBError(
            f"--steps {url} is a folder, not a URL: use --out {url} for a shared folder of steps and "
            "results, or give a URL such as s3://bucket/steps"
        )
    return url


def cache_folder(url: str) -> Path:
    """Where a machine of a cluster keeps what it made for, or brought from, this URL:
    ``$PLANB_CACHE/steps/<hash>``, by default under ``~/.cache/planb``."""
    top = Path(os.environ.get("PLANB_CACHE") or Path.home() / ".cache" / "planb")
    return top / "steps" / hashlib.sha256(url.encode()).hexdigest()[:12]


class RemoteStore(Store):
    """A store whose finished steps lie at an fsspec URL. ``steps`` is a folder of this machine."""

    def __init__(self, steps: Path, url: str) -> None:
        super().__init__(steps)
        self.far = RemoteFolder(url)
        self._known: dict[str, bytes] = {}
        self._looked: dict[str, tuple[float, Lease | None]] = {}

    def prepare(self) -> None:
        super().prepare()
        self.far.prepare()

    # -- finished steps -------------------------------------------------------------------------

    def touched(self, names: Iterable[str]) -> set[str]:
        """All: each is looked for at the URL."""
        return set(names)

    def is_done(self, step: Step) -> bool:
        if self._content(self.folder(step).name) is None:
            return False
        return not self.folder(step).exists() or super().is_done(step)

    def manifest(self, step: Step) -> Manifest:
        if self.folder(step).exists():
            return super().manifest(step)
        name = self.folder(step).name
        manifest = self._manifest(name)
        if manifest.identity != self.identity(step):
            raise self._damaged_manifest(name, "belongs to another step")
        return manifest

    def _compare(self, step: Step, thorough: bool) -> None:
        """The copy here, if there is one: what is yet to be brought is compared on its way."""
        if self.folder(step).exists():
            super()._compare(step, thorough)
        elif what := self.stale(step, self.manifest(step)):
            raise self._damaged(step, what)

    def set_aside(self, step: Step) -> Path | None:
        """The copy here; where that is gone already, the step is taken back from the remote folder."""
        if self.folder(step).exists():
            return super().set_aside(step)
        self.far.retract(self.folder(step).name)
        self._known.pop(self.folder(step).name, None)
        return None

    def _is_there(self, step: Step) -> bool:
        return self._content(self.folder(step).name) is not None

    def bring(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if not self.folder(step).exists() and self._is_there(step):
                self.fetch(step)

    def fetch(self, step: Step) -> Path:
        self._bring(self.folder(step).name)
        return self.folder(step)

    # -- running steps --------------------------------------------------------------------------

    @contextmanager
    def locked(self, step: Step) -> Iterator[bool]:
        with super().locked(step) as got:
            if not got:
                yield False
                return
            name = self.folder(step).name
            with self.far.claimed(name, lambda: Store.progress(self, step)) as mine:
                yield mine

    def is_locked(self, step: Step) -> bool:
        return super().is_locked(step) or self.far.claim(self.folder(step).name) is not None

    def release(self, step: Step) -> None:
        self.far.unclaim(self.folder(step).name)

    def settle(self, step: Step) -> bool:
        if self.is_done(step):
            return True
        if not self.folder(step).exists():
            return False
        self.far.put(self.folder(step), super().manifest(step))
        return True

    def finish(
        self,
        step: Step,
        started: datetime,
        seconds: float,
        threads: int,
        resumed: bool,
        spent: Spent = Spent(),  # noqa: B008 (a frozen value)
    ) -> Manifest:
        manifest = super().finish(step, started, seconds, threads, resumed, spent)
        self.far.put(self.folder(step), manifest)
        return manifest

    def progress(self, step: Step) -> tuple[float, float, str]:
        here = super().progress(step)
        if here[1]:
            return here
        name, now = self.folder(step).name, time.monotonic()
        if name not in self._looked or now - self._looked[name][0] > LOOK_EVERY:
            self._looked[name] = now, self.far.claim(name)
        claim = self._looked[name][1]
        return claim.progress if claim else (0.0, 0.0, "")

    # -- the remote folder -----------------------------------------------------------------------

    def _content(self, name: str) -> bytes | None:
        """The remote manifest of a folder; a finished step stays finished, so it is read once."""
        if name not in self._known:
            content = self.far.manifest(name)
            if content is None:
                return None
            self._known[name] = content
        return self._known[name]

    def _manifest(self, name: str) -> Manifest:
        content = self._content(name)
        if content is None:
            raise PlanBError(f"{name} is not in {self.far.url}: rerun the same command")
        try:
            return Manifest.model_validate_json(content)
        except ValidationError as error:
            raise self._damaged_manifest(name, "is not a valid manifest") from error

    def _bring(self, name: str) -> None:
        """Copy a finished step here, and the bases that its adapter stands on."""
        folder = self.steps / name
        manifest = self._manifest(name)
        if not folder.exists():
            scratch = self.steps / f"{name}.fetch-{uuid.uuid4().hex[:8]}"
            try:
                scratch.mkdir(parents=True)
                self._get(name, manifest, scratch)
                if not folder.exists():
                    scratch.rename(folder)
            except OSError as error:
                if not folder.exists():  # else another worker of this machine was quicker
                    raise explained(error, folder) from error
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        for base in _bases(folder):
            if base in manifest.inputs:
                self._bring(base)

    def _get(self, name: str, manifest: Manifest, scratch: Path) -> None:
        """Bring its files; what is damaged the second time too is no finished step any longer."""
        try:
            self.far.get(self._known[name], manifest, name, scratch)
        except DamagedError:
            try:
                self.far.get(self._known[name], manifest, name, scratch)
            except DamagedError:
                self.far.retract(name)
                del self._known[name]
                raise

    def _damaged_manifest(self, name: str, what: str) -> DamagedError:
        return DamagedError(
            f"{self.far.url}/{name}/manifest.json {what}: rerun the study, and only that step is "
            "run again",
            what,
        )


def _bases(folder: Path) -> list[str]:
    """The folder beside this one that a checkpoint in it stands on, if it is an adapter."""
    if not (folder / "planb.json").is_file():
        return []
    from planb.models.cards import read_card

    card = read_card(folder)
    return [Path(card.base).name] if card.base and not card.base_revision else []
