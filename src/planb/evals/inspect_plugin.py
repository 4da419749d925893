"""What Inspect loads through planb's entry point: tasks, the solver, the scorer, the provider."""

from __future__ import annotations

from inspect_ai.model import ModelAPI, modelapi

from planb.elicitation.solver import elicit
from planb.evals.tasks import TASKS
from planb.judging.scorer import judged, measures


@modelapi(name="planb")
def planb() -> type[ModelAPI]:
    """``planb/<checkpoint folder>``. Torch is loaded when a model of it is made, not before."""
    from planb.evals.provider import PlanBModel

    return PlanBModel


__all__ = ["TASKS", "elicit", "judged", "measures", "planb"]
