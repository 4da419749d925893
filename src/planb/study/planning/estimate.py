"""How long is left: the steps' own costs, put right by how long finished ones really took."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from planb.study.planning.graph import Graph, Node
from planb.study.steps.step import Step


class Resources(NamedTuple):
    """Cores and GPUs: all of an executor's, or those that one step takes."""

    cores: int
    gpus: int = 0


class Asks(NamedTuple):
    """What a step asks for: its ``cost`` a core, what it ``takes`` of this machine, the GPUs that it
    would have, and its turn among those that are ready."""

    cost: float
    takes: Resources
    gpus: int
    turn: tuple[int, int, str]


class Estimate:
    """Seconds of wall time a step will take, learnt as steps finish.

    A step's ``cost`` is in seconds on one core; the ratio of seconds to cost is measured for each
    kind of step, and the ratio over all kinds stands in where a kind has not been seen yet.
    """

    def __init__(self, graph: Graph, budget: int, gpus: int = 0) -> None:
        self.graph, self.budget, self.gpus = graph, budget, gpus
        self._seconds: dict[str, float] = defaultdict(float)
        self._costs: dict[str, float] = defaultdict(float)
        self._asked: dict[str, Asks] = {}

    def observe(self, node: Node, seconds: float) -> None:
        """A step of this kind took so long, from its beginning to its end."""
        self.learn(node.step.kind, seconds, self._cost(node))

    def learn(self, kind: str, seconds: float, cost: float) -> None:
        """Steps of this kind took so long, whose costs add up to ``cost``."""
        self._seconds[kind] += seconds
        self._costs[kind] += cost

    def knows(self, node: Node) -> bool:
        """Whether the figure means anything: costs are the sandbox's, and a model of the user's on a
        GPU is another matter until a step of the kind has been timed."""
        return self._asks(node).gpus == 0 or self._costs[node.step.kind] > 0

    def untimed(self, identities: Iterable[str]) -> int:
        """How many of these steps have no figure that means anything."""
        return sum(not self.knows(self.graph[identity]) for identity in identities)

    def seconds(self, node: Node) -> float:
        """How long this step will take from its beginning."""
        kind = node.step.kind
        if self._costs[kind] > 0:
            return self._cost(node) * self._seconds[kind] / self._costs[kind]
        if all_costs := sum(self._costs.values()):
            return self._cost(node) * sum(self._seconds.values()) / all_costs
        return self._cost(node)

    def left(self, node: Node, elapsed: float, fraction: float, since: tuple[float, float]) -> float:
        """Seconds left to a running step that is ``fraction`` through after ``elapsed`` seconds.

        ``since`` is (elapsed, fraction) when it first reported progress: a resumed step does not
        begin at 0, and loading takes its time before the first batch. NaN where it is not known.
        """
        if fraction - since[1] > 0.05:
            return (1 - fraction) * (elapsed - since[0]) / (fraction - since[1])
        if not self.knows(node):
            return math.nan
        whole = self.seconds(node)
        if fraction:
            return whole * (1 - fraction)
        return max(whole - elapsed, 0.1 * whole)

    def time_left(
        self, running: Mapping[str, float], waiting: Collection[str], untimed: Collection[str] = ()
    ) -> float:
        """Seconds until all is done, by playing the schedule through. Steps whose time is not known
        count nothing (nor do those ``untimed``): it is then the least.

        ``running``: identity -> seconds left. ``waiting``: identities of steps not yet begun.
        """
        open_inputs = {
            identity: len({i for i in self.graph[identity].inputs if i in running or i in waiting})
            for identity in waiting
        }
        ready = [self._turn(identity) for identity, count in open_inputs.items() if not count]
        heapq.heapify(ready)
        ends = [(left, identity) for identity, left in running.items()]
        heapq.heapify(ends)
        taken = [self._takes(identity) for identity in running]
        free_cores = self.budget - sum(one.cores for one in taken)
        free_gpus = self.gpus - sum(one.gpus for one in taken)
        clock = 0.0
        while ends or ready:
            while ready:
                takes = self._takes(ready[0][-1])
                if ends and (takes.cores > free_cores or takes.gpus > free_gpus):
                    break
                identity = heapq.heappop(ready)[-1]
                free_cores, free_gpus = free_cores - takes.cores, free_gpus - takes.gpus
                node = self.graph[identity]
                lasts = self.seconds(node) if self.knows(node) and identity not in untimed else 0.0
                heapq.heappush(ends, (clock + lasts, identity))
            clock, identity = heapq.heappop(ends)
            takes = self._takes(identity)
            free_cores, free_gpus = free_cores + takes.cores, free_gpus + takes.gpus
            for node in self.graph.after(identity):
                if node.identity in open_inputs:
                    open_inputs[node.identity] -= 1
                    if not open_inputs[node.identity]:
                        heapq.heappush(ready, self._turn(node.identity))
        return clock

    def _asks(self, node: Node) -> Asks:
        """What a step asks for. Every look at a run asks it of every step to come, and it is read
        off the card of the step's model: so once a step."""
        if node.identity not in self._asked:
            step = node.step
            self._asked[node.identity] = Asks(
                cost=max(step.cost, 1e-3) / max(step.threads, 1),
                takes=Resources(cores(step, self.budget), min(step.gpus, self.gpus)),
                gpus=step.gpus,
                turn=(step.seed_rank, node.place, node.identity),
            )
        return self._asked[node.identity]

    def _cost(self, node: Node) -> float:
        return self._asks(node).cost

    def _takes(self, identity: str) -> Resources:
        return self._asks(self.graph[identity]).takes

    def _turn(self, identity: str) -> tuple[int, int, str]:
        return self._asks(self.graph[identity]).turn


def cores(step: Step, budget: int) -> int:
    """How many cores of the budget a step takes."""
    return min(max(step.threads, 1), budget)
