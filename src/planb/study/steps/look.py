"""A look at a training on its way, as a link: the checkpoint that it had after so many updates."""

from __future__ import annotations

import shutil
from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.errors import PlanBError
from planb.models.cards import ADAPTER, CARD, base_folder, on_base, read_card
from planb.study.steps.checkpoint import CheckpointStep, LinkStep, checkpoint_folder
from planb.study.steps.step import Step, Work
from planb.study.steps.training import TrainingStep
from planb.training.link import Link
from planb.training.settings import LOOKS


class Look(Link):
    """The training before it, after ``at`` of its updates: a multiple of its ``look_every``."""

    name: str = "look"
    at: int = Field(gt=0)

    @property
    def summary(self) -> str:
        return f"a look after {self.at} updates"


class LookStep(LinkStep):
    """A training that was looked at -> the checkpoint that it had then. Nothing is trained."""

    kind: ClassVar[str] = "look"
    start: SerializeAsAny[CheckpointStep]
    link: Look

    @property
    def called(self) -> str:
        return f"at-{self.link.at}"

    def inputs(self) -> tuple[Step, ...]:
        """Besides the training, what its adapter stands on: the copy stands on it too."""
        before = self.start
        adapted = isinstance(before, TrainingStep) and before.settings.adapter and before.origin
        return (*super().inputs(), *([adapted] if adapted else []))

    @property
    def gpus(self) -> int:
        """None: files are copied."""
        return 0

    def check(self) -> None:
        super().check()
        at, before = self.link.at, self.start
        if not isinstance(before, TrainingStep):
            raise PlanBError(f"a look must follow a training, and '{before.called}' trains nothing")
        every, steps = before.settings.look_every, before.settings.steps
        if not every or at % every or at >= steps:
            had = f"looks every {every} of its {steps} updates" if every else "is not looked at"
            raise PlanBError(
                f"a look after {at} updates cannot be had: '{before.called}' {had}. Set look_every of "
                "its training, and take a multiple of it below the number of updates"
            )

    def run(self, work: Work) -> None:
        look = checkpoint_folder(work, self.start) / LOOKS / str(self.link.at)
        if not (look / CARD).is_file():
            raise PlanBError(f"{look} has no checkpoint: run the study again without '{look.parent}'")
        shutil.copytree(look, work.out, dirs_exist_ok=True)
        if (look / ADAPTER).is_dir():  # it names its base by the way from its own folder
            card = on_base(read_card(look), base_folder(look), work.out)
            (work.out / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
