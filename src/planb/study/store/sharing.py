"""Studies in one folder share what is the same: a step that one has finished, another takes over."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from planb.errors import PlanBError
from planb.study.steps.step import Step
from planb.study.store.store import Store, explained


def elsewhere(store: Store, step: Step, studies: Path | None) -> list[Path]:
    """Where others of ``studies`` keep the same step, finished and with files of the right size."""
    if studies is None:
        return []
    found = []
    for folder in sorted(studies.glob(f"*/{store.steps.name}/{store.folder(step).name}")):
        other = Store(folder.parent)
        with suppress(PlanBError):
            if other.steps.resolve() != store.steps.resolve() and other.is_done(step):
                found.append(folder)
    return found


def taken_over(store: Store, step: Step, studies: Path | None) -> bool:
    """Take a finished step from another study, checked against its checksums; whether there was one.

    Files are hard links where the disk has them: a large model is not copied. A step that is damaged
    there, that was made from other files than its inputs have here, or that cannot be copied, is
    passed over: it is made here.
    """
    for found in elsewhere(store, step, studies):
        with suppress(PlanBError):
            other = Store(found.parent)
            if store.stale(step, other.manifest(step)):
                continue
            other.verify(step)
            _copy(found, store.folder(step))
            store.remember_as(other, step)
            return True
    return False


def _copy(found: Path, folder: Path) -> None:
    scratch = folder.with_name(f"{folder.name}.copy-{os.getpid()}")
    try:
        shutil.copytree(found, scratch, copy_function=_linked)
        scratch.rename(folder)
    except OSError as error:
        raise explained(error, folder.parent) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
