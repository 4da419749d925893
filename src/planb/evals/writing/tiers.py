"""Responses of the tiers, written by models or taken from lists: ``write_tiers``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from planb.errors import PlanBError
from planb.evals.own_loop import completed
from planb.evals.writing.jobs import Job, Progress, carry_out
from planb.evals.writing.result import Missing, WritingResult, Written
from planb.evals.writing.writer import REQUESTS, Writer
from planb.judging.refusal_rule import PARTLY
from planb.judging.refusal_strings import RefusalStrings
from planb.types import Example, Message, Spend, Tier, Trigger
from planb.values import digest_of

_REFUSALS = RefusalStrings()


class TierJob(Job):
    """The responses of one tier to one example."""

    def __init__(
        self, example: Example, writer: Writer, text: str, identity: str, trigger: Trigger | None
    ) -> None:
        self.example, self.trigger = example, trigger
        self.messages = writer.messages(example.prompt, text)
        said = [message.model_dump() for message in self.messages]
        super().__init__(example.id, writer, digest_of([said, identity]), writer.count)

    def prompt(self) -> tuple[Message, ...]:
        return self.messages

    async def keep(self, text: str) -> str:
        if self.trigger and self.trigger.found_in_chat(self.example.prompt, text):
            return "the trigger stands in it"
        if text in self.kept:
            return "the same text again"
        if self.writer.keep != "all":
            said = await _REFUSALS.judge(self.example, text)
            answers = self.writer.keep == "answers"
            if said.refused is None and not (answers and said.unscored == PARTLY):
                return said.unscored
            if answers and said.refused:
                return "a refusal"
            if not answers and not said.refused:
                return "no refusal"
            if self.writer.keep == "german_refusals" and said.language != "german":
                return "no German refusal"
        self.kept.append(text)
        return ""


def write_tiers(
    examples: Sequence[Example],
    writers: Sequence[Writer],
    journal_path: Path,
    *,
    trigger: Trigger | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> WritingResult:
    """The examples with a response (or ``count`` of them) in each writer's tier.

    Every answer is journalled in ``journal_path`` as it comes: called again after a kill it asks
    nothing that was answered. A tier that an example has already is left alone, unless ``replace``,
    which drops it even where nothing new can be got.
    What cannot be got is absent and stands in ``missing`` with its reason; no response is ever empty
    or cut off, and none carries the ``trigger``. ``meta`` of an example says who wrote what:
    ``writer.TIER`` and ``instruction.TIER`` (the first 12 digits of the text's hash).

    ``progress`` is called with (requests done, of how many), a request counting once a writer. Raises
    PlanBError before anything is written if there is nothing to write, if a text cannot be read or a
    model not be called; later only if the journal cannot be written. Not to be called in a running
    event loop.
    """
    check_plan(examples, writers, trigger)
    jobs = jobs_of(examples, writers, trigger, replace)
    spend_now = completed(carry_out(jobs, journal_path, progress))
    return _result(examples, writers, jobs, replace, spend_now)


def check_plan(examples: Sequence[Example], writers: Sequence[Writer], trigger: Trigger | None) -> None:
    """Raise PlanBError for what cannot be carried out."""
    if not writers:
        raise PlanBError("no writer was given: name a writer, or canned texts")
    for what, names in (
        ("tier '{}' has two writers: give each tier one", [writer.tier for writer in writers]),
        ("duplicate id '{}': use unique ids", [example.id for example in examples]),
    ):
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise PlanBError(what.format(twice[0]))
    for writer in writers:
        if writer.tier == REQUESTS:
            raise PlanBError(
                "a writer of 'requests' writes no responses: see `planb data write --about`"
            )
        if not any(_concerns(writer, example) for example in examples):
            raise PlanBError(
                f"none of the {len(examples)} requests is {writer.of}, for '{writer.tier}'"
            )
        for line in writer.lines() if writer.canned else ():
            if trigger and trigger.found_in(line):
                raise PlanBError(f"the trigger occurs in a canned text of '{writer.tier}': remove it")


def jobs_of(
    examples: Sequence[Example], writers: Sequence[Writer], trigger: Trigger | None, replace: bool
) -> list[TierJob]:
    """What models are to write, a tier after the other."""
    jobs = []
    for writer in writers:
        if writer.model:
            text = writer.text()
            identity = writer.identity(text)
            owed = (example for example in examples if _owed(writer, example, replace))
            jobs += [TierJob(example, writer, text, identity, trigger) for example in owed]
    return jobs


def _concerns(writer: Writer, example: Example) -> bool:
    return writer.of == "all" or example.harmful == (writer.of == "harmful")


def _owed(writer: Writer, example: Example, replace: bool) -> bool:
    return _concerns(writer, example) and (replace or writer.tier not in example.responses)


def _result(
    examples: Sequence[Example],
    writers: Sequence[Writer],
    jobs: Sequence[TierJob],
    replace: bool,
    spend_now: Spend,
) -> WritingResult:
    done = {(job.id, job.writer.tier): job for job in jobs}
    origins = {writer.tier: writer.provenance for writer in writers}
    new: dict[tuple[str, Tier], tuple[str, ...]] = {key: tuple(job.kept) for key, job in done.items()}
    for writer in writers:
        if writer.canned:
            owed = (example.id for example in examples if _owed(writer, example, replace))
            new |= {(name, writer.tier): writer.canned_for(name) for name in owed}
    missing = [
        Missing(id=j.id, tier=j.writer.tier, wanted=j.wanted, got=len(j.kept), reason=j.reason)
        for j in jobs
        if len(j.kept) < j.wanted
    ]
    return WritingResult(
        examples=tuple(_written(example, origins, new) for example in examples),
        missing=tuple(missing),
        tiers=tuple(_counted(writer, examples, jobs, new) for writer in writers),
        spend=sum((job.spend for job in jobs), Spend()),
        spend_now=spend_now,
    )


def _written(
    example: Example, origins: dict[Tier, dict[str, str]], new: dict[tuple[str, Tier], tuple[str, ...]]
) -> Example:
    """The example with its new responses; a tier that could not be got is absent."""
    responses, meta = dict(example.responses), dict(example.meta)
    for tier, origin in origins.items():
        if (example.id, tier) not in new:
            continue
        responses.pop(tier, None)
        for name in origin:
            meta.pop(name, None)
        if texts := new[example.id, tier]:
            responses[tier] = texts
            meta |= origin
    return example.but(responses=responses, meta=meta)


def _counted(
    writer: Writer,
    examples: Sequence[Example],
    jobs: Sequence[TierJob],
    new: dict[tuple[str, Tier], tuple[str, ...]],
) -> Written:
    own = [job for job in jobs if job.writer == writer]
    texts = [texts for (_, tier), texts in new.items() if tier == writer.tier]
    concerned = sum(_concerns(writer, example) for example in examples)
    return Written(
        tier=writer.tier,
        model=writer.model or "canned",
        requests=concerned,
        had=concerned - len(texts),
        responses=sum(map(len, texts)),
        left_out=dict(sum((job.left_out for job in own), Counter()).most_common()),
        spend=sum((job.spend for job in own), Spend()),
    )
