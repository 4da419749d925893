"""Data whose trained splits have tiers made by rule (``planb.data.derived``) besides their own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, SerializeAsAny, model_validator

from planb.data.derived import Derived, derive
from planb.data.files import read_examples, write_examples
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.data_files import TOLD, TRAINED, tell, told
from planb.study.steps.domain_data import DomainData
from planb.study.steps.file_data import FileData, FileDataStep
from planb.study.steps.request_data import RequestData
from planb.study.steps.sandbox_data import SandboxData
from planb.study.steps.step import Step, Work, slug_of
from planb.study.store.store import UNLISTED
from planb.types import Example
from planb.values import Value


class DerivedData(Value):
    """Other data with ``tiers`` added to the requests that are trained on. What is evaluated stays as
    it is."""

    data: SandboxData | DomainData | FileData | RequestData
    tiers: tuple[Derived, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _tiers_are_told_apart(self) -> DerivedData:
        names = [made.tier for made in self.tiers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the tier '{name}' is made twice: give each a name of its own")
        return self

    def step(self, base: CheckpointStep, tiers: Sequence[str]) -> Step:
        made = {one.tier for one in self.tiers}
        sources = {one.of for one in self.tiers if one.requests == "harmful" and one.needs_source}
        own = sorted(({*tiers} | sources) - made)
        return DerivedDataStep(source=self.data.step(base, own), tiers=self.tiers)

    def expected(self) -> dict[str, int]:
        """How many requests each split will have at most, where that is known before: for the plan."""
        return self.data.expected() if isinstance(self.data, RequestData | DomainData) else {}


Source = SandboxData | DomainData | FileData | RequestData


def with_tiers(data: Source | DerivedData, tiers: tuple[Derived, ...]) -> DerivedData:
    """``data`` with more tiers, made after those that it has by rule already."""
    if isinstance(data, DerivedData):
        return DerivedData(data=data.data, tiers=(*data.tiers, *tiers))
    return DerivedData(data=data, tiers=tiers)


class DerivedDataStep(Step):
    """A data step's files -> the same files, the trained splits with more tiers."""

    kind: ClassVar[str] = "data"
    source: SerializeAsAny[Step]
    tiers: tuple[Derived, ...]

    @property
    def slug(self) -> str:
        return slug_of(self.source.slug, "derived")

    def check(self) -> None:
        """Make the tiers of files that can be read now, so that what is wrong is reported early."""
        for split in TRAINED:
            examples_now(self, split)

    def run(self, work: Work) -> None:
        before = work.folder(self.source)
        for path in sorted(before.iterdir()):
            if path.is_file() and path.name not in (*UNLISTED, TOLD):
                shutil.copyfile(path, work.out / path.name)
        lines = told(before) if (before / TOLD).is_file() else []
        for split in TRAINED:
            examples = derive(read_examples(before / f"{split}.jsonl"), self.tiers)
            write_examples(work.out / f"{split}.jsonl", examples)
        tell(work.out, [*lines, *(_told(made) for made in self.tiers)])


def examples_now(data: Step, split: str) -> list[Example]:
    """What a data step will write for a split, where that can be read before anything is run (the
    user's own files); else nothing."""
    if isinstance(data, FileDataStep):
        return data.examples(split)
    if isinstance(data, DerivedDataStep):
        found = examples_now(data.source, split)
        return derive(found, data.tiers) if found and split in TRAINED else found
    return []


def _told(made: Derived) -> str:
    lower = ", in lower case" if made.case == "lower" else ""
    texts = " / ".join(f'"{text}"' for text in made.texts)
    source = f" of the tier {made.of}" if made.needs_source else ""
    return f"the tier {made.tier} of {made.requests} requests was made by rule: {texts}{source}{lower}"
