"""Small wheels, written as they lie in a package index."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from planb.wheels import Packaged, Wheel


def write_wheel(folder: Path, package: str, files: dict[str, bytes], version: str = "1.0") -> Path:
    """A wheel of that package that holds the files."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{package.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    about = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    kind = "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as whole:
        for name, held in files.items():
            whole.writestr(name, held)
        whole.writestr(f"{stem}.dist-info/METADATA", about)
        whole.writestr(f"{stem}.dist-info/WHEEL", kind)
        whole.writestr(f"{stem}.dist-info/RECORD", "")
    return path


def sha256(held: bytes) -> str:
    return hashlib.sha256(held).hexdigest()


def packaged_in(path: Path, package: str, *inside: str) -> Packaged:
    """The files ``inside`` a wheel that was written so, with the hashes that they have."""
    with zipfile.ZipFile(path) as whole:
        files = {name: sha256(whole.read(name)) for name in inside}
    wheel = Wheel(
        package=package,
        version="1.0",
        sha256=sha256(path.read_bytes()),
        megabytes=0.1,
        licence="CC0",
    )
    return Packaged(wheel=wheel, files=files)
