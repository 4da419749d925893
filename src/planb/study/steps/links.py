"""The table of links: which step carries out which value of a chain."""

from __future__ import annotations

from pydantic import ValidationError

from planb.errors import PlanBError, no_value
from planb.organism import Organism
from planb.safety import Method
from planb.study.steps.checkpoint import CheckpointStep, Given, LinkStep
from planb.study.steps.interpolation import Interpolation, InterpolationStep
from planb.study.steps.method import MethodStep
from planb.study.steps.organism import OrganismStep
from planb.study.steps.stage import StageStep
from planb.study.steps.step import Step
from planb.training.link import Link
from planb.training.stage import Stage

LINKS: dict[type[Link], type[LinkStep]] = {
    Organism: OrganismStep,
    Method: MethodStep,
    Stage: StageStep,
    Interpolation: InterpolationStep,
}
"""A study file of one's own adds to it in one line: ``LINKS[MyLink] = MyLinkStep``."""


def link_step(link: Link, start: CheckpointStep, given: Given) -> LinkStep:
    """The step that makes ``link`` of the checkpoint of ``start``."""
    step = step_class(link)
    try:
        return step.of(link, start, given)
    except ValidationError as error:
        raise PlanBError(f"the link '{link.name}': {no_value(error)}") from error


def step_class(link: Link) -> type[LinkStep]:
    """The class of a link's step; PlanBError where the table has none for it."""
    for kind in type(link).__mro__:
        if kind in LINKS:
            return _whole(LINKS[kind], type(link).__name__)
    name = type(link).__name__
    raise PlanBError(
        f"no step is known for the link '{link.name}', a {name}: write a LinkStep for it, and add "
        f"LINKS[{name}] = ... (planb.study.steps.links) before the chain that has it"
    )


def _whole(step: type[LinkStep], link: str) -> type[LinkStep]:
    """The class itself. Raises PlanBError where it lacks what every link's step has."""
    if not (isinstance(step, type) and issubclass(step, LinkStep)):
        raise PlanBError(f"LINKS[{link}] is no subclass of LinkStep, but {step!r:.60}")
    lacks = [f"the field `{name}`" for name in step.takes if name not in step.model_fields]
    lacks += ["`kind`: ClassVar[str]"] if not hasattr(step, "kind") else []
    lacks += ["the method `run`"] if step.run is Step.run else []
    if lacks:
        raise PlanBError(f"{step.__name__}, the step of the link {link}, lacks {', '.join(lacks)}")
    return step
