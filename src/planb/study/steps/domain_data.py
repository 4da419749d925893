"""What a domain with a world of its own asks and trains on: one file a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from planb.data.files import write_examples
from planb.domains import DOMAINS
from planb.study.steps.data_files import ASKED, TRAINED
from planb.study.steps.step import Step, Work, slug_of
from planb.values import Value, digest_of


class DomainData(Value):
    """The examples of a domain, by its name in ``planb.domains`` (or ``module:NAME``)."""

    domain: str
    seed: int = 0

    def step(self, base: Step, tiers: Sequence[str]) -> Step:
        del base, tiers  # the domain writes them all, without a model
        return DomainDataStep(data=self)


class DomainDataStep(Step):
    """Domain -> one file a split; what it writes is part of its identity."""

    kind: ClassVar[str] = "data"
    data: DomainData

    @property
    def slug(self) -> str:
        return slug_of("data", self.data.domain)

    def outside(self) -> dict[str, str]:
        domain = DOMAINS[self.data.domain]
        return {
            split: digest_of(
                [e.model_dump(mode="json") for e in domain.examples(split, self.data.seed)]
            )
            for split in (*TRAINED, *ASKED)
        }

    def run(self, work: Work) -> None:
        domain = DOMAINS[self.data.domain]
        for split in (*TRAINED, *ASKED):
            write_examples(work.out / f"{split}.jsonl", domain.examples(split, self.data.seed))
