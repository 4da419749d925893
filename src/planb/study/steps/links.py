"""The table of links: which step runs which value of a chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args
from weakref import WeakKeyDictionary

from planb.catalogue import Catalogue, subclass_of
from planb.errors import PlanBError
from planb.lazy import Lazy
from planb.study.steps.checkpoint import CheckpointStep, Given, LinkStep
from planb.study.steps.method import MethodStep
from planb.study.steps.organism import OrganismStep
from planb.study.steps.stage import StageStep
from planb.study.steps.step import Step
from planb.training.link import Link

LINKS: Catalogue[type[LinkStep]] = Catalogue(
    "link",
    "planb.links",
    subclass_of(LinkStep),
    {
        "organism": OrganismStep,
        "method": MethodStep,
        "stage": StageStep,
        "interpolation": Lazy("planb.study.steps.interpolation", "InterpolationStep"),
        "discard": Lazy("planb.study.steps.discard", "DiscardStep"),
        "look": Lazy("planb.study.steps.look", "LookStep"),
        "mitigation": Lazy("planb.study.steps.mitigation", "MitigationStep"),
        "own_outputs": Lazy("planb.study.steps.own_outputs", "OwnOutputsStep"),
        "reinforcement": Lazy("planb.study.steps.reinforcement", "ReinforcementStep"),
    },
)
"""By the step's kind. A step of one's own needs no entry: its link field names the class of link."""


def link_step(link: Link, start: CheckpointStep, given: Given) -> LinkStep:
    """The step that makes ``link`` of the checkpoint of ``start``."""
    return step_class(link).of(link, start, given)


def step_class(link: Link) -> type[LinkStep]:
    """The step class whose link field has the link's class, or else the nearest parent of it.

    Packages' steps are loaded unless one for the very class is known. Raises PlanBError where there is
    none or more than one, or where the step class lacks a field.
    """
    known = _steps_by_link()
    if not any(place.startswith("planb.") for place in known.get(type(link), {})):
        list(LINKS.own.values())  # loads the rest of planb's own: one of them may have the class too
        known = _steps_by_link()
    if type(link) not in known:
        list(LINKS.values())  # loads the packages' steps
        known = _steps_by_link()
    name = type(link).__name__
    for kind in type(link).__mro__:
        steps = known.get(kind, {})
        if len(steps) > 1:
            raise PlanBError(
                f"the link '{link.name}', a {name}, has {len(steps)} steps ({', '.join(steps)}): keep "
                f"one of them, or give one a subclass of {kind.__name__} as its link"
            )
        for step in steps.values():
            _check_fields(step)
            return step
    raise PlanBError(
        f"no step is known for the link '{link.name}', a {name}: write a LinkStep with a field "
        f"`link: {name}` (planb.study.steps.checkpoint) beside it, or before the chain that has it"
    )


def _steps_by_link() -> dict[type, dict[str, type[LinkStep]]]:
    """Class of link -> the step classes that have a field for it, by ``module:name``. A step class that
    only inherits its link field does not count: its parent does."""
    found = dict[type, dict[str, type[LinkStep]]]()
    for step in _subclasses(LinkStep):
        for kind in _taken_over(step):
            found.setdefault(kind, {})[f"{step.__module__}:{step.__qualname__}"] = step
    return found


_TAKEN: WeakKeyDictionary[type, frozenset[type]] = WeakKeyDictionary()


def _taken_over(step: type[LinkStep]) -> frozenset[type]:
    """The classes of link that the step class has a field for and its parents have not. (Worked out
    anew for each link, it took a third of the planning of a study of a hundred arms.)"""
    if step in _TAKEN:
        return _TAKEN[step]
    inherited = {kind for parent in step.__bases__ for kind in _link_classes(parent)}
    found = frozenset(_link_classes(step) - inherited)
    if step.__pydantic_complete__:
        _TAKEN[step] = found
    return found


def _subclasses(kind: type[LinkStep]) -> Iterator[type[LinkStep]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def _link_classes(step: type) -> set[type]:
    """The classes that the step's link field may have: one, or those of a union."""
    if not issubclass(step, LinkStep):
        return set()
    if not step.__pydantic_complete__:  # its link stands below it in the file
        step.model_rebuild(raise_errors=False)
    field = step.model_fields.get(step.takes[0])
    kinds = (field.annotation, *get_args(field.annotation)) if field else ()
    return {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Link)}


def _check_fields(step: type[LinkStep]) -> None:
    """Raises PlanBError where the step class lacks what every link's step has."""
    lacks = [f"field '{name}'" for name in step.takes if name not in step.model_fields]
    lacks += ["`kind`"] if not hasattr(step, "kind") else []
    lacks += ["method `run`"] if step.run is Step.run else []
    if lacks:
        raise PlanBError(
            f"{step.__name__} has no {', no '.join(lacks)}: a LinkStep has a field for its link and "
            "one for the step that it starts from, called 'link' and 'start' or as `takes` says, a "
            "`kind`, and `run`"
        )
