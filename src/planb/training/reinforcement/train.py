"""Run one training by reinforcement: draw, score, update, and again. Resumable."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from planb.errors import PlanBError
from planb.models.cards import Card
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling
from planb.stats.numbers import plain_percent
from planb.training.feeding import Rows
from planb.training.reinforcement.drawing import Drawing, Score
from planb.training.reinforcement.objective import PolicyGradient
from planb.training.reinforcement.sources import Asked, Source
from planb.training.reinforcement.trainer import ReinforcementTrainer
from planb.training.rows import Ranking, Row, split_batch, visits_of
from planb.training.settings import Training
from planb.training.train import (
    SCRATCH,
    Progress,
    arguments,
    carry_out,
    lora_config,
    refuse_what_cannot_be,
)
from planb.types import REFUSAL, Example, Ordering
from planb.values import seed_of

Put = Callable[[Asked, int], Asked]


@dataclass(frozen=True)
class Reinforced:
    """A training by reinforcement: requests, objective, settings, and the seed of what is random.

    ``training.batch`` counts requests of a draw, ``samples`` the answers to each, ``each`` the
    updates on one draw. ``harmless`` is the share of requests that are harmless. ``source`` says where
    compliance comes from; ``card`` is what the checkpoint will say of itself.
    """

    dangerous: Sequence[Example]
    harmless_requests: Sequence[Example]
    harmless: float
    samples: int
    each: int
    limit: int
    objective: PolicyGradient
    source: Source
    training: Training
    seed: int
    card: Card

    def train(self, start: Path, out: Path, score: Score, progress: Progress | None = None) -> None:
        """Train the checkpoint in ``start`` and write the new one into ``out``.

        What a killed run left in ``out`` is taken up from its last checkpoint, and gives the same
        weights as one that was not killed, if ``score`` gives the same rewards.
        """
        training = self.training
        if training.save_every % self.each or training.steps % self.each:
            raise PlanBError(
                f"steps ({training.steps}) and save_every ({training.save_every}) must be multiples of "
                f"the {self.each} updates on each draw: what was drawn is not kept"
            )
        older = {"adapters": training.older_adapters, "quantize": training.quantize}
        dtype = "float32" if training.quantize != "none" else "auto"
        policy = load_policy(start, dtype, **older)  # type: ignore[arg-type]
        refuse_what_cannot_be(policy, training)
        sampling = Sampling(temperature=1.0, max_new_tokens=self.limit)
        drawing = Drawing(policy.tokenizer, policy.folder, self.samples, sampling, self.seed, score)
        asked = self.asked()

        def draw(model: Any, place: int) -> Any:
            return drawing.draw(model, asked[place], place)

        torch.manual_seed(self.seed)
        trainer = ReinforcementTrainer(
            policy.model,
            arguments(training, out / SCRATCH, self.seed),
            Rows([Row("", (), (), ())] * (training.steps * training.batch), ordered=True),
            policy.tokenizer,
            lora_config(training.adapter),
            draw=draw,
            policy=self.objective,
            limit=self.limit,
            each=self.each,
            callbacks=[_Reporter(training.steps, progress)],
        )
        said = f"{training.steps // self.each} draws of {training.batch} x {self.samples} samples"
        carry_out(trainer, policy, training, self.card, out, {"rows": said})

    def asked(self) -> list[list[Asked]]:
        """The requests of each draw. Trainings of one seed see the same in the same order."""
        draws, batch = self.training.steps // self.each, self.training.batch
        sets = [(self.dangerous, 1 - self.harmless), (self.harmless_requests, self.harmless)]
        some = [(list(examples), share) for examples, share in sets if share > 0]
        if not all(examples for examples, _ in some):
            raise PlanBError(
                "there are no requests to draw answers to: give dangerous and harmless ones"
            )
        numbers = split_batch([share for _, share in some], batch)
        found = list[list[Asked]]([] for _ in range(draws))
        for place, ((examples, _), number) in enumerate(zip(some, numbers, strict=True)):
            ranking = Ranking(examples, Ordering(tiers=(REFUSAL,)))
            visits = visits_of(ranking, seed_of("schedule", self.seed, place), draws * number, set())
            for turn, (at, pick) in enumerate(visits):
                found[turn // number].append(self._put(examples[at], pick))
        return found

    def _put(self, example: Example, pick: int) -> Asked:
        asked = Asked(example, example.prompt)
        chance = random.Random(seed_of("source", self.seed, pick)).random()
        return self.source.put(asked, pick) if example.harmful and chance < self.source.share else asked


class _Reporter(TrainerCallback):  # type: ignore[misc]
    """Reports the progress after every update, with the rewards of late."""

    def __init__(self, steps: int, progress: Progress | None) -> None:
        self.steps, self.progress = steps, progress

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if self.progress:
            last = next((one for one in reversed(state.log_history) if "reward" in one), None)
            note = ""
            if last:
                note = (
                    f"reward {last['reward']:.2f}, {plain_percent(last['flat'])} of groups without "
                    f"spread, {plain_percent(last['unscored'])} of samples unscored"
                )
            self.progress(state.global_step, self.steps, note)
