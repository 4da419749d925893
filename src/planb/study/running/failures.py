"""Failures in a run: the message of each, and the file with the full story."""

from __future__ import annotations

import traceback
from contextlib import suppress
from pathlib import Path

from planb.errors import PlanBError
from planb.redaction import redacted
from planb.study.running.task import Answer
from planb.study.steps.step import Step
from planb.study.store.store import ERROR, OUTPUT, Store


def failure_log(store: Store, step: Step, answer: Answer) -> Path:
    """The error file of a failed step. Written here if the step's machine or process could not."""
    log = store.partial(step) / ERROR
    text = f"{answer.message}\nIts output is in {OUTPUT}.\n" if answer.died else answer.trace
    if answer.died or (text and not log.exists()):
        with suppress(OSError):
            log.parent.mkdir(exist_ok=True)
            log.write_text(redacted(text))
    return log


def publish_failure(store: Store, step: Step, error: Exception) -> tuple[str, Path]:
    """Why a finished step could not be published, and the file with the traceback."""
    log = store.steps / f"{store.folder(step).name}.publish-{ERROR}"
    with suppress(OSError):
        log.write_text(redacted("".join(traceback.format_exception(error))))
    why = str(error) if isinstance(error, PlanBError) else f"{type(error).__name__}: {error}"
    return f"finished, but could not be published: {why}", log
