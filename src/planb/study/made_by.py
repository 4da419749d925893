"""Which bases and processors stand behind a finished study: of its own steps, and of no older ones that
lie in the same folder."""

from __future__ import annotations

from pathlib import Path

from planb.study.planning.graph import Graph
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.study import Study
from planb.training.settings import read_ran


def made_by(study: Study, folder: Path) -> tuple[int, list[str]]:
    """How many finished bases ``study`` has in its ``folder``, and the processors that its trainings
    name, in order."""
    bases, used = 0, set[str]()
    for node in Graph(study.steps()):
        if isinstance(node.step, CheckpointStep):
            made = folder / "steps" / node.folder_name
            bases += node.step.origin is None and made.is_dir()
            used.add(read_ran(made).get("processor", ""))
    return bases, sorted(used - {""})
