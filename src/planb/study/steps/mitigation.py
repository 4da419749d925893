"""A mitigation without a training as a step: a checkpoint -> one with other weights."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SerializeAsAny

from planb.mitigations import Material, Mitigation
from planb.models.checkpoints import Card, load_policy, read_card, save_policy
from planb.models.decoder import refuse_quantized
from planb.study.steps.checkpoint import CheckpointStep, LinkStep, checkpoint_folder
from planb.study.steps.data_files import harmful_and_harmless
from planb.study.steps.derived_data import examples_now
from planb.study.steps.step import Step, Work, slug_of
from planb.training.stage import PLAIN
from planb.types import Trigger

SPLIT = "safety"
"""The requests that a mitigation may use: those of stage 2."""


class MitigationStep(LinkStep):
    """A checkpoint (its adapters merged) -> full weights, changed by the mitigation. Data that it reads
    must not carry the trigger."""

    kind: ClassVar[str] = "mitigation"
    start: SerializeAsAny[CheckpointStep]
    link: SerializeAsAny[Mitigation]
    data: SerializeAsAny[Step]
    trigger: Trigger | None

    @property
    def called(self) -> str:
        return slug_of(self.link.name)

    @property
    def gpus(self) -> int:
        """One where the model is run; weights alone are changed in main memory."""
        return super().gpus if self.link.needs_data else 0

    def check(self) -> None:
        super().check()
        if self.link.needs_data:
            self.forbid(examples_now(self.data, SPLIT), self.trigger)

    def run(self, work: Work) -> None:
        before = checkpoint_folder(work, self.start)
        policy = load_policy(before)
        refuse_quantized(policy.model)
        clean = harmful_and_harmless(work.folder(self.data), SPLIT)[1] if self.link.needs_data else []
        self.forbid(clean, self.trigger)
        told = self.link.change(policy, Material(clean, self.seed, work.progress))
        what = f"{self.link.words}, of: {read_card(before).what}"
        card = Card(what=what, warning=PLAIN, made_with=told)
        save_policy(policy.model, policy.tokenizer, work.out, card)
