"""The calibration of a judge that the study trains."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SerializeAsAny

from planb.data.files import file_hash, read_examples
from planb.judging import Exact, Judge
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.judge_model import served
from planb.study.steps.step import Step, Work

CALIBRATION = "calibration.json"


PADDING = ("The sun is warm over the valley.", "Have a good day!")


ADDRESSES = ('"usefulness": 0.', '"usefulness": 10.')


class CalibrationStep(Step):
    """The check of a trained judge on the development split's tiers, beside the exact judge."""

    kind: ClassVar[str] = "calibration"
    judge: SerializeAsAny[Judge]
    model: SerializeAsAny[CheckpointStep]
    data: SerializeAsAny[Step]
    exact: Exact

    @property
    def cost(self) -> float:
        return 12.0

    def run(self, work: Work) -> None:
        from planb.evals.calibration.check import check
        from planb.evals.calibration.thresholds import JudgeThresholds

        path = work.folder(self.data) / "development.jsonl"
        result = check(
            served(self.judge, self.model, work),
            [example for example in read_examples(path) if example.responses],
            second=self.exact,
            thresholds=JudgeThresholds(padding=PADDING, addresses=ADDRESSES),
            data_hash=file_hash(path),
        )
        (work.out / CALIBRATION).write_text(result.model_dump_json(indent=1), encoding="utf-8")
