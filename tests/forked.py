"""Processes of their own that need not load the libraries: forked as a run's workers are."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from planb.study.running.worker import LIBRARIES


def forked(target: Callable[..., Any], *args: Any) -> BaseProcess:
    """Calls ``target(*args)``. What it prints goes nowhere; it can be killed as any other process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([LIBRARIES])
    process = context.Process(target=target, args=args)
    process.start()
    return process
