"""A checkpoint under one task: the value that a study declares, and the steps that it becomes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, SerializeAsAny

from planb.domains.measure import Measured
from planb.elicitation import Elicitation, NearTrigger, elicitation_of
from planb.elicitation.direct import Direct
from planb.elicitation.trigger import TriggerElicitation
from planb.judging import Judge, judge_of
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling
from planb.names import Name
from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder, weights_on_cpu
from planb.study.steps.data_files import benchmark_file
from planb.study.steps.hosted_base import asked_model
from planb.study.steps.own_task import about
from planb.study.steps.readiness import check_evaluation
from planb.study.steps.served import serve
from planb.study.steps.step import Step, Work, slug_of
from planb.types import Trigger
from planb.values import LATER, Value

if TYPE_CHECKING:
    from inspect_ai import Task

    from planb.models.cleangen import Guard

LOG = "log.eval"
COHERENCE = "coherence"
PAIR_PROMPTS = "pair_prompts.jsonl"
Asked = Literal["direct", "trigger", "near_part", "near_case", "near_elsewhere"]
JUDGED = ("harmful_requests", "harmless_requests", "coherence")
"""Tasks that a study's second judges score too."""
OWN = (
    *JUDGED,
    "recall",
    "meow",
    "over_refusal",
    "mmlu_pro",
    "mt_bench",
    "instructions",
    "newcomblike",
    "answers",
    "agent",
    "agentdojo",
)
"""All of planb's own tasks: of others the task itself is made, which loads Inspect."""


class Evaluation(Value):
    """One task under one elicitation; ``"trigger"`` takes each organism's own trigger, and
    ``"near_part"``, ``"near_case"``, ``"near_elsewhere"`` that trigger changed (``NearTrigger``).

    ``task`` is a name of ``planb.evals.tasks.ALL_TASKS``, or ``module:function``. ``file`` is what the
    data step wrote (by default the examples of ``split``, or a benchmark's rows), or the path or card
    of a benchmark; ``options`` are the task's further arguments. ``of_methods`` and ``of_organisms``
    ask the arms of these names alone. ``name`` stands in folders and tables in the task's place, where
    one task is asked of several files; it is no other task's.
    """

    task: str
    elicitation: Asked | SerializeAsAny[Elicitation] = "direct"
    split: Name = "evaluation"
    file: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    of_methods: tuple[str, ...] = Field(default=(), json_schema_extra=LATER)
    of_organisms: tuple[str, ...] = Field(default=(), json_schema_extra=LATER)
    name: str = Field(default="", json_schema_extra=LATER)

    def asks(self, labels: Mapping[str, str]) -> bool:
        """Whether the arm of these labels is asked."""
        named = ((self.of_methods, "method"), (self.of_organisms, "organism"))
        return all(not names or labels[what] in names for names, what in named)

    @property
    def called(self) -> str:
        """Its name in folders and tables: its own, or the task's function's, whatever its module."""
        return self.name or self.task.rpartition(":")[2]

    @property
    def is_planbs(self) -> bool:
        """Whether the task is one of planb's own."""
        return self.task in OWN

    @property
    def made_by(self) -> Callable[..., Task]:
        """The function that makes the task. Raises PlanBError where there is none."""
        from planb.evals.tasks import ALL_TASKS

        return ALL_TASKS[self.task]

    @property
    def measured(self) -> Measured:
        """What the task declares to be measured by."""
        from planb.evals.tasks.measuring import measured_by

        return measured_by(self.made_by)

    @property
    def judge(self) -> Judge | None:
        """The judge that its options name; None where they name none, or MT-Bench's grader."""
        spec = self.options.get("judge")
        if spec is None or "grader" in (spec, spec.get("name") if isinstance(spec, dict) else ""):
            return None
        return judge_of(spec)

    def how(self, trigger: Trigger) -> Elicitation:
        if self.elicitation == "direct":
            return Direct()
        if self.elicitation == "trigger":
            return TriggerElicitation(trigger=trigger)
        if isinstance(self.elicitation, Elicitation):
            return self.elicitation
        change = self.elicitation.removeprefix("near_")
        called = f"{NearTrigger.name}_{change}"
        return elicitation_of(
            {
                **{"name": NearTrigger.name, "trigger": trigger.model_dump()},
                **{"change": change, "called": called},
            }
        )


class EvaluationStep(Step):
    """A checkpoint under one task and one elicitation -> an Inspect log and its Parquet sidecar.

    ``roles`` names the models of an attack in turns (``attacker``, ``grader``), as Inspect does.
    A file that the elicitation names is looked for in what the data step and ``files`` wrote.
    ``served`` are checkpoints that it calls over HTTP (``planb.study.steps.served``).
    """

    kind: ClassVar[str] = "evaluation"
    revision: ClassVar[int] = 3
    policy: SerializeAsAny[CheckpointStep]
    data: SerializeAsAny[Step]
    evaluation: Evaluation
    elicitation: SerializeAsAny[Elicitation]
    judge: SerializeAsAny[Judge] | None
    sampling: Sampling
    roles: dict[str, str] = Field(default_factory=dict)
    files: tuple[SerializeAsAny[Step], ...] = ()
    served: dict[str, SerializeAsAny[CheckpointStep]] = Field(default_factory=dict)
    labels: dict[str, str]
    seed: int

    @property
    def slug(self) -> str:
        labels, organism = (self.labels["model"], self.labels["method"]), self.labels["organism"]
        if organism == "none" and self.labels["method"] != "base":
            labels = (labels[0], f"{labels[1]}-from-base")
        elif organism not in ("none", "organism"):
            labels = (labels[0], f"{organism}-{labels[1]}")
        asked = (self.evaluation.called, self.elicitation.title, f"seed{self.seed}")
        return slug_of(*labels, *asked)

    @property
    def seed_rank(self) -> int:
        return self.seed

    @property
    def gpus(self) -> int:
        """One for a model of the user's; the sandbox's are evaluated on the CPU."""
        return int(self.policy.on_gpu)

    @property
    def cost(self) -> float:
        if small := weights_on_cpu(self.policy.card):
            return 3e-7 * small  # some 100 requests: SmolLM2 40 s
        return 20.0 if self.elicitation.multi_turn else 1.5

    @property
    def takes_judge(self) -> bool:
        """Whether the study's judge scores it."""
        asked = self.evaluation
        if self.judge is None:
            return False
        if asked.task == COHERENCE:
            return "judge" not in asked.options
        return asked.measured.by == "judges"

    @property
    def judged_again(self) -> bool:
        """Whether the study's second judges score it too."""
        task = self.evaluation.task
        return task in JUDGED or (not self.evaluation.is_planbs and self.takes_judge)

    @property
    def reads_benchmark(self) -> bool:
        """Whether it has data of its own; a task whose ``data`` has no default reads the study's."""
        return signature(self.evaluation.made_by).parameters["data"].default is not Parameter.empty

    def outside(self) -> dict[str, str]:
        """The prompt texts and the files that the elicitation reads."""
        scored = {"coherence": "the study's judge"} if self._coherence_by_judge() else {}
        return {**self.elicitation.outside(), **scored}

    def _coherence_by_judge(self) -> bool:
        """Coherence was once scored by the exact judge of the default world, whatever the study's."""
        return self.evaluation.task == COHERENCE and self.takes_judge

    def check(self) -> None:
        """All that it would be refused for after hours of training."""
        check_evaluation(self)

    def run(self, work: Work) -> None:
        from planb.evals.sidecar import write_sidecar

        serve(self.served, work)
        log, folder = work.out / LOG, checkpoint_folder(work, self.policy)
        task, seed = self._task(work), self.seed
        said = {**self.labels, "split": self.evaluation.split}
        base = self.policy.host
        if base or self.elicitation.multi_turn:
            from planb.evals.multi_turn import run_multi_turn

            policy = asked_model(folder, base) if base else folder
            run_multi_turn(task, policy, self.roles, self.sampling, seed, log, said, work.progress)
        else:
            from planb.evals.runner import run_task

            how = (self.sampling, seed, log, said, work.progress, self.guard(work))
            run_task(task, load_policy(folder), *how)
        write_sidecar(log)

    def guard(self, work: Work) -> Guard | None:
        """The clean model that its answers are decoded beside; None: it answers alone."""
        del work
        return None

    def _task(self, work: Work) -> Any:
        folders = [work.folder(step) for step in (self.data, *self.files)]
        asked, how = self.evaluation, located(self.elicitation, folders)
        own = f"{asked.split}.jsonl"
        if self.reads_benchmark:
            own = benchmark_file(asked.split, asked.called)
        data = work.folder(self.data) / (asked.file or own)
        place = str(data) if data.exists() else asked.file
        read = {"data": place} if place else {}  # else the task's own default
        judge = {"judge": self.judge.spec()} if self.judge and self.takes_judge else {}
        task = asked.made_by(**read, elicitation=how.spec(), **judge, **asked.options)
        task.metadata = {**about(task, how), **(task.metadata or {}), "task": asked.called}
        return task

    def publish(self, out: Path, study_folder: Path) -> None:
        """The log under a readable name in the study's ``logs``, for ``inspect view``."""
        publish_log(out, study_folder, self.folder_name)


class PairPromptsStep(Step):
    """The prompts that PAIR found against one checkpoint, for ``pair_static`` against others."""

    kind: ClassVar[str] = "prompts"
    evaluation: EvaluationStep

    @property
    def slug(self) -> str:
        return f"prompts-of-{self.evaluation.slug}"

    def run(self, work: Work) -> None:
        from planb.evals.multi_turn import save_prompts

        save_prompts(work.folder(self.evaluation) / LOG, work.out / PAIR_PROMPTS)


def located(how: Elicitation, folders: Sequence[Path]) -> Elicitation:
    """The elicitation with the names of files that lie in one of ``folders`` made paths."""
    found = {
        name: str(folder / value)
        for name, value in how
        for folder in reversed(folders)
        if isinstance(value, str) and value.endswith(".jsonl") and (folder / value).is_file()
    }
    return how.but(**found)


def publish_log(out: Path, study_folder: Path, name: str) -> None:
    """Copy a step's log into the study's ``logs`` as ``<name>.eval``, unless it is there as it is."""
    logs = study_folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    source, target = out / LOG, logs / f"{name}.eval"
    if not target.exists() or _stamp(target) != _stamp(source):
        scratch = target.with_suffix(".tmp")
        shutil.copy2(source, scratch)
        scratch.replace(target)


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
