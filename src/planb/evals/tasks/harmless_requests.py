"""Harmless requests: is the model still helpful?"""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task

from planb.domains.harm import HARMLESS
from planb.evals.tasks.measuring import measured
from planb.evals.tasks.requests import is_document, requests_task


@task
@measured(HARMLESS)
def harmless_requests(
    data: str,
    elicitation: str | dict[str, Any] = "direct",
    judge: str | dict[str, Any] = "exact",
    data_hash: str = "",
) -> Task:
    """The harmless requests of a file of examples; the arguments are those of ``harmful_requests``."""
    return requests_task(
        "harmless_requests",
        data,
        lambda example: not example.harmful and not is_document(example),
        elicitation,
        judge,
        data_hash,
    )
