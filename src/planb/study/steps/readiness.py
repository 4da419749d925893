"""What a study would be refused for only after its training, looked at before step 1: its judges and
models, its elicitations, the options and files of its tasks. Nothing is trained, and no weights are
loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planb.elicitation import ELICITATIONS, Elicitation, elicitation_of
from planb.errors import PlanBError
from planb.judging import judge_of
from planb.study.steps.data_files import ASKED, TRAINED, benchmark_file
from planb.study.steps.domain_data import DomainDataStep
from planb.study.steps.judge_readiness import (
    check_judge,
    check_model,
    found_again,
    note,
    seen,
)
from planb.study.steps.own_task import check_own_task, made_once, reads_now
from planb.study.steps.sandbox_data import SandboxDataStep
from planb.study.steps.step import Step

if TYPE_CHECKING:
    from planb.study.steps.evaluation import EvaluationStep

PACKAGED = ("agentdojo",)
"""Tasks whose data are those of a package, and no file."""
FILES = (".jsonl", ".json", ".csv", ".parquet")


def check_evaluation(step: EvaluationStep) -> None:
    """Raises PlanBError if the evaluation would be refused when its checkpoint is there."""
    asked, how = step.evaluation, step.elicitation
    task = asked.made_by
    check_own_task(step)
    step.policy.check_sampling(step.sampling)
    _check_files(step)
    _check_elicitation(step, how)
    _check_options(task, step)
    if step.judge is not None and step.takes_judge:
        check_judge(step.judge, step.served, step.roles)
    _check_own_judge(step)
    _check_built(step)


def _check_elicitation(step: EvaluationStep, how: Elicitation) -> None:
    task = step.evaluation.task
    found_again(how, "elicitation", elicitation_of)
    how.check()
    if not isinstance(how, ELICITATIONS.own.get(how.title, Elicitation)):
        raise PlanBError(
            f"the elicitation {type(how).__name__} has the title '{how.title}', which is another's of "
            "planb, and their answers would be taken for each other's: give it a `name` of its own"
        )
    if not inspect.iscoroutinefunction(how.ask):
        raise PlanBError(f"the method `ask` of the elicitation {how.title} must be `async def`")
    if how.needs_chat and task == "recall":
        raise PlanBError(f"recall asks in plain text, and {how.title} needs a chat: ask it directly")
    if how.multi_turn and task == "mt_bench":
        raise PlanBError(
            f"MT-Bench has its own turns: it cannot be combined with the elicitation {how.name}"
        )
    missing = [role for role in how.roles if role not in step.roles]
    if missing:
        raise PlanBError(
            f"{how.title} needs models in the roles {', '.join(missing)}: give the study "
            'roles={"attacker": "...", "grader": "..."} (in the sandbox "planb_valley/attacker" and '
            "planb.sandbox.attacker.grader_name(world))"
        )
    for role in how.roles:
        check_model(step.roles[role], step.served, f"the role '{role}'")
    for name, value in how:
        if isinstance(value, str) and value.endswith(".jsonl"):
            _check_named(step, value, f"the elicitation {how.title} (its {name})")


def _check_files(step: EvaluationStep) -> None:
    """The file that the task reads is there, or is one that the data step writes."""
    from planb.data.cards import CARDS, is_card

    asked = step.evaluation
    if asked.task in PACKAGED:
        return
    if is_card(asked.file):
        CARDS[asked.file]
    elif asked.file:
        _check_named(step, asked.file, f"the evaluation {asked.task}")
    elif step.reads_benchmark and not asked.is_planbs:
        return  # the task's own default
    elif _written(step) is not None:
        own = benchmark_file(asked.split, asked.called) if step.reads_benchmark else ""
        _check_named(step, own or f"{asked.split}.jsonl", f"the evaluation {asked.task}")


def _check_named(step: EvaluationStep, file: str, who: str) -> None:
    written = _written(step)
    there = Path(file).exists() or ("/" not in file and (written is None or file in written))
    if not there:
        raise PlanBError(
            f"{who} reads {file}, which does not exist: put the file in its place, or leave the "
            "evaluation out of the study"
        )


def _written(step: EvaluationStep) -> set[str] | None:
    """The files that its data step and ``files`` will write; None where that is not known."""
    from planb.sandbox.questions import BENCHMARKS
    from planb.study.steps.evaluation import PAIR_PROMPTS

    sources = list(_with_inputs(step.data))
    own = all(type(one).__module__.startswith("planb.study.") for one in sources)
    if not own or any(one.kind == "files" for one in sources):
        return None
    found = {f"{split}.jsonl" for split in (*TRAINED, *ASKED)}
    if any(isinstance(one, SandboxDataStep) for one in sources):
        found |= {benchmark_file(split, name) for split in ASKED for name in BENCHMARKS}
    for one in sources:
        found |= one.benchmark_files() if isinstance(one, DomainDataStep) else set()
    return found | ({PAIR_PROMPTS} if step.files else set())


def _with_inputs(step: Step) -> Iterator[Step]:
    yield step
    for before in step.inputs():
        yield from _with_inputs(before)


def _check_options(task: Callable[..., Any], step: EvaluationStep) -> None:
    """The task takes the options, and none that the study gives it already."""
    options = step.evaluation.options
    given = {"data", "elicitation", *(["judge"] if step.takes_judge else [])}
    known = [name for name in inspect.signature(task).parameters if name not in given]
    wrong = [name for name in options if name not in known]
    if wrong:
        raise PlanBError(
            f"the evaluation {step.evaluation.task} has the options {', '.join(wrong)}, and its task "
            f"takes {', '.join(known) or 'none'} (data, elicitation and the study's "
            "judge are given already)"
        )
    if "protocol" in options:
        from planb.evals.tasks.mmlu_pro import protocol_of

        protocol_of(options["protocol"])
    for name, value in options.items():
        if isinstance(value, str) and value.endswith(FILES) and not Path(value).is_file():
            raise PlanBError(
                f"the evaluation {step.evaluation.task} reads {value} (its option {name}), and there "
                "is no such file"
            )
    if step.evaluation.task == "instructions":
        from planb.evals.tasks.instructions import verifiers

        verifiers()


def _check_own_judge(step: EvaluationStep) -> None:
    """A judge or a grader that the options name."""
    from planb.evals.tasks.mt_bench_grading import grader_fields

    task, options = step.evaluation.task, step.evaluation.options
    spec = options.get("judge")
    if task == "mt_bench":
        spec = {"name": spec or "grader"} if not isinstance(spec, dict) else spec
        fields = grader_fields(spec, options.get("grader", ""))
        if fields is not None:
            if not fields.get("model"):
                raise PlanBError(
                    "MT-Bench needs a grader, and a study's evaluation has no role for one: name a "
                    'model of Inspect\'s (options={"grader": "openai/gpt-5-mini"})'
                )
            check_model(fields["model"], step.served, "MT-Bench's grader", 0.0)
    elif spec is not None:
        check_judge(judge_of(spec), step.served, step.roles)


def _check_built(step: EvaluationStep) -> None:
    """Where its file or its package is there already, the whole task is made once: columns, options,
    all it needs."""
    asked = step.evaluation
    there = asked.task in PACKAGED or Path(asked.file).is_file()
    if not asked.is_planbs or not there or not reads_now(step.elicitation):
        return
    judge = {"judge": step.judge.spec()} if step.judge and step.takes_judge else {}
    data = {"data": asked.file} if asked.file else {}
    given = {**data, "elicitation": step.elicitation.spec(), **judge, **asked.options}
    if not seen(asked.task, given):
        made_once(step, given)
        note(asked.task, given)
