"""Tasks that are not planb's own, plain Inspect tasks too: tried before step 1 if they can be."""

from __future__ import annotations

import inspect
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planb.data.files import write_examples
from planb.elicitation import Elicitation
from planb.elicitation.direct import Direct
from planb.errors import PlanBError
from planb.study.steps.asked_now import asked_now
from planb.study.steps.judge_readiness import note, seen
from planb.study.steps.step import Step
from planb.types import Example

if TYPE_CHECKING:
    from inspect_ai import Task

    from planb.study.steps.evaluation import EvaluationStep


def check_own_task(step: EvaluationStep) -> None:
    """A task that is not planb's own has a name of its own, takes what it is given and needs no more;
    where its data are there already, it is made once of them."""
    from planb.evals.tasks import ALL_TASKS

    asked = step.evaluation
    if asked.is_planbs:
        return
    if asked.called in ALL_TASKS.own:
        raise PlanBError(f"the task {asked.task} has the name of one of planb's: rename the function")
    given = ["data", "elicitation", *(["judge"] if step.takes_judge else [])]
    known = inspect.signature(asked.made_by).parameters
    if missing := [name for name in given if name not in known]:
        raise PlanBError(
            f"the task {asked.task} takes no {', '.join(missing)}: its arguments must begin with "
            f"{', '.join(given)} (planb.evals.tasks.requests and .benchmark make such tasks)"
        )
    if more := [
        name for name in known if _needed(known[name]) and name not in {*given, *asked.options}
    ]:
        raise PlanBError(
            f"the task {asked.task} needs {', '.join(more)}, which nothing gives it: name a value in "
            "the evaluation's `options`, or give the argument a default"
        )
    if step.judge is not None and "judge" in {*known} - {*given} - {*asked.options}:
        raise PlanBError(
            f"the task {asked.task} takes a judge, and would not be given the study's, since its "
            f"measures say by='{asked.measured.by}': say by='judges', or name its judge in the "
            "evaluation's `options`"
        )
    _try(step)


def tried_later(steps: Iterable[Step]) -> list[str]:
    """The tasks among the steps that can only be made when the data that they read are there."""
    from planb.study.steps.evaluation import EvaluationStep

    asked = {one.evaluation.task: one for one in steps if isinstance(one, EvaluationStep)}
    own = {name: one for name, one in asked.items() if not one.evaluation.is_planbs}
    return [name for name, one in own.items() if _data_now(one) is None]


def about(task: Task, how: Elicitation) -> dict[str, Any]:
    """What a log says of a plain Inspect task, which does not say it itself."""
    from planb.evals.record import scorers_of

    scorer = ", ".join(name for name, _ in scorers_of(task))
    return {
        "elicitation": how.title,
        "elicitation_roles": list(how.roles),
        "multi_turn": how.multi_turn,
        "judge": scorer,
        "judge_identity": {"judge": scorer},
    }


def made_once(step: EvaluationStep, given: dict[str, Any]) -> None:
    """Make the task. Raises PlanBError, also where a task of the user's own fails or makes none, or one
    whose answers no table could hold."""
    from inspect_ai import Task

    name = step.evaluation.task
    try:
        made = step.evaluation.made_by(**given)
    except PlanBError:
        raise
    except Exception as error:
        raise PlanBError(f"the task {name} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(made, Task):
        raise PlanBError(f"the task {name} makes a {type(made).__name__}: it must return a Task")
    if wrong := _unfit(step, made):
        raise PlanBError(f"the task {name} {wrong}")


def reads_now(how: Elicitation) -> bool:
    """Whether the files that the elicitation names are there already."""
    files = [value for _, value in how if isinstance(value, str) and value.endswith(".jsonl")]
    return all(Path(file).is_file() for file in files)


def _unfit(step: EvaluationStep, made: Task) -> str:
    """Why the task could be run and not be shown in a table; "" where it can."""
    from planb.evals.record import scorers_of
    from planb.judging.scorer import EXAMPLE

    scorers, samples = [name for name, _ in scorers_of(made)], list(made.dataset)
    ids = Counter(sample.id for sample in samples)
    if not samples:
        return "has no samples"
    if len(scorers) != 1:
        return f"has {len(scorers)} scorers ({', '.join(scorers)}): planb's tables hold one"
    if None in ids:
        return "has samples without an id: give each its own (Sample(id=...), or auto_id=True)"
    if (most := ids.most_common(1)[0])[1] > 1:
        return f"has {most[1]} samples with the id {most[0]!r}: give each its own"
    if step.takes_judge and any(EXAMPLE not in (sample.metadata or {}) for sample in samples):
        return (
            "says by='judges', and its samples hold no example for a judge to read: make it with "
            "requests_task (planb.evals.tasks.requests)"
        )
    return ""


def _needed(one: inspect.Parameter) -> bool:
    variable = one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    return one.default is one.empty and not variable


def _data_now(step: EvaluationStep) -> list[Example] | str | None:
    """The data of a task as far as they are there before step 1: the study's own requests, or a file;
    None where they are not, or would have to be fetched."""
    asked = step.evaluation
    if asked.file:
        return asked.file if Path(asked.file).is_file() else None
    if not step.reads_benchmark:
        return asked_now(step.data, asked.split)
    own = inspect.signature(asked.made_by).parameters["data"].default
    return own if isinstance(own, str) and Path(own).is_file() else None


def _try(step: EvaluationStep) -> None:
    """Make the task of these data, once for all checkpoints that it evaluates."""
    asked, how = step.evaluation, step.elicitation
    judge = {"judge": step.judge.spec()} if step.judge and step.takes_judge else {}
    asks = (how if reads_now(how) else Direct()).spec()
    given = {"elicitation": asks, **judge, **asked.options}
    what = (asked.task, asked.file, asked.split, given, step.data.identity())
    if seen(*what) or (data := _data_now(step)) is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        file = data if isinstance(data, str) else str(Path(folder) / f"{asked.split}.jsonl")
        if not isinstance(data, str):
            write_examples(Path(file), data)
        made_once(step, {"data": file, **given})
    note(*what)
