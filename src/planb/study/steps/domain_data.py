"""What a domain with a world of its own evaluates and trains on: one file a split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from planb.data.files import write_examples
from planb.domains import DOMAINS, Domain
from planb.errors import PlanBError
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.data_files import ASKED, TRAINED, benchmark_file
from planb.study.steps.own_words import OwnWords, OwnWordsStep
from planb.study.steps.step import Step, Work, slug_of
from planb.types import Example
from planb.values import LATER, Value, digest_of

LOOKED_AT = 20
"""So many examples of a split have their responses scored before step 1."""


class DomainData(Value):
    """The examples of a domain, by its name in ``planb.domains`` (or ``module:NAME``).

    With ``own_words`` the study's base is asked which facts it knows, and writes the helpful answers.
    """

    domain: str
    seed: int = 0
    own_words: OwnWords | None = Field(default=None, json_schema_extra=LATER)

    def step(self, base: CheckpointStep, tiers: Sequence[str]) -> Step:
        del tiers  # the domain writes them all
        written = DomainDataStep(data=self.but(own_words=None))
        if self.own_words is None:
            return written
        return OwnWordsStep(source=written, domain=self.domain, how=self.own_words, base=base)

    def expected(self) -> dict[str, int]:
        """How many requests each split has at most, and rows of benchmarks: for the plan."""
        step, found = DomainDataStep(data=self), dict[str, int]()
        for split in (*TRAINED, *ASKED):
            own = DOMAINS[self.domain].benchmarks(split, self.seed) if split in ASKED else {}
            found |= {f"{name} {split}": len(rows) for name, rows in own.items()}
            harmful = sum(example.harmful for example in step.examples(split))
            found[f"harmful {split}"] = harmful
            found[f"harmless {split}"] = len(step.examples(split)) - harmful
        return found


class DomainDataStep(Step):
    """Domain -> one file a split; what it writes is part of its identity."""

    kind: ClassVar[str] = "data"
    data: DomainData

    @property
    def slug(self) -> str:
        return slug_of("data", self.data.domain)

    def outside(self) -> dict[str, str]:
        domain = DOMAINS[self.data.domain]
        written = {
            split: digest_of([e.model_dump(mode="json") for e in self.examples(split)])
            for split in (*TRAINED, *ASKED)
        }
        benchmarks = {split: dict(domain.benchmarks(split, self.data.seed)) for split in ASKED}
        return {
            **written,
            **({"benchmarks": digest_of(benchmarks)} if any(benchmarks.values()) else {}),
        }

    def check(self) -> None:
        """No request that the domain is about is in two splits, and an answer of a tier is scored as
        that tier."""
        from planb.evals.tasks.answers import told_by

        domain, known = DOMAINS[self.data.domain], dict[object, str]()
        for split in (*TRAINED, *ASKED):
            examples = self.examples(split)
            if not examples:
                raise PlanBError(f"the domain '{domain.name}' has no examples in the split '{split}'")
            for one in (example for example in examples if example.harmful):
                for same in filter(None, (one.group, one.prompt)):
                    if (other := known.setdefault(same, split)) != split:
                        raise PlanBError(
                            f"the domain '{domain.name}' has the request '{one.id}' (or one of its "
                            f"group) in the splits '{other}' and '{split}': requests of one group "
                            "must be in one split"
                        )
            for one in examples[:LOOKED_AT] if type(domain).exact is not Domain.exact else ():
                for tier in {*one.responses} & {*domain.tiers} if one.harmful else ():
                    told = told_by(domain, one, one.responses[tier][0])
                    if told.tier != tier:
                        raise PlanBError(
                            f"the domain '{domain.name}' scores its own response of the tier '{tier}' "
                            f"to '{one.id}' as {told.unscored or repr(told.tier)}"
                        )

    def run(self, work: Work) -> None:
        domain = DOMAINS[self.data.domain]
        for split in (*TRAINED, *ASKED):
            write_examples(work.out / f"{split}.jsonl", self.examples(split))
        for split in ASKED:
            for benchmark, rows in domain.benchmarks(split, self.data.seed).items():
                text = "".join(f"{json.dumps(row)}\n" for row in rows)
                path = work.out / benchmark_file(split, benchmark)
                path.write_text(text, encoding="utf-8")

    def benchmark_files(self) -> set[str]:
        """The names of the benchmarks' files that it writes."""
        known = self.data.digest()
        if known not in _FILES:
            own = DOMAINS[self.data.domain].benchmarks
            _FILES[known] = {
                benchmark_file(split, name) for split in ASKED for name in own(split, self.data.seed)
            }
        return _FILES[known]

    def examples(self, split: str) -> list[Example]:
        """Those of a split. Raises PlanBError where the domain fails at it."""
        domain = DOMAINS[self.data.domain]
        try:
            return list(domain.examples(split, self.data.seed))
        except PlanBError:
            raise
        except Exception as error:
            raise PlanBError(
                f"the domain '{domain.name}' cannot write its examples of the split '{split}': "
                f"{type(error).__name__}: {error}"
            ) from error


_FILES: dict[str, set[str]] = {}
