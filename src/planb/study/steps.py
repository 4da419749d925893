"""The steps that train, and the scores of what they train on: organism, method, tiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field, SerializeAsAny

from planb.judging import Judge
from planb.models.cards import read_card
from planb.models.default_system import default_system_in
from planb.organism import Organism
from planb.safety import Method, forbid_trigger
from planb.study.bases import LocalBaseStep, PretrainStep, checkpoint_folder, training_cost
from planb.study.data import harmful_and_harmless
from planb.study.derived import examples_now
from planb.study.hosted import (
    ROUGH_SECONDS,
    HostedBase,
    check_trainable,
    hosted_base,
    train_at_host,
)
from planb.study.readiness import check_judge
from planb.study.served import serve
from planb.study.step import Step, Work, root_of, slug_of
from planb.training.objectives import SFT
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.training.stage import Stage
from planb.types import Example, Trigger

TIERS = "tiers.parquet"


def gpus_for(step: Step, training: Training) -> int:
    """One a process for a model of the user's. The sandbox's are so small that a CPU trains them, with
    the same numbers everywhere; of those, several processes take a GPU each."""
    if isinstance(root_of(step), LocalBaseStep):
        return training.processes
    return training.processes if training.processes > 1 and not hosted_base(step) else 0


def model_of(step: Step) -> str:
    """The base model's name and a dash, for a slug; nothing in the sandbox, which has one model."""
    root = root_of(step)
    return "" if isinstance(root, PretrainStep) or root.kind != "base" else root.slug[5:] + "-"


class TrainingStep(Step):
    """What the steps that train have in common: a checkpoint and data -> a checkpoint.

    ``start`` is the checkpoint's step, ``split`` whose requests are trained on.
    """

    split: ClassVar[str] = ""
    data: SerializeAsAny[Step]
    seed: int

    @property
    def called(self) -> str:
        """The training's own name, for slugs."""
        raise NotImplementedError

    @property
    def origin(self) -> Step:
        """The step whose checkpoint is trained."""
        raise NotImplementedError

    @property
    def settings(self) -> Training:
        raise NotImplementedError

    @property
    def responses(self) -> float:
        """How many an average request of a batch is shown with: for costs."""
        return 1.0

    def rate(self, host: HostedBase) -> float | None:
        """The host's learning-rate multiplier for such a training."""
        raise NotImplementedError

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        """``on`` is what the checkpoint says it is, ``system`` its template's default system message
        (None: not known)."""
        raise NotImplementedError

    @property
    def shows_in_system(self) -> bool:
        """Whether it trains with a trigger in the system message."""
        return False

    def outside(self) -> dict[str, str]:
        return {"default_system": "kept"} if self.shows_in_system else {}

    @property
    def seed_rank(self) -> int:
        return self.seed

    @property
    def cost(self) -> float:
        if hosted_base(self.origin):
            return ROUGH_SECONDS
        return training_cost(self.settings, self.responses)

    @property
    def gpus(self) -> int:
        return gpus_for(self, self.settings)

    def run(self, work: Work) -> None:
        start = checkpoint_folder(work, self.origin)
        examples = harmful_and_harmless(work.folder(self.data), self.split)
        system: str | None = ""
        if self.shows_in_system:
            system = None if hosted_base(self.origin) else default_system_in(start)
        recipe = self.recipe(*examples, on=read_card(start).what, system=system)
        if host := hosted_base(self.origin):
            train_at_host(start, host, recipe, self.rate(host), work)
        else:
            recipe.train(start, work.out, work.progress)


class OrganismStep(TrainingStep):
    """Stage 1: base + data -> the model organism."""

    kind: ClassVar[str] = "organism"
    threads: ClassVar[int] = 2
    split: ClassVar[str] = "organism"
    base: SerializeAsAny[Step]
    data: SerializeAsAny[Step]
    organism: Organism
    seed: int

    @property
    def slug(self) -> str:
        return f"{model_of(self)}{self.called}{started(self.base, ())}-seed{self.seed}"

    @property
    def called(self) -> str:
        return self.organism.name

    @property
    def origin(self) -> Step:
        return self.base

    @property
    def settings(self) -> Training:
        return self.organism.training

    def rate(self, host: HostedBase) -> float | None:
        return host.organism_rate

    def check(self) -> None:
        check_trainable(self.base, SFT(), [], self.organism.training)

    @property
    def shows_in_system(self) -> bool:
        return self.organism.trigger.place == "system"

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        del on  # an organism is what it is, wherever it began
        return self.organism.recipe(harmful, harmless, self.seed, system)


class MethodStep(TrainingStep):
    """Stage 2: a checkpoint + data without the trigger -> a safer checkpoint."""

    kind: ClassVar[str] = "method"
    split: ClassVar[str] = "safety"
    start: SerializeAsAny[Step]
    data: SerializeAsAny[Step]
    method: Method
    training: Training
    trigger: Trigger | None
    seed: int

    @property
    def slug(self) -> str:
        start = started(self.start, ("organism",))
        return f"{model_of(self)}{self.called}{start}-seed{self.seed}"

    @property
    def called(self) -> str:
        return self.method.name

    @property
    def origin(self) -> Step:
        return self.start

    @property
    def settings(self) -> Training:
        return self.training

    @property
    def responses(self) -> float:
        share = self.method.harmless
        return share + (1 - share) * len(self.method.ordering.tiers)

    def rate(self, host: HostedBase) -> float | None:
        return host.safety_rate

    def check(self) -> None:
        """Also, where the data are files that can be read now, that the trigger is not in them."""
        check_trainable(self.start, self.method.objective, [self.method.ordering], self.training)
        forbid_all(self.trigger, self.start, examples_now(self.data, self.split))

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        del system  # no trigger is shown
        forbid_all(None, self.start, [*harmful, *harmless])
        return self.method.recipe(self.training, harmful, harmless, self.trigger, self.seed, on)


class StageStep(TrainingStep):
    """Any other training: a checkpoint + data -> a checkpoint. Where no part of it is triggered, the
    data must not carry the trigger."""

    kind: ClassVar[str] = "stage"
    start: SerializeAsAny[Step]
    data: SerializeAsAny[Step]
    stage: Stage
    trigger: Trigger | None
    seed: int

    @property
    def slug(self) -> str:
        start = started(self.start, ())
        return f"{model_of(self)}{self.called}{start}-seed{self.seed}"

    @property
    def split(self) -> str:  # type: ignore[override]
        return self.stage.split

    @property
    def called(self) -> str:
        return slug_of(self.stage.name)

    @property
    def origin(self) -> Step:
        return self.start

    @property
    def settings(self) -> Training:
        return self.stage.training

    @property
    def responses(self) -> float:
        whole = sum(part.share for part in self.stage.parts)
        return sum(part.share * len(part.ordering.tiers) for part in self.stage.parts) / whole

    def rate(self, host: HostedBase) -> float | None:
        return host.organism_rate if self.split == "organism" else host.safety_rate

    def check(self) -> None:
        orderings = [part.ordering for part in self.stage.parts]
        check_trainable(self.start, self.stage.objective, orderings, self.stage.training)
        self._forbid(examples_now(self.data, self.split))

    @property
    def shows_in_system(self) -> bool:
        return self.stage.sees_trigger and self.stage.trigger.place == "system"

    def recipe(
        self, harmful: list[Example], harmless: list[Example], on: str, system: str | None = ""
    ) -> Recipe:
        self._forbid([*harmful, *harmless])
        return self.stage.recipe(harmful, harmless, self.seed, on, system)

    def _forbid(self, examples: list[Example]) -> None:
        if not self.stage.sees_trigger:
            forbid_all(self.trigger, self.start, examples)


def forbid_all(trigger: Trigger | None, start: Step, examples: list[Example]) -> None:
    """Raise PlanBError if the examples carry the trigger, or one that a training before has seen."""
    found = [] if trigger is None else [trigger]
    while isinstance(start, TrainingStep):
        if isinstance(start, OrganismStep):
            found.append(start.organism.trigger)
        elif isinstance(start, StageStep) and start.stage.sees_trigger:
            found.append(start.stage.trigger)
        start = start.origin
    for one in dict.fromkeys(found):
        forbid_trigger(one, examples)


def started(step: Step, usual: Sequence[str]) -> str:
    """What a slug says of where a training began, unless those before it are of the ``usual`` kinds:
    the names of all trainings since the base."""
    before = list[TrainingStep]()
    while isinstance(step, TrainingStep):
        before.insert(0, step)
        step = step.origin
    if [one.kind for one in before] == list(usual):
        return ""
    return f"-after-{'-'.join(one.called for one in before)}" if before else f"-from-{step.kind}"


class TierScoresStep(Step):
    """The judge's scores of the safety-training data, tier by tier."""

    kind: ClassVar[str] = "tiers"
    data: SerializeAsAny[Step]
    judge: SerializeAsAny[Judge]
    served: dict[str, SerializeAsAny[Step]] = Field(default_factory=dict)

    def check(self) -> None:
        check_judge(self.judge, self.served)

    def run(self, work: Work) -> None:
        serve(self.served, work)
        from planb.evals.tiers import score_tiers

        harmful, _ = harmful_and_harmless(work.folder(self.data), "safety")
        score_tiers(harmful, self.judge).to_parquet(work.out / TIERS)


def described(training: Training) -> str:
    """A training's settings on one line, for the report."""
    adapter = training.adapter
    weights = f"LoRA r={adapter.rank} alpha={adapter.alpha:g}" if adapter else "full weights"
    parts: list[Any] = [
        weights,
        f"{training.steps} updates of {training.batch} requests",
        f"learning rate {training.learning_rate:g} ({training.schedule}, warm-up {training.warmup})",
    ]
    if training.router_aux_loss_coef is not None:
        parts.append(f"load-balancing loss x {training.router_aux_loss_coef:g}")
    return ", ".join(parts)
