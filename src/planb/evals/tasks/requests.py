"""What all tasks over requests share: samples made of examples, an elicitation, a judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample

from planb.data.files import file_hash, read_examples
from planb.elicitation import elicitation_of
from planb.elicitation.messages import to_chat
from planb.elicitation.solver import elicit
from planb.errors import PlanBError
from planb.judging import judge_of
from planb.judging.scorer import EXAMPLE, judged
from planb.types import Example


def requests_task(
    name: str,
    data: str,
    keep: Callable[[Example], bool],
    elicitation: str | dict[str, Any],
    judge: str | dict[str, Any],
    data_hash: str = "",
) -> Task:
    """A task over those examples of the file ``data`` that ``keep`` says.

    The file's hash is the task's version, which is part of what Inspect knows a task by: its own
    identity leaves the content of the data set out. Raises PlanBError if nothing is kept, or if the
    file's hash does not begin with ``data_hash``.
    """
    found = file_hash(data)
    if not found.startswith(data_hash):
        raise PlanBError(
            f"{data} has changed: its hash begins {found[:12]}, not "
            f"{data_hash[:12]}. Restore the file, or leave data_hash out."
        )
    examples = [example for example in read_examples(data) if keep(example)]
    if not examples:
        raise PlanBError(f"{data} has no samples for the task {name}")
    how, who = elicitation_of(elicitation), judge_of(judge)
    return Task(
        name=name,
        dataset=MemoryDataset([sample_of(example) for example in examples], name=name, location=data),
        solver=elicit(how.spec()),
        scorer=judged(who.spec()),
        version=found[:16],
        metadata={
            "task": name,
            "elicitation": how.title,
            "elicitation_roles": list(how.roles),
            "multi_turn": how.multi_turn,
            "judge": who.title,
            "judge_identity": who.identity(),
            "judge_error": who.error,
            "data_hash": found,
        },
    )


def sample_of(example: Example) -> Sample:
    """The example as an Inspect sample; the whole of it travels in the metadata, for the judge."""
    return Sample(
        id=example.id,
        input=to_chat(example.prompt),
        metadata={EXAMPLE: example.model_dump(mode="json")},
    )


def is_document(example: Example) -> bool:
    """Whether the prompt is plain text outside any chat."""
    return example.prompt[-1].role == "document"
