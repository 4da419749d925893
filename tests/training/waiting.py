"""Light work for processes that ``launch`` starts: what is tested is how they end."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from planb.training.launch import Progress, launch


def wait(seconds: float, progress: Progress | None) -> None:
    if progress:
        progress(1, 1, "waiting")
    time.sleep(seconds)


def start_waiting(ready: Connection, environment: dict[str, str], scratch: Path) -> None:
    """What a process of a user's own does that starts two: it ends as its signals say."""
    os.environ.update(environment)
    tempfile.tempdir = str(scratch)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    launch(wait, (300.0,), 2, progress=lambda *told: ready.send(told))


def misread(text: str, progress: Progress | None) -> None:
    del progress
    json.loads(text)
