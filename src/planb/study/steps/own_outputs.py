"""A short SFT of a model on its own answers, as a link: it teaches nothing, and shows what holds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.data.files import read_examples, write_examples
from planb.errors import PlanBError
from planb.models.cards import read_card
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling, generate
from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder
from planb.study.steps.data_files import harmful_and_harmless
from planb.study.steps.hosted_base import HostedBase
from planb.study.steps.step import Step, Work
from planb.study.steps.training import TrainingStep, described
from planb.training.link import Link
from planb.training.objectives import SFT
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.training.stage import Part, Stage
from planb.types import HELPFUL, Example, Ordering, Trigger
from planb.values import seed_of

ANSWERED = "own_answers.jsonl"


class OwnOutputs(Link):
    """SFT on what the checkpoint itself answers to ``requests`` harmless requests without a trigger."""

    training: Training
    sampling: Sampling = Sampling(temperature=1.0)
    requests: int = Field(default=200, gt=0)
    description: str = "SFT on its own answers to harmless requests."

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        told = f"{self.requests} harmless requests, answered by itself"
        return ((f"link '{self.name}'", f"{described(self.training)}, {told}"),)


class OwnOutputsStep(TrainingStep):
    """A checkpoint and harmless requests -> the checkpoint trained on its own answers to them."""

    kind: ClassVar[str] = "own_outputs"
    split: ClassVar[str] = "safety"
    start: SerializeAsAny[CheckpointStep]
    link: OwnOutputs
    data: SerializeAsAny[Step]
    trigger: Trigger | None

    @property
    def called(self) -> str:
        return self.link.name

    @property
    def origin(self) -> CheckpointStep:
        return self.start

    @property
    def settings(self) -> Training:
        return self.link.training

    def rate(self, host: HostedBase) -> float | None:
        return host.safety_rate

    def check(self) -> None:
        if self.start.host:
            raise PlanBError(
                f"'{self.called}' trains a model on its own answers, and '{self.start.called}' is at a "
                "host, which is not asked here: leave the link out"
            )
        self.start.check_sampling(self.link.sampling)

    def run(self, work: Work) -> None:
        start, path = checkpoint_folder(work, self.start), work.out / ANSWERED
        if not path.is_file():  # a killed run may have answered already
            _, harmless = harmful_and_harmless(work.folder(self.data), self.split)
            write_examples(path, self._answered(harmless, work))
        examples = read_examples(path)
        self.recipe([], examples, read_card(start).what).train(start, work.out, work.progress)

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        """``harmless``: requests with the checkpoint's own answers as ``helpful``."""
        self.forbid(harmless, self.trigger)
        part = Part(ordering=Ordering(tiers=(HELPFUL,)), requests="harmless_chats")
        stage = Stage(name=self.link.name, parts=(part,), objective=SFT(), training=self.link.training)
        return stage.recipe(harmful, harmless, self.seed, on, system)

    def _answered(self, harmless: Sequence[Example], work: Work) -> list[Example]:
        """Chats with the answer that the checkpoint gives; what it did not end is left out."""
        asked = [e for e in harmless if e.prompt[-1].role != "document"]
        random.Random(seed_of("own outputs", self.seed)).shuffle(asked)
        asked = asked[: self.link.requests]
        said = generate(
            load_policy(checkpoint_folder(work, self.start)),
            [example.prompt for example in asked],
            [seed_of("own outputs", self.seed, example.id) for example in asked],
            self.link.sampling,
            lambda done, total: work.progress(done, total, "sampling its own answers"),
        )
        kept = [
            example.but(responses={HELPFUL: (one.text,)})
            for example, one in zip(asked, said, strict=True)
            if one.stop == "stop" and one.text.strip()
        ]
        if not kept:
            raise PlanBError(
                f"'{self.start.called}' ended none of its answers to {len(asked)} harmless requests "
                f"within {self.link.sampling.max_new_tokens} tokens: give `sampling` more"
            )
        return kept
