"""Any elicitation as an Inspect solver: ``--solver planb/elicit -S elicitation=trigger``."""

from __future__ import annotations

from typing import Any

from inspect_ai.solver import Generate, Solver, TaskState, solver

from planb.elicitation import elicitation_of


@solver
def elicit(elicitation: str | dict[str, Any] = "direct") -> Solver:
    """Ask in the way that ``elicitation`` names (see ``ELICITATIONS``)."""
    value = elicitation_of(elicitation)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await value.ask(state, generate)

    return solve
