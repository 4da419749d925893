"""What the test processes of a session share: a folder, and what only one of them makes."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

Made = TypeVar("Made")


def session_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder of this one session, the same for all of its processes."""
    folder = factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """What ``make`` makes in a folder of its own: called by the first of the test processes that needs
    it; the others wait, and look at the same."""
    shared = session_folder(factory)
    with FileLock(shared / f"{name}.lock"):
        made = shared / f"{name}.pickle"
        if not made.exists():
            (shared / name).mkdir()
            made.write_bytes(pickle.dumps(make(shared / name)))
        found: Made = pickle.loads(made.read_bytes())
    return found
