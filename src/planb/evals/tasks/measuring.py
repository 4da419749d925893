"""A task says itself what its answers are measured by; its log carries it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from inspect_ai import Task

from planb.domains.measure import NOTHING, Measured
from planb.errors import PlanBError

KEY = "measured"
"""Of a log's metadata, and the column of its sidecar."""


def measured(by: Measured) -> Callable[[Callable[..., Task]], Callable[..., Task]]:
    """Declare a task's measures, right below ``@task``. Its log then holds them in its metadata, and
    ``measured_by`` finds them before anything is run. Raises PlanBError where ``by`` is none."""
    if not isinstance(by, Measured):
        raise PlanBError(f"@measured takes a Measured(measures=(...)), and was given {by!r:.60}")

    def declare(task: Callable[..., Task]) -> Callable[..., Task]:
        @wraps(task)
        def made(*args: Any, **fields: Any) -> Task:
            found = task(*args, **fields)
            if not isinstance(found, Task):
                name = getattr(task, "__name__", task)
                raise PlanBError(
                    f"the task {name} makes a {type(found).__name__}: it must return a Task"
                )
            found.metadata = {**(found.metadata or {}), KEY: by.model_dump_json()}
            return found

        vars(made)[KEY] = by
        return made

    return declare


def measured_by(task: Callable[..., Task]) -> Measured:
    """The measures that a task declares; none where it declares none."""
    found = vars(task).get(KEY, NOTHING)
    assert isinstance(found, Measured)
    return found
