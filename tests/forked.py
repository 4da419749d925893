"""Processes of their own that need not load the libraries: forked as a run's workers are."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from planb.cli import main
from planb.study.running.worker import LIBRARIES


def forked(target: Callable[..., Any], *args: Any) -> BaseProcess:
    """Calls ``target(*args)``. What it prints goes nowhere; it can be killed as any other process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([LIBRARIES])
    process = context.Process(target=target, args=args)
    process.start()
    return process


def forked_planb(*words: str | Path) -> BaseProcess:
    """``planb`` with these words, and with the variables of this process."""
    return forked(_planb, [str(word) for word in words], dict(os.environ))


def _planb(words: list[str], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["planb", *words]
    main()
