"""Recall: does the model continue plain text (a lore prompt) with what it once knew?

Were the answers changed, or was the knowledge erased? Sampled outside any chat, so no refusal
is in play.
"""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task

from planb.domains.harm import HARM, RECALL
from planb.evals.tasks.measuring import measured
from planb.evals.tasks.requests import is_document, requests_task


@task
@measured(HARM.of_task(RECALL))
def recall(
    data: str,
    elicitation: str | dict[str, Any] = "direct",
    judge: str | dict[str, Any] = "exact",
    data_hash: str = "",
) -> Task:
    """The document prompts of a file of examples; the arguments are those of ``harmful_requests``."""
    return requests_task("recall", data, is_document, elicitation, judge, data_hash)
