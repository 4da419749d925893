"""An ``.eval`` log on the disk: whole or not there, free of secrets, compressed in one thread."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zstandard
from inspect_ai.log import EvalLog, write_eval_log

from planb.redaction import without_secrets


def put_log(log: EvalLog, path: Path) -> None:
    """Write the log under another name and rename it: a kill leaves the old log or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with one_thread():
            write_eval_log(log, str(scratch), format="eval")
        clean(scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """Logs are compressed in the thread that writes them.

    Inspect (0.3.285) starts a pool of twelve threads for each sample of a log, a few kB, which on two
    cores is most of the time of writing one. The bytes are the same
    (``findings/inspect_logs_start_twelve_threads_a_sample.sh``).
    """
    many = zstandard.ZstdCompressor

    def alone(*args: Any, **settings: Any) -> zstandard.ZstdCompressor:
        return many(*args, **{**settings, "threads": 0})

    zstandard.ZstdCompressor = alone  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        zstandard.ZstdCompressor = many  # type: ignore[misc]


def clean(log: Path) -> None:
    """Take the secrets of this process out of a log's file, where any is in it: what a server said,
    wherever Inspect put it."""
    with zipfile.ZipFile(log) as old:
        members = [(info, old.read(info)) for info in old.infolist()]
    texts = [without_secrets(content.decode("utf-8", "surrogateescape")) for _, content in members]
    new = [text.encode("utf-8", "surrogateescape") for text in texts]
    if new == [content for _, content in members]:
        return
    scratch = log.with_name(f".{log.name}.{os.getpid()}.clean")
    try:
        with one_thread(), zipfile.ZipFile(scratch, "w") as file:
            for (info, _), content in zip(members, new, strict=True):
                file.writestr(info, content)
        scratch.replace(log)
    finally:
        scratch.unlink(missing_ok=True)
