"""Damaged steps are set aside, so that they are brought or made again."""

from __future__ import annotations

from planb.study.keeping.store import DamagedError, Store
from planb.study.steps.step import Step


def is_whole(store: Store, step: Step, told: list[str]) -> bool:
    """Whether the step is finished. Where it is damaged it is set aside, which ``told`` gets a sentence
    of, and it is finished no longer, unless a remote place keeps it whole."""
    try:
        return store.check(step)
    except DamagedError:
        with store.locked(step) as got:
            return got and _mended(store, step, told)


def _mended(store: Store, step: Step, told: list[str]) -> bool:
    while True:  # the copy here first, then what the remote place keeps
        try:
            return store.check(step)
        except DamagedError as error:
            aside = store.set_aside(step)
            kept = f", and what was there is in {aside}" if aside else ""
            told.append(f"{step.slug} is damaged: {error.what}. It is made again{kept}")
