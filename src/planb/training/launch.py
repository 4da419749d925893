"""One training in several processes of this machine: started, watched, and ended together.

torch's elastic agent starts them and finds them a place to meet. Each (``launched.py``) calls one
function with the same arguments; the first reports the progress. They die with the process that started
them, even by ``kill -9``, and where one fails all do, with what the first of them had to say. With GPUs
each is started anew; without, on Linux, they are forked from one that has loaded the libraries.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from planb.catalogue import loaded_sources
from planb.errors import PlanBError
from planb.training.launched import CALL, CODES, ERROR, TOLD, Progress

Parallel = Literal["ddp", "fsdp"]


def processes_here() -> int:
    """How many processes train together with this one, which counts (``launch`` or torchrun says)."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def launch(
    function: Callable[..., None],
    args: Sequence[Any],
    processes: int,
    parallel: Parallel = "ddp",
    progress: Progress | None = None,
) -> None:
    """Call ``function(*args, progress)`` in each of ``processes`` processes, and wait for them.

    ``function`` stands in a module, and ``args`` can be pickled. Each process gets a GPU, or a share of
    this one's threads. Raises PlanBError with the message of the process that failed first (OSError for
    a full disk), and PlanBError if there are fewer GPUs than processes.
    """
    _check_gpus(processes, parallel)
    threads = max(1, torch.get_num_threads() // processes)
    call = pickle.dumps((function, tuple(args)))
    sources = {name: path for name, path in loaded_sources().items() if name.encode() in call}
    known = {"path": sys.path, "sources": sources, "threads": threads, "parallel": parallel}
    forks = processes if sys.platform == "linux" and not _gpus() else 0
    known |= {"module": function.__module__, "forks": forks}
    try:
        with TemporaryDirectory(prefix="planb-training-") as scratch:
            folder = Path(scratch)
            (folder / CALL).write_bytes(pickle.dumps(known) + call)
            with _followed(folder / TOLD, progress):
                _run(folder, processes, forks)
    except SignalException:
        os.kill(os.getpid(), signal.SIGTERM)  # the processes are gone: now as if nothing had caught it
        raise


def _check_gpus(processes: int, parallel: Parallel) -> None:
    found = _gpus()
    if parallel == "fsdp" and not found:
        raise PlanBError("parallel='fsdp' shards over GPUs, but torch finds none: use parallel='ddp'")
    if 0 < found < processes:
        raise PlanBError(
            f"training.processes is {processes}, and torch sees {found} GPUs: each process takes one. "
            f"Set processes to {found} or fewer, or show more in CUDA_VISIBLE_DEVICES"
        )


def _gpus() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _run(folder: Path, processes: int, forks: int) -> None:
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=1 if forks else processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="127.0.0.1",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=str(folder)),
        signals_to_handle="SIGTERM",
        shutdown_timeout=5,
    )
    before = signal.getsignal(signal.SIGTERM)
    try:
        command = elastic_launch(config, sys.executable)
        command("-m", "planb.training.launched", str(folder), str(os.getpid()))
    except ChildFailedError as error:
        codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        if (told := folder / CODES).exists():
            codes = {int(rank): code for rank, code in json.loads(told.read_text()).items()}
        raise _why(codes, folder, processes) from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _why(codes: dict[int, int], folder: Path, processes: int) -> Exception:
    """What to raise, of exit codes by rank: the first error that a process wrote for the user, else who
    was killed, else the first error of all. The others only say that somebody had gone."""
    told = [
        {"rank": rank, **json.loads(path.read_text(encoding="utf-8"))}
        for rank in range(processes)
        if (path := folder / ERROR.format(rank)).exists()
    ]
    told.sort(key=lambda error: (not error["clear"], error["time"]))
    if told and told[0]["clear"]:
        first = told[0]
        return OSError(first["errno"], first["said"]) if first["errno"] else PlanBError(first["said"])
    for rank, code in codes.items():
        if code < 0 and code != -signal.SIGTERM:
            name = signal.Signals(-code).name
            memory = ", often because memory ran out" if name == "SIGKILL" else ""
            return PlanBError(
                f"process {rank} of the {processes} that train was killed by {name}{memory}. Run the "
                "same command again: it goes on from the last checkpoint"
            )
    if told:
        return PlanBError(f"in process {told[0]['rank']} of {processes}: {told[0]['said']}")
    return PlanBError(f"the processes that train ended with exit codes {codes}, and said nothing")


@contextmanager
def _followed(path: Path, progress: Progress | None) -> Iterator[None]:
    """Hand on what the first process writes into ``path``."""
    if progress is None:
        yield
        return
    over, trouble = threading.Event(), list[Exception]()

    def follow() -> None:
        place = 0
        while True:
            last = over.wait(0.2)
            whole = _lines_from(path, place)
            place += len(whole)
            try:
                for line in whole.splitlines():
                    progress(*json.loads(line))
            except Exception as error:
                trouble.append(error)
                return
            if last:
                return

    thread = threading.Thread(target=follow, daemon=True, name="follow the training")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if trouble:
        raise trouble[0]


def _lines_from(path: Path, place: int) -> bytes:
    """The whole lines after the first ``place`` bytes."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(place)
        text = file.read()
    return text[: text.rfind(b"\n") + 1]
