"""The table of links: which step carries out which value of a chain."""

from __future__ import annotations

from planb.errors import PlanBError
from planb.organism import Organism
from planb.safety import Method
from planb.study.steps.checkpoint import CheckpointStep, Given, LinkStep
from planb.study.steps.interpolation import Interpolation, InterpolationStep
from planb.study.steps.method import MethodStep
from planb.study.steps.organism import OrganismStep
from planb.study.steps.stage import StageStep
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
    return step_class(link).of(link, start, given)


def step_class(link: Link) -> type[LinkStep]:
    """The class of a link's step; PlanBError where the table has none for it."""
    for kind in type(link).__mro__:
        if kind in LINKS:
            return LINKS[kind]
    name = type(link).__name__
    raise PlanBError(
        f"no step is known for the link '{link.name}', a {name}: write a LinkStep for it, and add "
        f"LINKS[{name}] = ... (planb.study.steps.links) before the chain that has it"
    )
