"""What a run would do, and how one ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from planb.study.planning.graph import Graph, Node
from planb.study.steps.step import Step, identities_once
from planb.study.store.backends import checked_url, opened
from planb.study.store.sharing import Others
from planb.study.store.store import DamagedError, Store

State = Literal["done", "running", "failed", "blocked", "partial", "to do", "damaged"]


@dataclass(frozen=True)
class Failure:
    """A step that failed: why in a line or two, and where the whole story is."""

    step: Step
    message: str
    log: Path | None


@dataclass(frozen=True)
class Outcome:
    """How a run ended. ``reused`` were finished before; ``blocked`` wait for one that failed."""

    ran: tuple[Step, ...]
    reused: tuple[Step, ...]
    failed: tuple[Failure, ...]
    blocked: tuple[Step, ...]
    interrupted: bool
    seconds: float

    @property
    def exit_code(self) -> int:
        return 130 if self.interrupted else int(bool(self.failed or self.blocked))


@identities_once()
def plan(
    final_steps: Sequence[Step],
    study_folder: Path,
    studies: Path | None = None,
    url: str = "",
    verify: bool = False,
) -> list[tuple[Step, State]]:
    """Every step with its state, inputs first. Reads only.

    ``verify`` reads every file of the finished steps and compares it with its checksum; without it
    those are read whose size or time is not what it was when they were compared last.
    """
    store = opened(study_folder / "steps", checked_url(url))
    graph = Graph(final_steps)
    here = store.touched(node.folder_name for node in graph)
    others = Others(store, None if url else studies)
    states: dict[str, State] = {}
    for node in graph:
        inputs = [states[i] for i in node.inputs]
        if node.folder_name in here:
            states[node.identity] = _state(store, node, inputs, others, verify)
        else:
            blocked = any(state in ("failed", "blocked") for state in inputs)
            done = bool(others.have(node.folder_name, node.step))
            states[node.identity] = "done" if done else "blocked" if blocked else "to do"
    return [(node.step, states[node.identity]) for node in graph]


def _state(store: Store, node: Node, inputs: Iterable[State], others: Others, verify: bool) -> State:
    """The state of a step of which anything is in the folder."""
    try:
        if verify and store.is_done(node.step):
            store.verify(node.step)
        if store.check(node.step):
            return "done"
    except DamagedError:
        return "damaged"
    if others.have(node.folder_name, node.step):
        return "done"
    if store.is_locked(node.step):
        return "running"
    if any(state in ("failed", "blocked") for state in inputs):
        return "blocked"
    if store.error(node.step):
        return "failed"
    return "partial" if store.partial(node.step).exists() else "to do"
