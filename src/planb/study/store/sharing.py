"""Studies in one folder share what is the same: a step that one has finished, another takes over."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from planb.errors import PlanBError
from planb.study.steps.step import Step
from planb.study.store.store import Store, explained


class Others:
    """The steps that other studies in a folder keep, by the names of their folders: listed once."""

    def __init__(self, store: Store, studies: Path | None) -> None:
        self._stores: dict[str, list[Store]] = {}
        for steps in sorted(studies.glob(f"*/{store.steps.name}")) if studies else ():
            if steps.resolve() != store.steps.resolve():
                other = Store(steps)
                for folder in steps.iterdir() if steps.is_dir() else ():
                    self._stores.setdefault(folder.name, []).append(other)

    def have(self, name: str, step: Step) -> list[Path]:
        """Where the step, whose folder has this name, is finished, with files of the right size."""
        found = []
        for other in self._stores.get(name, ()):
            with suppress(PlanBError):
                if other.is_done(step):
                    found.append(other.folder(step))
        return found


def taken_over(store: Store, step: Step, others: Others) -> bool:
    """Take a finished step from another study, checked against its checksums; whether there was one.

    Files are hard links where the disk has them: a large model is not copied. A step that is damaged
    there, that was made from other files than its inputs have here, or that cannot be copied, is
    passed over: it is made here.
    """
    for found in others.have(store.folder(step).name, step):
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
