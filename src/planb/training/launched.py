"""A process that ``launch`` starts: ``python -m planb.training.launched FOLDER PARENT``."""

from __future__ import annotations

import errno
import gc
import importlib
import json
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from planb.catalogue import load_sources
from planb.errors import PlanBError, is_disk_full
from planb.training.parent import die_with, killed_with

Progress = Callable[[float, float, str], None]
FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
}
"""What ``accelerate launch --use_fsdp`` sets: weights, gradients and optimizer states are sharded."""
CALL, TOLD, ERROR, CODES = "call.pickle", "told.jsonl", "error-{}.json", "codes.json"
_TOLD_BY_NUMBER = (errno.ENOSPC, errno.EDQUOT, errno.EACCES)


def _main(folder: Path, parent: int) -> None:
    """What the agent starts: a process that trains, or the one that all of them are forked from."""
    with (folder / CALL).open("rb") as file:
        known = pickle.load(file)
    if known["forks"]:
        killed_with(parent)
        _load(known)
        ranks = _fork(folder, known["forks"])
        die_with(parent)  # by a thread too: there is nothing left to fork
        _leave(_wait(ranks, folder))
    _train(folder, parent)


def _load(known: dict[str, Any]) -> None:
    """Load the libraries, as a study's ``preload`` does: no pool of threads, no GPU and no random
    number is touched before the fork. A module of the user's own might: each process loads it itself.
    """
    gc.disable()
    sys.path[:] = known["path"]
    if known["module"].startswith("planb."):
        with suppress(Exception):  # each process says it
            importlib.import_module(known["module"])
    gc.freeze()  # no process looks through the modules for garbage, so their pages stay shared
    gc.enable()


def _fork(folder: Path, processes: int) -> dict[int, int]:
    """The ranks of the processes that train, by their ids."""
    ranks, here = {}, os.getpid()
    for rank in range(processes):
        if not (child := os.fork()):
            for name in ("RANK", "LOCAL_RANK", "ROLE_RANK"):
                os.environ[name] = str(rank)
            for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "ROLE_WORLD_SIZE"):
                os.environ[name] = str(processes)
            _train(folder, here)
        ranks[child] = rank
    return ranks


def _wait(ranks: dict[int, int], folder: Path) -> int:
    """Until all are through, or some have failed: then the others are killed, and it is written down
    how those had ended that nobody killed."""
    codes = dict[int, int]()
    while len(codes) < len(ranks):
        child, status = os.waitpid(-1, os.WNOHANG if any(codes.values()) else 0)
        if not child:
            break
        codes[ranks[child]] = os.waitstatus_to_exitcode(status)
    for child in (child for child, rank in ranks.items() if rank not in codes):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not any(codes.values()):
        return 0
    with suppress(OSError):
        (folder / CODES).write_text(json.dumps(codes), encoding="utf-8")
    return 1


def _train(folder: Path, parent: int) -> None:
    """Call the function, and end."""
    die_with(parent)
    rank = int(os.environ["RANK"])
    try:
        with (folder / CALL).open("rb") as file:
            _prepare(pickle.load(file))
            function, args = pickle.load(file)
        function(*args, _teller(folder / TOLD) if rank == 0 else None)
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
    except Exception as error:
        traceback.print_exc()
        _tell(error, folder / ERROR.format(rank))
        _leave(1)  # at once: the others may be waiting for it
    _leave(0)


def _leave(code: int) -> None:
    """End without the interpreter's tidying up, in which gloo's threads now and then abort."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _prepare(known: dict[str, Any]) -> None:
    sys.path[:] = known["path"]
    torch.set_num_threads(known["threads"])
    if known["parallel"] == "fsdp":
        os.environ.update(FSDP)
    load_sources(known["sources"])


def _teller(path: Path) -> Progress:
    def tell(done: float, total: float, note: str = "") -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([done, total, note]) + "\n")

    return tell


def _tell(error: Exception, path: Path) -> None:
    """``clear`` is what says by itself what is wrong: no other process's end has caused it."""
    number = error.errno if isinstance(error, OSError) and error.errno in _TOLD_BY_NUMBER else None
    if is_disk_full(error, path.parent):  # its number is not always with it
        number = number or errno.ENOSPC
    clear = isinstance(error, PlanBError) or number is not None
    text = str(error).strip() or type(error).__name__
    said = text if clear else f"{type(error).__name__}: {text.splitlines()[0]}"
    kept = {"time": time.time_ns(), "clear": clear, "errno": number, "said": said}
    with suppress(OSError):
        path.write_text(json.dumps(kept), encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
