"""The judge's scores of the safety-training data, tier by tier."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.judging import Judge
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.data_files import harmful_and_harmless
from planb.study.steps.judge_readiness import check_judge
from planb.study.steps.served import serve
from planb.study.steps.step import Step, Work

TIERS = "tiers.parquet"


class TierScoresStep(Step):
    """The judge's scores of the safety-training data, tier by tier."""

    kind: ClassVar[str] = "tiers"
    data: SerializeAsAny[Step]
    judge: SerializeAsAny[Judge]
    served: dict[str, SerializeAsAny[CheckpointStep]] = Field(default_factory=dict)

    def check(self) -> None:
        check_judge(self.judge, self.served)

    def run(self, work: Work) -> None:
        serve(self.served, work)
        from planb.evals.tiers import score_tiers

        harmful, _ = harmful_and_harmless(work.folder(self.data), "safety")
        score_tiers(harmful, self.judge).to_parquet(work.out / TIERS)
