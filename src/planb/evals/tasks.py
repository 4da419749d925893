"""The table of tasks: ``inspect eval planb/<name>``, and what the batch runner runs."""

from __future__ import annotations

from collections.abc import Callable

from inspect_ai import Task

from planb.evals.harmful_requests import harmful_requests
from planb.evals.harmless_requests import harmless_requests
from planb.evals.recall import recall

TASKS: dict[str, Callable[..., Task]] = {
    "harmful_requests": harmful_requests,
    "harmless_requests": harmless_requests,
    "recall": recall,
}
