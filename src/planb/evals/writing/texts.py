"""The instructions of writers: text files beside this module, each of which one's own may replace.

``<tier>.txt`` instructs the writer of that tier, ``canned_<tier>.txt`` holds ready-made responses,
``requests.txt`` instructs the writer of requests.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from planb.errors import PlanBError

FOLDER = files(__package__)


def packaged(name: str) -> str | None:
    """The packaged text ``name`` (``useless.txt``); None if there is none."""
    place = FOLDER.joinpath(name)
    return place.read_text(encoding="utf-8").strip() if place.is_file() else None


def packaged_names() -> tuple[str, ...]:
    return tuple(sorted(place.name for place in FOLDER.iterdir() if place.name.endswith(".txt")))


def read_text(path: str) -> str:
    """A text of the user's own. PlanBError if it cannot be read, or is empty."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PlanBError(f"the text {path} cannot be read: {error}") from error
    if not text:
        raise PlanBError(f"{path} is empty: write into it what the writer is told")
    return text


def lines_of(text: str) -> tuple[str, ...]:
    """The lines that are neither blank nor comments (``#``), each once."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def write_texts(folder: Path) -> tuple[list[Path], list[Path]]:
    """Write the packaged texts into ``folder`` to be edited; returns (written, left as they were).

    A file that is there is never overwritten. PlanBError if the folder cannot be written.
    """
    written, left = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in packaged_names():
            path = folder / name
            if path.exists():
                left.append(path)
                continue
            path.write_text(f"{packaged(name)}\n", encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise PlanBError(f"cannot write into {folder}: {error.strerror or error}") from error
    return written, left
