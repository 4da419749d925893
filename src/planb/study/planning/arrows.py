"""The kinds of step of a study and what is made of what: its whole path on one screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from planb.study.planning.graph import Graph, Node
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.step import Step


@dataclass
class Branch:
    """The steps of one kind that came about by the same kinds: ``count`` of them, the ``names`` of
    those that make checkpoints, the kinds that they ``also_read``, and what is made of them."""

    kind: str
    count: int = 0
    names: dict[str, None] = field(default_factory=dict)
    also_read: dict[str, None] = field(default_factory=dict)
    below: dict[str, Branch] = field(default_factory=dict)


def arrows(final_steps: Iterable[Step]) -> list[Branch]:
    """What the final steps come from, beginning with the steps that need no other."""
    graph, roots = Graph(final_steps), dict[str, Branch]()
    places: dict[str, Branch] = {}
    for node in graph:
        first = _first(node)
        beside = places[first].below if first else roots
        kind = node.step.kind
        branch = places[node.identity] = beside.setdefault(kind, Branch(kind))
        branch.count += 1
        if isinstance(node.step, CheckpointStep):
            branch.names[node.step.called] = None
        for other in node.inputs:
            if other != first and (read := graph[other].step.kind) != graph[first].step.kind:
                branch.also_read[read] = None
    return list(roots.values())


def _first(node: Node) -> str:
    """The identity of the step that it is made of: a checkpoint's origin, else the first that it reads;
    "" for a step that needs none."""
    step = node.step
    origin = step.origin if isinstance(step, CheckpointStep) else None
    for part, identity in zip(step.inputs(), node.inputs, strict=True):
        if origin is None or part is origin:
            return identity
    return ""
