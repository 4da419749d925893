"""The steps of a study as a graph: all that the final ones need, each once, inputs first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.step import Step, folder_of, identities_once


@dataclass(frozen=True)
class Node:
    """A step with what is dear to compute: its identity, its folder's name, its inputs' identities."""

    step: Step
    identity: str
    folder_name: str
    inputs: tuple[str, ...]
    place: int


class Graph:
    """Steps with equal identities are one node. Iteration is in the graph order: inputs first."""

    def __init__(self, final_steps: Iterable[Step]) -> None:
        self.nodes: dict[str, Node] = {}
        self._known: dict[int, Node] = {}
        with identities_once():
            for step in final_steps:
                self._add(step)
        self._after: dict[str, list[str]] = {identity: [] for identity in self.nodes}
        for node in self:
            for identity in dict.fromkeys(node.inputs):
                self._after[identity].append(node.identity)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, identity: str) -> Node:
        return self.nodes[identity]

    def after(self, identity: str) -> list[Node]:
        """The steps that take this one as an input."""
        return [self.nodes[other] for other in self._after[identity]]

    def trainings_after(self) -> dict[str, int]:
        """How many steps that make checkpoints follow each step, one waiting for the other."""
        found: dict[str, int] = {}
        for node in reversed(self.nodes.values()):
            later = (self.nodes[other] for other in self._after[node.identity])
            behind = (found[o.identity] + isinstance(o.step, CheckpointStep) for o in later)
            found[node.identity] = max(behind, default=0)
        return found

    def blocked(self, waiting: Collection[str], failed: Collection[str]) -> set[str]:
        """Those of the ``waiting`` steps that need, directly or not, one that ``failed``."""
        found: set[str] = set()
        for node in self:
            if node.identity in waiting and any(i in failed or i in found for i in node.inputs):
                found.add(node.identity)
        return found

    def _add(self, step: Step) -> Node:
        if id(step) in self._known:
            return self._known[id(step)]
        inputs = tuple(self._add(part).identity for part in step.inputs())
        identity = step.identity()
        if identity not in self.nodes:
            name = folder_of(step.slug, identity)
            self.nodes[identity] = Node(step, identity, name, inputs, len(self.nodes))
        self._known[id(step)] = self.nodes[identity]
        return self.nodes[identity]
