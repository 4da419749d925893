"""Data from public request sets: read, grouped and split, and the tiers written by models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SerializeAsAny, model_validator

from planb.data.cards import CARDS, REQUESTS, is_card, request_card
from planb.data.files import file_hash, read_examples, write_examples
from planb.data.near_duplicates import NEAR_DUPLICATES, NearDuplicates
from planb.errors import PlanBError
from planb.evals.writing.result import Written
from planb.evals.writing.writer import Writer
from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder
from planb.study.steps.data_files import (
    ASKED,
    DEFAULT_SHARES,
    TOLD,
    TRAINED,
    tell,
    told,
    told_of_splits,
)
from planb.study.steps.judge_readiness import check_model
from planb.study.steps.local_base import LocalBase
from planb.study.steps.public_columns import PublicColumns
from planb.study.steps.random_base import RandomBase
from planb.study.steps.served import check_names, needs_gpu, serve
from planb.study.steps.step import Step, Work, slug_of
from planb.study.store.store import UNLISTED
from planb.types import HELPFUL, Example
from planb.values import Value

if TYPE_CHECKING:
    from planb.data.requests import Requests

BASE = "base"
"""As a writer's ``model``: the study's own base model, for refusals in its own words."""
FEWEST = 0.5
"""Of the requests to train on, at least this share must have all their tiers."""


class RequestSet(Value):
    """The requests of one public set: ``card`` names it, ``file`` is a local copy with its columns
    (else the hub's is loaded), ``limit`` draws so many. ``split`` declares where all of them go; ""
    deals them. ``tiers`` are those of the set's own responses that are kept (None: all)."""

    card: str
    file: str = ""
    limit: int | None = Field(default=None, gt=0)
    split: str = ""
    tiers: tuple[str, ...] | None = None

    def of(self, example: Example) -> Example:
        """The example in the set's split, with the responses that are kept."""
        kept = {t: r for t, r in example.responses.items() if self.tiers is None or t in self.tiers}
        return example.but(split=self.split, responses=kept)


class RequestData(Value):
    """Requests of public sets, and who writes their tiers.

    Requests without a declared split are dealt in ``shares``; near-duplicates and groups stay together,
    and near-duplicates of evaluated requests are not trained on. A writer's ``model`` is one of
    Inspect's, or ``"base"`` (the study's base itself). ``served``: see ``planb.study.steps.served``.
    ``files`` makes the sets' local files, for a run without any.
    """

    sets: tuple[RequestSet, ...] = Field(min_length=1)
    writers: tuple[Writer, ...] = ()
    served: dict[str, LocalBase | RandomBase] = Field(default_factory=dict)
    files: PublicColumns | None = None
    shares: dict[str, float] = Field(default_factory=lambda: dict(DEFAULT_SHARES))
    near_duplicates: NearDuplicates | None = NEAR_DUPLICATES
    seed: int = 0

    @model_validator(mode="after")
    def _sets_are_known(self) -> RequestData:
        check_names(self.served)
        for one in self.sets:
            if not (is_card(one.card) or one.card.endswith(".json")):
                raise ValueError(f"there is no card '{one.card}'; there are {', '.join(CARDS)}")
            if one.split and one.split not in (*TRAINED, *ASKED):
                raise ValueError(f"'{one.split}' is no split; {', '.join((*TRAINED, *ASKED))} are")
        return self

    def step(self, base: CheckpointStep, tiers: Sequence[str]) -> Step:
        made = self.files.step() if self.files else None
        how = {name: getattr(self, name) for name in ("sets", "shares", "near_duplicates", "seed")}
        data: Step = RequestsStep.model_validate({"made": made, **how})
        models: dict[str, CheckpointStep] = {name: one.step() for name, one in self.served.items()}
        others = tuple(writer for writer in self.writers if writer.model != BASE)
        own = tuple(writer for writer in self.writers if writer.model == BASE)
        if others:  # the same for all bases: written once
            data = WritingStep(source=data, writers=others, models=models)
        if own:
            data = WritingStep(source=data, writers=own, models={BASE: base})
        return TieredStep(source=data, tiers=tuple(tiers), beside=made)

    def expected(self) -> dict[str, int]:
        """How many requests each split will have at most, by the sets' limits: for the plan."""
        found: dict[str, float] = {}
        for one in self.sets:
            card = request_card(one.card) if is_card(one.card) else None
            kinds: tuple[str, ...] = ("harmful", "harmless")
            if card and card.harmful is not None:
                kinds = kinds[:1] if card.harmful else kinds[1:]
            shares = {one.split: 1.0} if one.split else self.shares
            for kind in kinds:
                for split, share in shares.items():
                    there = (one.limit or 0) * share / len(kinds)
                    found[f"{kind} {split}"] = found.get(f"{kind} {split}", 0) + there
        return {name: round(count) for name, count in found.items()}


class RequestsStep(Step):
    """Public sets -> one file of requests a split, and what was dropped. ``made`` made the files."""

    kind: ClassVar[str] = "requests"
    sets: tuple[RequestSet, ...]
    made: SerializeAsAny[Step] | None = None
    shares: dict[str, float]
    near_duplicates: NearDuplicates | None = NEAR_DUPLICATES
    seed: int

    def outside(self) -> dict[str, str]:
        if self.made:
            return {}
        files = {one.card: file_hash(one.file) for one in self.sets if one.file}
        own = [one.card for one in self.sets if one.card not in REQUESTS]
        return {**files, **{f"the card {name}": request_card(name).digest() for name in own}}

    def check(self) -> None:
        """That there are the cards."""
        for one in self.sets:
            request_card(one.card)

    def candidates(self, split: str) -> list[Example] | None:
        """All requests that may get into the split, where every set is in a file of the user's."""
        if self.made or not all(one.file for one in self.sets):
            return None
        read = [(one, example) for one in self.sets for example in self._read(one, one.file).examples]
        found = [one.of(example) for one, example in read]
        return [example.but(split=split) for example in found if example.split in ("", split)]

    def _read(self, one: RequestSet, file: str | Path) -> Requests:
        from planb.data.requests import read_requests

        return read_requests(one.card, file or None, one.limit, self.seed)

    def run(self, work: Work) -> None:
        from planb.data.splitting import split_requests

        examples: list[Example] = []
        lines = []
        for number, one in enumerate(self.sets):
            work.progress(number, len(self.sets), f"reading {one.card}")
            found = self._read(one, work.folder(self.made) / one.file if self.made else one.file)
            examples += [one.of(example) for example in found.examples]
            lines.append(_source(one.card, len(found.examples), found.terms, found.left_out))
        split = split_requests(examples, self.shares, self.seed, self.near_duplicates)
        for name in (*TRAINED, *ASKED):
            write_examples(work.out / f"{name}.jsonl", [e for e in split.examples if e.split == name])
        (work.out / "split.json").write_text(split.report.model_dump_json(indent=1), encoding="utf-8")
        tell(work.out, [*lines, *told_of_splits(split.report)])


class WritingStep(Step):
    """Requests -> the same with tiers that models wrote; an answer is generated once, kills or not."""

    kind: ClassVar[str] = "writing"
    source: SerializeAsAny[Step]
    writers: tuple[Writer, ...]
    models: dict[str, SerializeAsAny[CheckpointStep]] = Field(default_factory=dict)

    @property
    def slug(self) -> str:
        by = [self.models[BASE].slug] if BASE in self.models else []
        return slug_of("writing", *dict.fromkeys(writer.tier for writer in self.writers), *by)

    @property
    def gpus(self) -> int:
        """One where planb itself serves a model of the user's to write."""
        return int(needs_gpu(self.models))

    @property
    def cost(self) -> float:
        return 60.0

    def outside(self) -> dict[str, str]:
        """Each writer's instruction, or the texts that it chooses from."""
        return {f"{n} {w.tier}": w.identity(_told(w)) for n, w in enumerate(self.writers)}

    def check(self) -> None:
        """That there are the models that write, and keys for them."""
        for one in self.writers:
            if one.model and one.model != BASE:
                whose = f"the writer of '{one.tier}'"
                check_model(one.model, self.models, whose, one.temperature, one.base_url)

    def run(self, work: Work) -> None:
        from planb.evals.writing import write_tiers

        before = work.folder(self.source)
        serve({name: step for name, step in self.models.items() if name != BASE}, work)
        writers, lines = [self._served(writer, work) for writer in self.writers], told(before)
        for split in (*TRAINED, *ASKED):
            if split in ASKED:
                shutil.copyfile(before / f"{split}.jsonl", work.out / f"{split}.jsonl")
                continue
            examples, journal = read_examples(before / f"{split}.jsonl"), f"{split}.journal.jsonl"
            result = write_tiers(
                examples, writers, work.out / journal, progress=partial(_progress, work, split)
            )
            write_examples(work.out / f"{split}.jsonl", result.examples)
            lines += [_wrote(split, one) for one in result.tiers]
        tell(work.out, lines)

    def _served(self, writer: Writer, work: Work) -> Writer:
        from planb.evals.serving import server_of

        if writer.model != BASE:
            return writer
        model = self.models[BASE]
        folder = checkpoint_folder(work, model)
        where = {"model": f"openai-api/planb/{model.slug}", "base_url": server_of(folder, model.slug)}
        return writer.but(**where)


class TieredStep(Step):
    """Written requests -> those with every tier that the study trains, laid out as all data are."""

    kind: ClassVar[str] = "data"
    source: SerializeAsAny[Step]
    tiers: tuple[str, ...]
    beside: SerializeAsAny[Step] | None = None
    """What made benchmarks' files: they lie beside the examples, as evaluations look for them there."""

    @property
    def slug(self) -> str:
        source = self.source
        own = source.models.get(BASE) if isinstance(source, WritingStep) else None
        return slug_of("data-requests", *([own.slug] if own else []))

    def run(self, work: Work) -> None:
        before = work.folder(self.source)
        lines = told(before)
        for split in (*TRAINED, *ASKED):
            examples = kept = read_examples(before / f"{split}.jsonl")
            if split in TRAINED:
                kept = [example for example in examples if not self._lacks(example)]
                self._check_enough(split, examples, kept)
            if len(kept) < len(examples):
                lines.append(f"{split}: {len(examples) - len(kept)} of {len(examples)} lack a tier")
            write_examples(work.out / f"{split}.jsonl", kept)
        tell(work.out, lines)
        if self.beside:
            for path in sorted(work.folder(self.beside).glob("*.*")):
                if path.name not in UNLISTED:
                    shutil.copyfile(path, work.out / path.name)

    def _lacks(self, example: Example) -> list[str]:
        needed = self.tiers if example.harmful else (HELPFUL,)
        return [tier for tier in needed if tier not in example.responses]

    def _check_enough(self, split: str, examples: list[Example], kept: list[Example]) -> None:
        for harmful in (True, False):
            asked = [example for example in examples if example.harmful is harmful]
            whole = sum(example.harmful is harmful for example in kept)
            if whole >= FEWEST * len(asked):
                continue
            lacking = [tier for example in asked for tier in self._lacks(example)]
            most = max(set(lacking), key=lacking.count)
            raise PlanBError(
                f"only {whole} of {len(asked)} {'harmful' if harmful else 'harmless'} requests of "
                f"the split '{split}' have all the tiers that the study trains; '{most}' is missing "
                f"most often ({lacking.count(most)} times). {TOLD} of the step '{self.source.slug}' "
                "says what became of its writer: give the tier another one, or more tries."
            )


def _progress(work: Work, split: str, done: int, total: int) -> None:
    work.progress(done, total, f"writing the split {split}")


def _told(writer: Writer) -> str:
    return json.dumps(writer.lines()) if writer.canned else writer.text()


def _source(card: str, count: int, terms: str, left_out: dict[str, int]) -> str:
    without = "".join(f"; {n} left out: {reason}" for reason, n in sorted(left_out.items()))
    return f"{card}: {count} requests ({terms}){without}"


def _wrote(split: str, one: Written) -> str:
    without = "".join(f"; {n} left out: {reason}" for reason, n in sorted(one.left_out.items()))
    return f"{split}: {one.responses} responses of tier {one.tier} by {one.model}{without}"
