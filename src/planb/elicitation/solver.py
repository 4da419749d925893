"""Any elicitation as an Inspect solver: ``--solver planb/elicit -S elicitation=trigger``."""

from __future__ import annotations

from typing import Any

from inspect_ai.model import GenerateConfig, ModelOutput
from inspect_ai.model._generate_config import active_generate_config
from inspect_ai.model._model import active_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from planb.elicitation import elicitation_of
from planb.errors import PlanBError
from planb.models.stops import why_not_greedy


@solver
def elicit(elicitation: str | dict[str, Any] = "direct") -> Solver:
    """Inspect solver of the elicitation that ``elicitation`` names (see ``ELICITATIONS``)."""
    value = elicitation_of(elicitation)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        check_askable()
        return its_own(await value.ask(state, generate))

    return solve


def check_askable(temperature: float | None = None) -> None:
    """PlanBError if the model under evaluation cannot be sampled at this temperature (or at the run's
    own), raised before the first call. Does nothing outside an eval of Inspect's."""
    if (model := active_model()) is None:
        return
    asked = model.config.merge(active_generate_config()).merge(GenerateConfig(temperature=temperature))
    if why := why_not_greedy(model, asked):
        raise PlanBError(why)


def its_own(state: TaskState) -> TaskState:
    """The state; RuntimeError where its last answer is not the model's own words: what a host says of
    a prompt that is too long, or in place of an answer that its filter stopped. The sample is then
    unscored."""
    if state.output.choices and (why := _not_the_models(state.output)):
        said = " ".join(state.output.completion.split())[:200]
        raise RuntimeError(f"{why}{f': {said}' if said else ''}")
    return state


def _not_the_models(output: ModelOutput) -> str:
    if output.stop_reason == "content_filter":
        return "the host's filter stopped the answer"
    if output.stop_reason == "model_length" and output.usage is None:
        return "the prompt does not fit the model"
    return ""
