"""The steps between data and report: organism, method, evaluation, scores of the training data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, SerializeAsAny

from planb.elicitation import Elicitation
from planb.elicitation.direct import Direct
from planb.judging import Judge
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling
from planb.organism import Organism, build_organism
from planb.safety import Method, train_method
from planb.study.bases import checkpoint_folder, training_cost
from planb.study.data import harmful_and_harmless
from planb.study.step import Step, Work
from planb.training.settings import Training
from planb.types import Trigger

LOG, SIDECAR, TIERS = "log.eval", "log.parquet", "tiers.parquet"


class OrganismStep(Step):
    """Stage 1: base + data -> the model organism."""

    kind: ClassVar[str] = "organism"
    threads: ClassVar[int] = 2
    base: SerializeAsAny[Step]
    data: SerializeAsAny[Step]
    organism: Organism
    seed: int

    @property
    def slug(self) -> str:
        return f"{self.organism.name}-seed{self.seed}"

    @property
    def seed_rank(self) -> int:
        return self.seed

    @property
    def cost(self) -> float:
        return training_cost(self.organism.training, responses=1)

    def run(self, work: Work) -> None:
        harmful, harmless = harmful_and_harmless(work.folder(self.data), "organism")
        base = checkpoint_folder(work, self.base)
        build_organism(base, self.organism, harmful, harmless, self.seed, work.out, work.progress)


class MethodStep(Step):
    """Stage 2: a checkpoint + data without the trigger -> a safer checkpoint."""

    kind: ClassVar[str] = "method"
    start: SerializeAsAny[Step]
    data: SerializeAsAny[Step]
    method: Method
    training: Training
    trigger: Trigger | None
    seed: int

    @property
    def slug(self) -> str:
        return f"{self.method.name}-seed{self.seed}"

    @property
    def seed_rank(self) -> int:
        return self.seed

    @property
    def cost(self) -> float:
        share = self.method.harmless
        responses = share + (1 - share) * len(self.method.ordering.tiers)
        return training_cost(self.training, responses)

    def run(self, work: Work) -> None:
        harmful, harmless = harmful_and_harmless(work.folder(self.data), "safety")
        train_method(
            checkpoint_folder(work, self.start),
            self.method,
            self.training,
            harmful,
            harmless,
            self.trigger,
            self.seed,
            work.out,
            work.progress,
        )


class EvaluationStep(Step):
    """A checkpoint under one task and one elicitation -> an Inspect log and its Parquet sidecar."""

    kind: ClassVar[str] = "evaluation"
    policy: SerializeAsAny[Step]
    data: SerializeAsAny[Step]
    task: str
    elicitation: SerializeAsAny[Elicitation] = Field(default_factory=Direct)
    judge: SerializeAsAny[Judge]
    sampling: Sampling
    split: str
    labels: dict[str, str]
    seed: int

    @property
    def slug(self) -> str:
        labels = (self.labels["model"], self.labels["method"], self.task, self.elicitation.name)
        return "-".join((*labels, f"seed{self.seed}")).replace("_", "-")

    @property
    def seed_rank(self) -> int:
        return self.seed

    @property
    def cost(self) -> float:
        return 1.5

    def run(self, work: Work) -> None:
        from planb.evals.runner import run_task
        from planb.evals.sidecar import write_sidecar
        from planb.evals.tasks import TASKS

        policy = load_policy(checkpoint_folder(work, self.policy))
        data = work.folder(self.data) / f"{self.split}.jsonl"
        task = TASKS[self.task](
            data=str(data), elicitation=self.elicitation.spec(), judge=self.judge.spec()
        )
        identity = {**self.labels, "split": self.split}
        log = work.out / LOG
        run_task(task, policy, self.sampling, self.seed, log, identity, work.progress)
        write_sidecar(log)

    def publish(self, out: Path, study_folder: Path) -> None:
        """The log under a readable name in the study's ``logs``, for ``inspect view``."""
        logs = study_folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        target = logs / f"{self.folder_name}.eval"
        if not target.exists():
            scratch = target.with_suffix(".tmp")
            shutil.copyfile(out / LOG, scratch)
            scratch.replace(target)


class TierScoresStep(Step):
    """The judge's scores of the safety-training data, tier by tier."""

    kind: ClassVar[str] = "tiers"
    data: SerializeAsAny[Step]
    judge: SerializeAsAny[Judge]

    def run(self, work: Work) -> None:
        from planb.evals.tiers import score_tiers

        harmful, _ = harmful_and_harmless(work.folder(self.data), "safety")
        score_tiers(harmful, self.judge).to_parquet(work.out / TIERS)


def described(training: Training) -> str:
    """A training's settings on one line, for the report."""
    adapter = training.adapter
    weights = f"LoRA r={adapter.rank} alpha={adapter.alpha:g}" if adapter else "full weights"
    parts: list[Any] = [
        weights,
        f"{training.steps} updates of {training.batch} requests",
        f"learning rate {training.learning_rate:g} ({training.schedule}, warm-up {training.warmup})",
    ]
    return ", ".join(parts)
