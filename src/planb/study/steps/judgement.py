"""A further judge as a step: a finished evaluation -> a log with its scores."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.judging import Judge
from planb.judging.label_logits import LabelLogits
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.evaluation import LOG, EvaluationStep, publish_log
from planb.study.steps.judge_model import served
from planb.study.steps.judge_readiness import check_judge
from planb.study.steps.served import needs_gpu, serve
from planb.study.steps.step import Step, Work, slug_of


class JudgementStep(Step):
    """A finished evaluation judged by another judge: a log of its own, and no policy is run. ``model``
    is the step that trained the judge, if a step did."""

    kind: ClassVar[str] = "judgement"
    evaluation: EvaluationStep
    judge: SerializeAsAny[Judge]
    model: SerializeAsAny[CheckpointStep] | None = None
    served: dict[str, SerializeAsAny[CheckpointStep]] = Field(default_factory=dict)

    @property
    def slug(self) -> str:
        return slug_of(self.evaluation.slug, "by", self.judge.title)

    @property
    def seed_rank(self) -> int:
        return self.evaluation.seed_rank

    @property
    def gpus(self) -> int:
        """One for a judge that is a local model, or that planb serves; none for one behind an API."""
        return int(isinstance(self.judge, LabelLogits) or needs_gpu(self.served))

    @property
    def cost(self) -> float:
        return 6.0

    def check(self) -> None:
        """That the judge can judge; one that a step trains is not there yet."""
        if self.model is None:
            check_judge(self.judge, self.served)

    def run(self, work: Work) -> None:
        from planb.evals.rejudge import rejudge
        from planb.evals.sidecar import write_sidecar

        serve(self.served, work)
        log, judge = work.folder(self.evaluation) / LOG, served(self.judge, self.model, work)
        rejudge(log, judge, work.out / LOG, lambda done, total: work.progress(done, total, ""))
        write_sidecar(work.out / LOG)

    def publish(self, out: Path, study_folder: Path) -> None:
        publish_log(out, study_folder, self.folder_name)
