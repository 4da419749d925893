"""Damaged steps are set aside, so that they are brought or made again."""

from __future__ import annotations

from planb.study.steps.step import Step
from planb.study.store.store import DamagedError, Store


def is_whole(store: Store, step: Step, notes: list[str]) -> bool:
    """Whether the step is finished. Where it is damaged it is set aside, ``notes`` gets a sentence
    on it, and it is finished no longer, unless a remote store keeps it whole."""
    try:
        return store.check(step)
    except DamagedError:
        with store.locked(step) as got:
            return got and _repaired(store, step, notes)


def _repaired(store: Store, step: Step, notes: list[str]) -> bool:
    while True:  # the copy here first, then what the remote store keeps
        try:
            return store.check(step)
        except DamagedError as error:
            aside = store.set_aside(step)
            kept = f"; the damaged folder is kept as {aside}" if aside else ""
            notes.append(f"{step.slug} is damaged: {error.what}. It is run again{kept}")
