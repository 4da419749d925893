"""The user's own files of requests and responses, checked and split by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from planb.data.files import file_hash, read_many, write_examples
from planb.data.near_duplicates import NEAR_DUPLICATES, NearDuplicates
from planb.data.splitting import Splitting, split_requests
from planb.errors import PlanBError
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.data_files import (
    ASKED,
    DEFAULT_SHARES,
    TRAINED,
    tell,
    told_of_splits,
    told_of_texts,
)
from planb.study.steps.step import Step, Work
from planb.types import HELPFUL, Example
from planb.values import Value


class FileData(Value):
    """The user's own files. Rows without a declared ``split`` are split by group in these shares;
    near-duplicates are in one group (``near_duplicates`` says what they are, ``None``: look for
    none)."""

    files: tuple[str, ...] = Field(min_length=1)
    shares: dict[str, float] = Field(default_factory=lambda: dict(DEFAULT_SHARES))
    near_duplicates: NearDuplicates | None = NEAR_DUPLICATES
    seed: int = 0

    def step(self, base: CheckpointStep, tiers: Sequence[str]) -> Step:
        del base  # their texts are written already
        return FileDataStep(data=self, tiers=tuple(tiers))


class FileDataStep(Step):
    """The user's files -> one file a split; every row is checked before anything is trained.

    No evaluated request has a near-duplicate in training: such are dropped, and counted."""

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
        self._splitting()

    def run(self, work: Work) -> None:
        done = self._splitting()
        for split in (*TRAINED, *ASKED):
            write_examples(work.out / f"{split}.jsonl", [e for e in done.examples if e.split == split])
        tell(work.out, [*told_of_splits(done.report), *told_of_texts(self._trained(done), self.tiers)])

    def examples(self, split: str) -> list[Example]:
        """What it will write for a split, read now: for checks before anything is run."""
        return [example for example in self._splitting().examples if example.split == split]

    def _trained(self, done: Splitting) -> list[Example]:
        return [e for e in done.examples if e.harmful and e.split in TRAINED]

    def _splitting(self) -> Splitting:
        """The examples of all files, each with its split; PlanBError names what is wrong with them."""
        known = self.identity()
        if known not in _READ:  # many steps check the same files; the identity holds their hashes
            _READ.clear()
            _READ[known] = self._read()
        return _READ[known]

    def _read(self) -> Splitting:
        needed = {True: self.tiers, False: (HELPFUL,)}
        examples = read_many(self.data.files, require_tiers=needed, asked_only=ASKED)
        done = split_requests(examples, self.data.shares, self.data.seed, self.data.near_duplicates)
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


_READ: dict[str, Splitting] = {}
