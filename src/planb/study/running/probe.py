"""How fast this machine trains, from ten seconds of really training: updates of the sandbox's base."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

from planb.study.running.task import redirect, set_library_defaults
from planb.study.steps.pretrain import PretrainedBase, pretrained

SECONDS = 10.0
WARM, MOST = 3, 120
"""Updates before the clock starts, and those after which a fast machine has said enough."""
MOST_PROCESSES = 16


class Speed(NamedTuple):
    """Updates a second of one process, the mean of ``processes`` that trained at once."""

    updates: float
    processes: int


class _EnoughError(Exception):
    """The probe knows what it wants to know."""


def speed(base: PretrainedBase, cores: int, seconds: float = SECONDS) -> Speed:
    """Train ``base`` in as many processes as a run would have, for ``seconds``; nothing is kept."""
    set_library_defaults()
    how = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        import planb.training.train  # noqa: F401  loaded once, for all that are forked
    processes = min(cores, MOST_PROCESSES)
    ready = (how.Barrier(processes),)
    with ProcessPoolExecutor(processes, how, _share, ready) as pool:
        rates = list(pool.map(partial(_rate, base, seconds), range(processes)))
    return Speed(sum(rates) / len(rates), processes)


_together: Barrier


def _share(together: Barrier) -> None:
    global _together
    _together = together
    nowhere = os.open(os.devnull, os.O_WRONLY)
    redirect(nowhere, nowhere)


def _rate(base: PretrainedBase, seconds: float, seed: int) -> float:
    """Updates a second in this process, from a beginning that all processes wait for."""
    import torch

    torch.set_num_threads(1)
    began, last = (0.0, 0), (0.0, 0)

    def progress(done: float, total: float, note: str) -> None:  # noqa: ARG001
        nonlocal began, last
        if done == WARM:
            _together.wait(timeout=300)
            began = (time.monotonic(), WARM)
        last = (time.monotonic(), int(done))
        if done > WARM and last[0] - began[0] >= seconds:
            raise _EnoughError

    short = base.but(seed=seed, training=base.training.but(steps=MOST, save_every=2 * MOST))
    with tempfile.TemporaryDirectory() as folder, suppress(_EnoughError):
        pretrained(short, Path(folder), progress)
    return (last[1] - began[1]) / (last[0] - began[0])
