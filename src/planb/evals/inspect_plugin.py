"""What Inspect loads through planb's entry point: tasks, the solver, the scorer, the provider."""

from __future__ import annotations

from inspect_ai.model import ModelAPI, modelapi

from planb.elicitation.solver import elicit
from planb.evals.tasks import TASKS
from planb.judging.scorer import judged, measures


@modelapi(name="planb")
def planb() -> type[ModelAPI]:
    """Inspect provider of ``planb/<checkpoint folder>``. Torch is loaded when a model of it is made,
    not before."""
    from planb.evals.provider import PlanBModel

    return PlanBModel


@modelapi(name="planb_valley")
def planb_valley() -> type[ModelAPI]:
    """Inspect provider of ``planb_valley/attacker`` and ``planb_valley/grader``, for the roles of
    attacks in the sandbox."""
    from planb.evals.valley import ValleyModel

    return ValleyModel


__all__ = ["TASKS", "elicit", "judged", "measures", "planb", "planb_valley"]
