"""A process that ends with the one that started it, however that one ends."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import wait

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """End this process when the process ``parent``, which started it, is gone, even by ``kill -9``."""
    killed_with(parent)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watch the parent").start()


def killed_with(parent: int) -> None:
    """The same on Linux alone, and without a thread: for a process that is forked."""
    _killed_with_parent()
    if os.getppid() != parent:
        os._exit(1)


def die_with_starter() -> None:
    """The same in a process of ``multiprocessing``, whichever process it was forked from: the one that
    started it holds the other end of a pipe, which closes when that one is gone."""
    _killed_with_parent()
    starter = multiprocessing.parent_process()
    assert starter is not None

    def watch() -> None:
        wait([starter.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watch the run").start()


def _killed_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends, whatever holds Python's lock."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
