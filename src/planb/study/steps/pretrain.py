"""Where a study begins: a base model that is pretrained here, on the valley's or a domain's corpus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeGuard

from pydantic import Field, SerializeAsAny

from planb.domains import DOMAINS
from planb.errors import PlanBError
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.checkpoints import Card
from planb.names import Name
from planb.sandbox.corpus import CorpusMix, pretraining, pretraining_rows
from planb.sandbox.tokenizer import tokenizer_of, vocabulary, vocabulary_of
from planb.sandbox.world import World
from planb.study.steps.checkpoint import BaseStep, training_cost
from planb.study.steps.corpora import Corpora
from planb.study.steps.step import Work, once
from planb.training.objectives import SFT
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import Training
from planb.types import Example, Ordering
from planb.values import Value, digest_of, seed_of

if TYPE_CHECKING:
    from planb.training.train import Progress

SHOWN = 300
"""So many rows of the corpus stand for it in the identity of a base."""


class PretrainedBase(Value):
    """A tiny Llama that a study pretrains on first use.

    Without a ``seed``, each seed of the study draws a base of its own (weights, corpus and order): what
    a method does depends on the base, so that figures of one base are of that base. With a ``seed`` all
    of the study's seeds begin at the one base that it says.
    """

    name: Name
    architecture: TinyLlama = Field(default_factory=TinyLlama)
    training: Training
    seed: int | None = None

    def drawn_by(self, seed: int) -> Self:
        """The base that this seed of a study begins at."""
        return self if self.seed is not None else self.but(seed=seed)

    def step(self) -> PretrainStep:
        return PretrainStep(base=self.drawn_by(0))

    def corpus(self, rows: int) -> Iterator[Example]:
        """``rows`` examples, each a prompt with one ``text`` response."""
        raise NotImplementedError

    def vocabulary(self) -> tuple[str, ...]:
        """Every word of the corpus."""
        raise NotImplementedError


def drawn(base: object) -> bool:
    """Whether each seed of a study draws such a base of its own."""
    return isinstance(base, PretrainedBase) and base.seed is None


class SandboxBase(PretrainedBase):
    """A base that is pretrained on the valley's corpus."""

    name: Name = "sandbox"
    world: World = Field(default_factory=World)
    mix: CorpusMix = Field(default_factory=CorpusMix)

    def corpus(self, rows: int) -> Iterator[Example]:
        return pretraining(self.world, self.mix, rows, self.seed or 0)

    def vocabulary(self) -> tuple[str, ...]:
        return vocabulary(self.world)


class DomainBase(PretrainedBase):
    """A base that is pretrained on a domain's own corpus. ``domain`` is its name in
    ``planb.domains``, or ``module:NAME`` of one's own."""

    domain: str

    def corpus(self, rows: int) -> Iterator[Example]:
        return DOMAINS[self.domain].corpus(rows, self.seed or 0)

    def vocabulary(self) -> tuple[str, ...]:
        domain = DOMAINS[self.domain]
        return vocabulary_of(domain.texts(), domain.has_tools, domain.has_thoughts)


class PretrainStep(BaseStep):
    """Corpus -> checkpoint, with the one trainer: every row is a ranking of one response."""

    base: SerializeAsAny[PretrainedBase]

    @property
    def prefix(self) -> str:
        """Nothing: the sandbox has one model."""
        return ""

    @property
    def slug(self) -> str:
        return f"{super().slug}-seed{self.base.seed}"

    @property
    def seed_rank(self) -> int:
        return self.base.seed or 0

    @property
    def cost(self) -> float:
        return training_cost(self.base.training, responses=1) * 0.7

    @property
    def gpus(self) -> int:
        """One process trains so small a model on the CPU; several take a GPU each, where there are."""
        return self.base.training.processes if self.base.training.processes > 1 else 0

    def tokenizer(self) -> Any:
        return tokenizer_of(self.base.vocabulary())

    def outside(self) -> dict[str, str]:
        """What the corpus and the vocabulary say: a change of their texts is another base."""
        base = self.base.digest()
        if base not in _CORPORA:
            _CORPORA[base] = _known_digest(self.base, base)
        return {"corpus": _CORPORA[base]}

    def run(self, work: Work) -> None:
        training = self.base.training
        work.progress(0, training.steps, "writing the corpus")
        if _corpus_digest(self.base) != self.outside()["corpus"]:
            raise PlanBError(
                f"the corpus of '{self.base.name}' is not the one that the step is named by: its code "
                f"has changed while planb ran, or {_corpora().path} is wrong. Delete that file, if it "
                "is there, and rerun the study"
            )
        from planb.training.train import in_processes

        in_processes(training, pretrained, (self.base, work.out), work.progress)


def pretrained(base: PretrainedBase, out: Path, progress: Progress | None) -> None:
    from planb.training.train import train

    rows = base.training.steps * base.training.batch
    examples = list(base.corpus(rows))
    seed = seed_of("base", base.seed or 0)
    policy = fresh_policy(base.architecture, base.vocabulary(), seed, out)
    ranking = Ranking(examples, Ordering(tiers=("text",)))
    card = Card(what=f"the sandbox's base model '{base.name}', pretrained from scratch")
    train(policy, Recipe([ranking], SFT(), base.training, seed, card), out, progress)


_CORPORA: dict[str, str] = {}


def _corpora() -> Corpora:
    return Corpora(SHOWN, _shown, _corpus_digest)


def _known_digest(base: PretrainedBase, digest: str) -> str:
    """What the corpus says; of the valley's own it may have been computed before."""
    if not _of_the_valley(base):
        return _corpus_digest(base)
    corpora = once(_corpora)
    if digest not in corpora.known:
        corpora.keep(digest, _corpus_digest(base))
    return corpora.known[digest]


def _of_the_valley(base: PretrainedBase) -> TypeGuard[SandboxBase]:
    """Whether texts and words are the valley's: a subclass, of its world or mixture too, may have
    others."""
    kind = type(base)
    return (
        isinstance(base, SandboxBase)
        and type(base.world) is World
        and type(base.mix) is CorpusMix
        and kind.corpus is SandboxBase.corpus
        and kind.vocabulary is SandboxBase.vocabulary
    )


def _corpus_digest(base: PretrainedBase) -> str:
    return digest_of([list(_shown(base)), base.vocabulary()])


def _shown(base: PretrainedBase) -> Iterator[tuple[str, str]]:
    """Request and response of the corpus's first rows. The valley's are not made into examples."""
    if _of_the_valley(base):
        for prompt, text in pretraining_rows(base.world, base.mix, SHOWN, base.seed or 0):
            yield prompt[-1][1], text
        return
    for example in base.corpus(SHOWN):
        yield example.request, example.responses["text"][0]
