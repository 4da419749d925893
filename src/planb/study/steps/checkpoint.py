"""What the steps that make a checkpoint have in common, and where its files lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from pydantic import ValidationError

from planb.errors import PlanBError, wrong_fields
from planb.models.checkpoints import checkpoint_digest
from planb.safety import forbid_trigger
from planb.study.steps.step import Step, Work, slug_of
from planb.training.link import Link
from planb.training.settings import Training
from planb.types import Example, Trigger
from planb.values import digest_of

if TYPE_CHECKING:
    from planb.judging import Judge
    from planb.models.bases import ModelCard
    from planb.models.generation import Sampling
    from planb.study.steps.hosted_base import HostedBase

POINTER = "checkpoint.json"
_MARKED: set[str] = set()
"""Digests of the bases whose tokenizers are known to have the marks of thoughts."""
ASKED_TOKENS, ANSWER_TOKENS = 50, 45
"""Tokens of short requests with their template, and of short answers: for costs on a CPU."""
TRAINED_A_TOKEN = 5.5e-11
"""Seconds of one core for each token and weight (LoRA, float32; SmolLM2: 800 tokens in 5.9 s)."""


class CheckpointStep(Step):
    """A step that makes a checkpoint: a base, or a link, which makes one of its ``origin``'s.

    What others must know of a checkpoint (where it began, which triggers it was shown, whether it
    needs a GPU) they ask here. Nothing is read off the name of a step's kind.
    """

    sort: ClassVar[str] = "other links"
    """What sums up steps of this kind in a budget."""

    @property
    def origin(self) -> CheckpointStep | None:
        """The step whose checkpoint it changes: the first among its fields. None: it begins here."""
        return next((step for step in self.inputs() if isinstance(step, CheckpointStep)), None)

    @property
    def sees_trigger(self) -> Trigger | None:
        """The trigger that it shows the model; None where it shows none."""
        return None

    @property
    def shows(self) -> tuple[Trigger, ...]:
        """All triggers that it shows the model, ``sees_trigger`` last."""
        return (self.sees_trigger,) if self.sees_trigger else ()

    @property
    def called(self) -> str:
        """Its own name, as slugs have it."""
        return self.kind

    @property
    def history(self) -> tuple[CheckpointStep, ...]:
        """The base, and every link since, up to this step itself."""
        before = self.origin.history if self.origin else ()
        return (*before, self)

    def link_called(self, name: str, asked_by: str) -> CheckpointStep:
        """The step of its history that is called so. Raises PlanBError where there is none."""
        for step in self.history:
            if step.called == slug_of(name):
                return step
        known = ", ".join(step.called for step in self.history)
        raise PlanBError(f"'{asked_by}' names '{name}', and before it are only: {known}")

    @property
    def root(self) -> CheckpointStep:
        """The base at which it began, however many links ago."""
        return self.history[0]

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """Every trigger that the model has been shown, the last one last."""
        return tuple(trigger for one in self.history for trigger in one.shows)

    @property
    def on_gpu(self) -> bool:
        """Whether its weights are for a GPU: those of the user's models, not those of a tiny one."""
        return self.origin is not None and self.origin.on_gpu

    @property
    def host(self) -> HostedBase | None:
        """Whose host has its weights; None where they are here."""
        return self.origin.host if self.origin else None

    @property
    def card(self) -> ModelCard | None:
        """The card of the published model that it began with; None where that has none."""
        return self.origin.card if self.origin else None

    def tokenizer(self) -> Any:
        """Its tokenizer as far as that is there before step 1; None where it is not."""
        return self.origin.tokenizer() if self.origin else None

    def check_sampling(self, *settings: Sampling) -> None:
        """Raises PlanBError where thoughts are to have a limit of their own, and its model is known to
        mark none."""
        from planb.models.budgets import marks_of

        limited = any(one.thought_tokens is not None for one in settings)
        known = digest_of(self.root.plain_fields()) if limited and not self.host else ""
        if known and known not in _MARKED and (words := self.tokenizer()) is not None:
            marks_of(words)
            _MARKED.add(known)

    @property
    def prefix(self) -> str:
        """The base's name and a dash, for the slugs of what is made of it."""
        return self.origin.prefix if self.origin else f"{self.called}-"


class BaseStep(CheckpointStep):
    """A step that a checkpoint begins with; subclasses have a field ``base``, a value with a name."""

    kind: ClassVar[str] = "base"
    base: Any

    @property
    def called(self) -> str:
        return slug_of(self.base.name)

    @property
    def slug(self) -> str:
        return slug_of("base", self.base.name)


class Given(NamedTuple):
    """What a chain gives each of its links. ``training`` is that of methods without one of their own,
    ``trigger`` what safety training must not see, ``judge`` the study's."""

    data: Step
    training: Training
    trigger: Trigger
    seed: int
    judge: Judge | None = None


class LinkStep(CheckpointStep):
    """The step of a link: its origin's checkpoint -> another.

    A new kind has the fields ``link`` and ``start`` (or others, which ``takes`` names), and ``run``. It
    is for links of its link field's class, and is given what it has fields for: ``data``,
    ``training``, ``trigger``, ``judge``.
    """

    takes: ClassVar[tuple[str, str]] = ("link", "start")
    """The fields of its link, and of the step that it starts from."""
    seed: int
    usual: ClassVar[tuple[str, ...]] = ()
    """The kinds of links that usually stand before it: a slug does not name those."""

    @classmethod
    def of(cls, link: Link, start: CheckpointStep, given: Given) -> Self:
        """The step of ``link`` from ``start``: each of its fields by its name."""
        known = {**given._asdict(), **dict(zip(cls.takes, (link, start), strict=True))}
        try:
            return cls.model_validate({name: known[name] for name in cls.model_fields if name in known})
        except ValidationError as error:
            raise PlanBError(
                f"no {cls.__name__} can be made of the link '{link.name}': {wrong_fields(error)}. It "
                f"is given {', '.join(known)}; give its other fields defaults"
            ) from error

    @property
    def slug(self) -> str:
        return f"{self.prefix}{self.called}{self._after()}-seed{self.seed}"

    def _after(self) -> str:
        """What a slug says of where it began: the links since the base, unless they are the usual."""
        if self.origin is None:
            raise PlanBError(
                f"{type(self).__name__} starts from no checkpoint: its field '{self.takes[1]}' must be "
                "a CheckpointStep"
            )
        base, *links = self.history[:-1]
        if tuple(link.kind for link in links) == self.usual:
            return ""
        return f"-after-{'-'.join(link.called for link in links)}" if links else f"-from-{base.kind}"

    @property
    def seed_rank(self) -> int:
        return self.seed

    @property
    def gpus(self) -> int:
        """One for a model of the user's."""
        return int(self.on_gpu)

    def forbid(self, examples: list[Example], trigger: Trigger | None = None) -> None:
        """Raise PlanBError if the examples carry the trigger, or one that a link before was shown."""
        before = self.origin.triggers if self.origin else ()
        for one in dict.fromkeys([*([trigger] if trigger else []), *before[::-1]]):
            forbid_trigger(one, examples)

    def check(self) -> None:
        if self.host:
            raise PlanBError(
                f"'{self.called}' changes weights, and those of '{self.root.called}' are at a host: "
                "leave the link out, or take a base whose weights are here"
            )


def checkpoint_folder(work: Work, step: Step) -> Path:
    """Where the checkpoint that ``step`` made (or points to) lies.

    Raises PlanBError where it points to weights that are others by now.
    """
    folder = work.folder(step)
    pointer = folder / POINTER
    if not pointer.exists():
        return folder
    told = json.loads(pointer.read_text(encoding="utf-8"))
    model = Path(told["path"])
    if checkpoint_digest(model) != told["digest"]:
        raise PlanBError(
            f"{model} is not the model that the study began with (its weights, configuration or "
            f"tokenizer changed, or it is gone). Put it back; for another model name another base"
        )
    return model


def training_cost(training: Training, responses: float, card: ModelCard | None = None) -> float:
    """Rough seconds on one core, for the time left only: for the sandbox's default model, or for a
    model with a ``card`` that is small enough for a CPU."""
    if small := weights_on_cpu(card):
        tokens = training.steps * training.batch * (ASKED_TOKENS + ANSWER_TOKENS * responses)
        return tokens * small * TRAINED_A_TOKEN
    return 3 + training.steps * training.batch * (0.6 + responses) * 0.0014


def weights_on_cpu(card: ModelCard | None) -> int:
    """The weights of a model that a CPU can train in an evening; 0 of any other."""
    weights = card.sizes.weights if card else 0
    return weights if weights < 1e9 else 0
