"""An evaluation of a checkpoint that is decoded beside a clean reference (CleanGen)."""

from __future__ import annotations

from pydantic import SerializeAsAny

from planb.errors import PlanBError
from planb.models.checkpoints import load_policy
from planb.models.cleangen import CleanGen, Guard
from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder
from planb.study.steps.evaluation import EvaluationStep
from planb.study.steps.step import Work

TWICE = 4.0
"""How many times longer an answer takes: two models, in padded batches."""


class GuardedEvaluation(EvaluationStep):
    """An evaluation whose answers are decoded with CleanGen; ``reference`` is the clean model, the base
    that the arm began at."""

    reference: SerializeAsAny[CheckpointStep]
    decoding: CleanGen

    @property
    def cost(self) -> float:
        return TWICE * super().cost

    def check(self) -> None:
        super().check()
        if self.policy.host:
            raise PlanBError(
                f"CleanGen compares every token's probabilities, and '{self.policy.root.called}' is "
                "at a host: leave the chain's decoding out"
            )
        if self.elicitation.multi_turn:
            raise PlanBError(
                f"CleanGen decodes in the batch runner, and {self.elicitation.name} talks in turns: "
                "ask it of other arms (Evaluation.of_methods)"
            )

    def guard(self, work: Work) -> Guard:
        return self.decoding.beside(load_policy(checkpoint_folder(work, self.reference)))
