"""What lies in the folder of studies: which studies, how each stands, which files may be shown.

Only names that a study or one of its files can have are ever joined to a path, and a file is shown
only where it really lies in its study's folder.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from planb.names import checked_name
from planb.study.reporting import FOLDERS, PUBLISHED
from planb.study.running.run_file import RunState, read_run

TYPES = {
    **{".html": "text/html", ".svg": "image/svg+xml", ".png": "image/png"},
    **{".csv": "text/plain", ".tex": "text/plain", ".eval": "application/octet-stream"},
}
"""Kinds of file that are shown. Tables are text, so that no spreadsheet opens by itself."""
FILES = (*PUBLISHED, "labelled.csv")
MOST_FIGURES = 3
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class StudyFolder:
    """One study's folder, looked at now."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def run(self) -> RunState | None:
        return read_run(self.folder)

    @property
    def standing(self) -> str:
        """``running``, ``done``, ``failed`` or ``stopped``; of a study that no run has told of, whether
        there is a page: ``done`` or ``unknown``."""
        if self.run:
            return self.run.standing
        return "done" if self.has("report.html") else "unknown"

    def has(self, name: str) -> bool:
        return (self.folder / name).is_file()

    @cached_property
    def files(self) -> list[str]:
        """The page first, then the tables."""
        return [
            name for name in sorted(FILES, key=lambda name: name != "report.html") if self.has(name)
        ]

    @cached_property
    def figures(self) -> list[str]:
        """The figures of the page's first screen; of an older page, that of severity."""
        names = sorted(path.name for path in (self.folder / "figures").glob("answer*.svg"))
        found = [name for name in names or ["severity.svg"] if self.shown_file("figures", name)]
        return found[:MOST_FIGURES]

    @cached_property
    def headline(self) -> list[list[str]]:
        """The page's headline table, its head first; none where there is no page yet."""
        with suppress(OSError, ValueError, csv.Error):
            text = (self.folder / "tables" / "headline.csv").read_text(encoding="utf-8")
            return list(csv.reader(io.StringIO(text)))
        return []

    @cached_property
    def steps(self) -> tuple[int, int]:
        """How many steps lie there finished, and how many begun: by their folders' names."""
        with suppress(OSError):
            names = [e.name for e in os.scandir(self.folder / "steps") if not e.name.startswith(".")]
            begun = sum(name.endswith(".partial") for name in names)
            return sum("." not in name for name in names), begun
        return 0, 0

    @property
    def view(self) -> str:
        """The command that opens its logs."""
        return f"inspect view --log-dir {shlex.quote(str(self.folder / 'logs'))}"

    @cached_property
    def logs(self) -> int:
        with suppress(OSError):
            return sum(entry.name.endswith(".eval") for entry in os.scandir(self.folder / "logs"))
        return 0

    def shown_file(self, part: str, name: str) -> Path | None:
        """A file that may be shown, in the folder itself (``part`` ""), or in ``figures``, ``tables``
        or ``logs``."""
        allowed = name in FILES if not part else part in (*FOLDERS, "logs") and _FILE.fullmatch(name)
        path = self.folder / part / name
        if not allowed or path.suffix not in TYPES or not path.is_file():
            return None
        return path if path.resolve().is_relative_to(self.folder.resolve()) else None


def studies_in(out: Path) -> list[StudyFolder]:
    """The studies of a folder: those that run first, then by their names."""
    found = [one for name in _names(out) if (one := study_in(out, name))]
    return sorted(found, key=lambda one: (one.standing != "running", one.name))


def study_in(out: Path, name: str) -> StudyFolder | None:
    """The study of that name; None where there is none, or nothing can be called so."""
    try:
        folder = out / checked_name(name)
    except ValueError:
        return None
    is_study = (folder / "steps").is_dir() or (folder / "report.html").is_file()
    return StudyFolder(folder) if is_study else None


def other_pages(out: Path) -> list[str]:
    """Pages beside the studies: comparisons in the folder itself, and checks of judges."""
    found = [path for pattern in ("*.html", "judges/*.html") for path in out.glob(pattern)]
    return sorted(path.relative_to(out).as_posix() for path in found if _FILE.fullmatch(path.name))


def _names(out: Path) -> Iterator[str]:
    with suppress(OSError):
        for entry in os.scandir(out):
            if entry.is_dir():
                yield entry.name
