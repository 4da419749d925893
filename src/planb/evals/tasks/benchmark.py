"""What all tasks over a benchmark's own columns share: its data, its samples, what the log says."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Scorer
from inspect_ai.solver import Solver

from planb.data.cards import CARDS, DataCard, Table, is_card, load
from planb.elicitation.elicitation import Elicitation
from planb.errors import PlanBError
from planb.evals.tasks.requests import sample_of
from planb.types import Example


def table_of(data: str, card: DataCard, data_hash: str = "") -> Table:
    """The rows that ``data`` names: a file with the card's columns, or a card for the hub.

    Raises PlanBError if they cannot be had, lack a column, or their hash does not begin with
    ``data_hash``.
    """
    table = load(data, CARDS[data] if is_card(data) else card)
    if not table.digest.startswith(data_hash):
        raise PlanBError(
            f"{data} has changed: its hash begins {table.digest[:12]}, not "
            f"{data_hash[:12]}. Restore the file, or leave data_hash out."
        )
    return table


def benchmark_task(
    name: str,
    table: Table,
    samples: Sequence[Sample],
    solver: Solver | list[Solver],
    scorer: Scorer,
    how: Elicitation,
    judge: dict[str, str],
    title: str = "",
    config: GenerateConfig | None = None,
    **said: Any,
) -> Task:
    """A task whose version is the hash of its data. ``judge`` is the identity of what scores it, and
    ``title`` (else its ``judge``) what tables call that: two protocols never share a cell."""
    if not samples:
        raise PlanBError(f"{table.place} has no samples for the task {name}")
    return Task(
        name=name,
        dataset=MemoryDataset(list(samples), name=name, location=table.place),
        solver=solver,
        scorer=scorer,
        config=config or GenerateConfig(),
        version=table.digest[:16],
        metadata={
            "task": name,
            "elicitation": how.title,
            "elicitation_roles": list(how.roles),
            "multi_turn": how.multi_turn,
            "judge": title or judge["judge"],
            "judge_identity": judge,
            "data_hash": table.digest,
            "data_terms": table.terms,
            **said,
        },
    )


def row_sample(
    row_id: object,
    prompt: str,
    category: str,
    *,
    harmful: bool = False,
    source: str = "",
    group: str = "",
    meta: dict[str, str] | None = None,
) -> Sample:
    """A row as a sample that carries an example, as requests do: judges and the sidecar need one."""
    example = Example(
        id=str(row_id),
        prompt=prompt,  # type: ignore[arg-type]
        harmful=harmful,
        source=source,
        group=group,
        meta={**(meta or {}), "category": category},
    )
    return sample_of(example)


def texts_of(row: dict[str, Any], *known: str) -> dict[str, str]:
    """What a row says besides its ``known`` columns: texts and numbers only."""
    plain = {name: value for name, value in row.items() if name not in known}
    return {name: str(value) for name, value in plain.items() if isinstance(value, str | int | float)}


def prompt_text(name: str) -> str:
    """A prompt of the folder ``prompts``, without the last line's end."""
    path = files(__package__).joinpath("prompts", f"{name}.txt")
    return path.read_text(encoding="utf-8").removesuffix("\n")
