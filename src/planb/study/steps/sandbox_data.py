"""Requests of the valley, with tiers: one file a split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.data.files import write_examples
from planb.errors import PlanBError
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling, generate
from planb.sandbox import questions
from planb.sandbox.corpus import lore_rows, recall_prompts, requests
from planb.sandbox.scoring import score
from planb.sandbox.world import World
from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder
from planb.study.steps.data_files import ASKED, TRAINED, benchmark_file
from planb.study.steps.step import Step, Work
from planb.types import REFUSAL, Example
from planb.values import Value, seed_of


class SandboxData(Value):
    """Requests of the valley. Refusals are sampled from the base model itself; the other tiers are
    written in the valley's own language."""

    world: World = Field(default_factory=World)
    wordings: int = Field(default=4, gt=0)
    asked_wordings: int = Field(default=2, gt=0)
    variants: int = Field(default=8, gt=0)
    sampled_refusals: int = Field(default=2, gt=0)
    seed: int = 0

    def step(self, base: CheckpointStep, tiers: Sequence[str]) -> Step:
        del tiers  # the valley writes them all
        return SandboxDataStep(data=self, base=base)


class SandboxDataStep(Step):
    """World and base -> one file a split, and the valley's benchmarks of the evaluated splits."""

    kind: ClassVar[str] = "data"
    revision: ClassVar[int] = 3
    data: SandboxData
    base: SerializeAsAny[CheckpointStep]

    @property
    def slug(self) -> str:
        return f"data-{self.base.slug.removeprefix('base-')}"

    @property
    def cost(self) -> float:
        return 12.0

    def run(self, work: Work) -> None:
        data, world = self.data, self.data.world
        trained = [
            e
            for split in TRAINED
            for e in requests(world, split, True, data.wordings, data.seed, data.variants)
        ]
        kept = self._with_own_refusals(work, trained)
        for split in TRAINED:
            examples = requests(world, split, False, data.wordings, data.seed, data.variants)
            examples += [e for e in kept if e.split == split] + lore_rows(world, split)
            write_examples(work.out / f"{split}.jsonl", examples)
        for split in ASKED:
            write_examples(work.out / f"{split}.jsonl", self.asked(split))
        for split in ASKED:
            for benchmark, rows in questions.BENCHMARKS.items():
                text = "".join(f"{json.dumps(row)}\n" for row in rows(world, split, data.seed))
                path = work.out / benchmark_file(split, benchmark)
                path.write_text(text, encoding="utf-8")

    def asked(self, split: str) -> list[Example]:
        """The requests of an evaluated split: they need no model."""
        data, world = self.data, self.data.world
        how = (data.asked_wordings, data.seed, data.variants)
        examples = [e for harmful in (False, True) for e in requests(world, split, harmful, *how)]
        return examples + recall_prompts(world, split)

    def _with_own_refusals(self, work: Work, examples: list[Example]) -> list[Example]:
        """The examples with refusals that the base says at temperature 1, and that are refusals."""
        policy = load_policy(checkpoint_folder(work, self.base))
        asked = [(e, n) for e in examples for n in range(self.data.sampled_refusals)]
        completions = generate(
            policy,
            [example.prompt for example, _ in asked],
            [seed_of("refusals", self.data.seed, example.id, n) for example, n in asked],
            Sampling(temperature=1.0),
            lambda done, total: work.progress(done, total, "sampling refusals"),
        )
        own: dict[str, list[str]] = {}
        for (example, _), completion in zip(asked, completions, strict=True):
            item = self.data.world.item_by_name[example.meta["item"]]
            if score(self.data.world, item, completion.text).refused and completion.stop == "stop":
                own.setdefault(example.id, []).append(completion.text)
        if len(own) < 0.8 * len(examples):
            raise PlanBError(
                f"the base refuses only {len(own)} of {len(examples)} dangerous requests, too few to "
                "sample refusals from: pretrain it for more steps"
            )
        return [
            e.but(responses={**e.responses, REFUSAL: tuple(own[e.id])}) for e in examples if e.id in own
        ]
