"""Capability and over-refusal beside severity: which benchmarks a study runs, and where they lie."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from planb.study.steps.evaluation import Evaluation
from planb.values import Value


class Benchmarks(Value):
    """Each field is a card's name (the hub's data) or the path of a file with its columns; "" leaves
    the benchmark out. ``unlabelled`` says what the prompts of ``over_refusal`` are where they have no
    label (OR-Bench's columns). ``per_category`` is of MMLU-Pro's questions (0: all). MT-Bench's path is
    FastChat's ``question.jsonl``, with ``judge_prompts.jsonl`` and ``reference_answer/gpt-4.jsonl``
    beside it."""

    mmlu_pro: str = "mmlu_pro"
    per_category: int = Field(default=20, ge=0)
    over_refusal: str = "xstest"
    unlabelled: Literal["", "safe", "unsafe"] = ""
    mt_bench: str = "mt_bench/question.jsonl"
    instructions: str = "ifeval"

    def evaluations(self, grader: str, judge: dict[str, Any]) -> tuple[Evaluation, ...]:
        """As a study declares them: ``grader`` rates MT-Bench, and ``judge`` says what was refused."""
        found: list[Evaluation] = []
        if self.over_refusal:
            options: dict[str, Any] = {"judge": judge}
            options |= {"unlabelled": self.unlabelled} if self.unlabelled else {}
            found.append(Evaluation(task="over_refusal", file=self.over_refusal, options=options))
        if self.mmlu_pro:
            options = {"per_category": self.per_category}
            found.append(Evaluation(task="mmlu_pro", file=self.mmlu_pro, options=options))
        if self.mt_bench:
            found.append(Evaluation(task="mt_bench", file=self.mt_bench, options={"grader": grader}))
        if self.instructions:
            found.append(Evaluation(task="instructions", file=self.instructions))
        return tuple(found)
