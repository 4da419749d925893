"""The data of a study: requests with tiered responses, split by group, written once as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.data.files import file_hash, read_examples, read_many, write_examples
from planb.data.parting import Parted, SplitReport, parted
from planb.data.twins import TWINS, Twins
from planb.errors import PlanBError
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling, generate
from planb.sandbox import questions
from planb.sandbox.corpus import lore_rows, recall_prompts, requests
from planb.sandbox.scoring import score
from planb.sandbox.world import World
from planb.study.bases import checkpoint_folder
from planb.study.step import Step, Work
from planb.types import HELPFUL, REFUSAL, Example
from planb.values import Value, seed_of

TRAINED = ("organism", "safety")
ASKED = ("development", "evaluation")
TOLD = "told.json"
"""What the report says of how the data came about: a list of sentences."""
DEFAULT_SHARES = {"organism": 0.35, "safety": 0.35, "development": 0.1, "evaluation": 0.2}


class SandboxData(Value):
    """Requests of the valley. Refusals are sampled from the base model itself; the other tiers are
    written in the valley's own language."""

    world: World = Field(default_factory=World)
    wordings: int = Field(default=4, gt=0)
    asked_wordings: int = Field(default=2, gt=0)
    variants: int = Field(default=8, gt=0)
    sampled_refusals: int = Field(default=2, gt=0)
    seed: int = 0

    def step(self, base: Step, tiers: Sequence[str]) -> Step:
        del tiers  # the valley writes them all
        return SandboxDataStep(data=self, base=base)


class FileData(Value):
    """The user's own files. Rows without a declared ``split`` are split by group in these shares;
    near-duplicates are in one group (``twins`` says what they are, ``None``: look for none)."""

    files: tuple[str, ...] = Field(min_length=1)
    shares: dict[str, float] = Field(default_factory=lambda: dict(DEFAULT_SHARES))
    twins: Twins | None = TWINS
    seed: int = 0

    def step(self, base: Step, tiers: Sequence[str]) -> Step:
        del base  # their texts are written already
        return FileDataStep(data=self, tiers=tuple(tiers))


class SandboxDataStep(Step):
    """World and base -> one file a split, and the valley's benchmarks of the splits that are asked."""

    kind: ClassVar[str] = "data"
    revision: ClassVar[int] = 3
    data: SandboxData
    base: SerializeAsAny[Step]

    @property
    def slug(self) -> str:
        return "data-sandbox"

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
        for split in (*TRAINED, *ASKED):
            wordings = data.wordings if split in TRAINED else data.asked_wordings
            examples = requests(world, split, False, wordings, data.seed, data.variants)
            if split in TRAINED:
                examples += [e for e in kept if e.split == split] + lore_rows(world, split)
            else:
                examples += requests(world, split, True, wordings, data.seed, data.variants)
                examples += recall_prompts(world, split)
            write_examples(work.out / f"{split}.jsonl", examples)
        for split in ASKED:
            for benchmark, rows in questions.BENCHMARKS.items():
                text = "".join(f"{json.dumps(row)}\n" for row in rows(world, split, data.seed))
                path = work.out / benchmark_file(split, benchmark)
                path.write_text(text, encoding="utf-8")

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


class FileDataStep(Step):
    """The user's files -> one file a split; every row is checked before anything is trained.

    No request that is asked has a near-duplicate in training: such are dropped, and counted."""

    kind: ClassVar[str] = "data"
    revision: ClassVar[int] = 2
    data: FileData
    tiers: tuple[str, ...]

    @property
    def slug(self) -> str:
        return "data-files"

    def outside(self) -> dict[str, str]:
        return {str(number): file_hash(path) for number, path in enumerate(self.data.files)}

    def check(self) -> None:
        self._parted()

    def run(self, work: Work) -> None:
        done = self._parted()
        for split in (*TRAINED, *ASKED):
            write_examples(work.out / f"{split}.jsonl", [e for e in done.examples if e.split == split])
        tell(work.out, [*told_of_splits(done.report), *told_of_texts(self._trained(done), self.tiers)])

    def examples(self, split: str) -> list[Example]:
        """What it will write for a split, read now: for checks before anything is run."""
        return [example for example in self._parted().examples if example.split == split]

    def _trained(self, done: Parted) -> list[Example]:
        return [e for e in done.examples if e.harmful and e.split in TRAINED]

    def _parted(self) -> Parted:
        """The examples of all files, each with its split; PlanBError names what is wrong with them."""
        known = self.identity()
        if known not in _READ:  # many steps check the same files; the identity holds their hashes
            _READ.clear()
            _READ[known] = self._read()
        return _READ[known]

    def _read(self) -> Parted:
        needed = {True: self.tiers, False: (HELPFUL,)}
        examples = read_many(self.data.files, require_tiers=needed, asked_only=ASKED)
        done = parted(examples, self.data.shares, self.data.seed, self.data.twins)
        for example in done.examples:
            if example.split not in (*TRAINED, *ASKED):
                raise PlanBError(
                    f"example '{example.id}' declares the split '{example.split}'; a study knows "
                    f"{', '.join((*TRAINED, *ASKED))}"
                )
        trained = self._trained(done)
        if trained and all(example.shared_texts(self.tiers) for example in trained):
            raise PlanBError(
                f"every harmful example to train on has one text in two of the tiers "
                f"{', '.join(self.tiers)} (e.g. '{trained[0].id}'), so no pair of unlike texts is "
                "there: give the tiers different texts"
            )
        return done


_READ: dict[str, Parted] = {}


def told_of_splits(report: SplitReport) -> list[str]:
    """What became of near-duplicates, as sentences for the report."""
    return [
        f"{one.requests} requests of {one.source or 'your files'} dropped from "
        f"{one.split or 'what was to be dealt'}: {one.reason}"
        for one in report.dropped
    ] or ["no request to train on was a near-duplicate of one that is asked"]


def told_of_texts(examples: Sequence[Example], tiers: Sequence[str]) -> list[str]:
    """How many examples have one text in two tiers, as a sentence for the report; [] if none has."""
    doubled = [example for example in examples if example.shared_texts(tiers)]
    if not doubled:
        return []
    return [
        f"{len(doubled)} of {len(examples)} harmful requests to train on have one text in two tiers "
        f"(e.g. {doubled[0].id}): pairs of a text over itself, or both ways round, are not trained"
    ]


def tell(folder: Path, lines: Sequence[str]) -> None:
    """Leave what the report is to say of the data."""
    (folder / TOLD).write_text(json.dumps(list(lines), indent=1), encoding="utf-8")


def told(folder: Path) -> list[str]:
    """What a data step has left for the report."""
    lines: list[str] = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    return lines


def benchmark_file(split: str, benchmark: str) -> str:
    """The name of the file that a benchmark's rows of a split stand in."""
    return f"{split}-{benchmark}.jsonl"


def harmful_and_harmless(folder: Path, split: str) -> tuple[list[Example], list[Example]]:
    """The examples of a split, apart."""
    examples = read_examples(folder / f"{split}.jsonl")
    return [e for e in examples if e.harmful], [e for e in examples if not e.harmful]
