"""Tasks that are not planb's own: that they can be made is tried before step 1."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planb.data.files import write_examples
from planb.errors import PlanBError
from planb.study.steps.file_data import FileDataStep

if TYPE_CHECKING:
    from planb.study.steps.evaluation import EvaluationStep


def check_own_task(step: EvaluationStep) -> None:
    """A task that is not planb's own has a name of its own, takes what it is given and needs no more;
    where the study's examples are there already, it is made once of them."""
    from planb.evals.tasks import ALL_TASKS

    asked = step.evaluation
    if asked.task in ALL_TASKS.own:
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
    if isinstance(step.data, FileDataStep) and not (asked.file or step.reads_benchmark or step.files):
        _try(step, step.data)


def made_once(step: EvaluationStep, task: Callable[..., Any], given: dict[str, Any]) -> None:
    """Make the task. Raises PlanBError, also where a task of the user's own fails or makes none."""
    from inspect_ai import Task

    name = step.evaluation.task
    try:
        made = task(**given)
    except PlanBError:
        raise
    except Exception as error:
        raise PlanBError(f"the task {name} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(made, Task):
        raise PlanBError(f"the task {name} makes a {type(made).__name__}: it must return a Task")


def _needed(one: inspect.Parameter) -> bool:
    variable = one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    return one.default is one.empty and not variable


def _try(step: EvaluationStep, data: FileDataStep) -> None:
    asked, judge = step.evaluation, {}
    if step.judge and step.takes_judge:
        judge = {"judge": step.judge.spec()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{asked.split}.jsonl"
        write_examples(file, data.examples(asked.split))
        given = {"data": str(file), "elicitation": step.elicitation.spec(), **judge, **asked.options}
        made_once(step, asked.made_by, given)
