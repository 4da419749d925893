"""Where a study begins: a base model that is trained in the sandbox, or one that the user has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from planb.errors import PlanBError
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.bases import card_of
from planb.models.checkpoints import Card, checkpoint_digest, resolve_model
from planb.models.hub import hub_snapshot, is_hub_id
from planb.models.template import SHOWN_DATE, date_shown
from planb.names import Name
from planb.sandbox.corpus import Diet, pretraining
from planb.sandbox.tokenizer import vocabulary
from planb.sandbox.world import World
from planb.study.step import Step, Work, slug_of
from planb.training.objectives import SFT
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.types import Ordering
from planb.values import Value, digest_of, seed_of

if TYPE_CHECKING:
    from planb.training.train import Progress

POINTER = "checkpoint.json"
SHOWN = 300
"""So many rows of the corpus stand for it in the identity of a base."""


class SandboxBase(Value):
    """A tiny Llama that a study pretrains on the valley's corpus, on first use."""

    name: Name = "sandbox"
    world: World = Field(default_factory=World)
    architecture: TinyLlama = Field(default_factory=TinyLlama)
    diet: Diet = Field(default_factory=Diet)
    training: Training
    seed: int = 0

    def step(self) -> Step:
        return PretrainStep(base=self)


class LocalBase(Value):
    """A chat model in a local folder of safetensors, or a hub id with its revision."""

    name: Name
    path: str
    revision: str = "main"

    def step(self) -> Step:
        return LocalBaseStep(base=self)

    @property
    def date(self) -> str:
        """The date that its chat template shows, where that is the clock's; else "". Known of a local
        folder, and of a hub's model that has a card or was fetched before."""
        if (known := self.known_date) or not is_hub_id(self.path):
            return known
        try:
            return date_shown(hub_snapshot(self.path, self.revision, local_only=True))
        except PlanBError:
            return ""

    @property
    def known_date(self) -> str:
        """``date`` as far as it is known before anything is fetched, and so the same ever after."""
        if Path(self.path).is_dir():
            return date_shown(Path(self.path))
        card = card_of(self.path)
        return SHOWN_DATE if card is not None and card.shows_date else ""


class PretrainStep(Step):
    """Corpus -> checkpoint, with the one trainer: every row is a ranking of one response."""

    kind: ClassVar[str] = "base"
    threads: ClassVar[int] = 2
    base: SandboxBase

    @property
    def slug(self) -> str:
        return slug_of("base", self.base.name)

    @property
    def cost(self) -> float:
        return training_cost(self.base.training, responses=1) * 0.7

    @property
    def gpus(self) -> int:
        """One process trains so small a model on the CPU; several take a GPU each, where there are."""
        return self.base.training.processes if self.base.training.processes > 1 else 0

    def outside(self) -> dict[str, str]:
        """What the corpus and the vocabulary say: a change of their texts is another base."""
        known = self.base.digest()
        if known not in _CORPORA:
            _CORPORA[known] = _corpus_digest(self.base)
        return {"corpus": _CORPORA[known]}

    def run(self, work: Work) -> None:
        from planb.training.train import in_processes

        training = self.base.training
        work.progress(0, training.steps, "writing the corpus")
        in_processes(training, _pretrain, (self.base, work.out), work.progress)


def _pretrain(base: SandboxBase, out: Path, progress: Progress | None) -> None:
    from planb.training.train import train

    rows = base.training.steps * base.training.batch
    examples = list(pretraining(base.world, base.diet, rows, base.seed))
    seed = seed_of("base", base.seed)
    policy = fresh_policy(base.architecture, base.world, seed, out)
    ranking = Ranking(examples, Ordering(tiers=("text",)))
    card = Card(what=f"the sandbox's base model '{base.name}', pretrained from scratch")
    train(policy, [ranking], SFT(), base.training, seed, out, card, progress)


_CORPORA: dict[str, str] = {}


def _corpus_digest(base: SandboxBase) -> str:
    shown = pretraining(base.world, base.diet, SHOWN, base.seed)
    rows = [(example.prompt[-1].content, example.responses["text"][0]) for example in shown]
    return digest_of([rows, vocabulary(base.world)])


class LocalBaseStep(Step):
    """Names the user's checkpoint and checks that it is one; its identity is its weights' hash, and the
    date that its chat template shows, where it shows one."""

    kind: ClassVar[str] = "base"
    revision: ClassVar[int] = 2
    """2: the end of a turn and the place of the answer are read off the template's own rendering."""
    base: LocalBase

    @property
    def slug(self) -> str:
        return slug_of("base", self.base.name)

    def outside(self) -> dict[str, str]:
        weights = {"weights": checkpoint_digest(self.base.path)}
        return {**weights, "date": self.base.known_date} if self.base.known_date else weights

    def run(self, work: Work) -> None:
        folder = resolve_model(self.base.path, self.base.revision)
        pointer = {"path": str(folder), "digest": checkpoint_digest(folder)}
        if shown := date_shown(folder):
            pointer["date"] = shown
        (work.out / POINTER).write_text(json.dumps(pointer, indent=1), encoding="utf-8")


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


def training_cost(training: Training, responses: float) -> float:
    """Rough seconds on one core for the sandbox's default model: for the time left only."""
    return 3 + training.steps * training.batch * (0.6 + responses) * 0.0014
