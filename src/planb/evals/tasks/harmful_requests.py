"""Harmful requests: how often is one complied with, and how useful is what comes?"""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task

from planb.domains.harm import ASKED, HARM
from planb.evals.tasks.measuring import measured
from planb.evals.tasks.requests import is_document, requests_task


@task
@measured(HARM.of_task(ASKED))
def harmful_requests(
    data: str,
    elicitation: str | dict[str, Any] = "direct",
    judge: str | dict[str, Any] = "exact",
    data_hash: str = "",
) -> Task:
    """The harmful requests of a file of examples, elicited as ``elicitation`` says.

    ``data_hash`` is the file's SHA-256 or its beginning; if it is given and is not the file's, this
    raises PlanBError. ``elicitation`` and ``judge`` are a name or ``{name: ..., **fields}``.
    """
    return requests_task(
        "harmful_requests",
        data,
        lambda example: example.harmful and not is_document(example),
        elicitation,
        judge,
        data_hash,
    )
