"""Requests, written by a model from topics that the user names: ``write_requests``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from string import Template

from pydantic import BaseModel, Field

from planb.errors import PlanBError
from planb.evals.own_loop import completed
from planb.evals.writing.estimate import Estimate, estimate_jobs
from planb.evals.writing.jobs import Job, Progress, carry_out
from planb.evals.writing.texts import lines_of, read_text
from planb.evals.writing.writer import REQUESTS, Writer
from planb.models.answers import UnreadableError, checked, objects, uncontradicted, without_thoughts
from planb.types import Example, Message, Spend, Trigger
from planb.values import Value, digest_of

AT_A_TIME = 10
"""Requests that one call generates."""
EARLIER = 60
"""Requests on the same topic that a writer is shown, the newest, so that it writes others."""
PLACES = {"topic", "count", "earlier"}


class NewRequests(Value):
    """Result of writing new requests: ``examples`` without responses; ``missing`` says of a topic
    why it has too few. ``duplicates`` and ``left_out`` count what was written and not kept; spends
    are as in ``WritingResult``."""

    examples: tuple[Example, ...]
    wanted: int
    missing: dict[str, str] = Field(default_factory=dict)
    duplicates: int = 0
    left_out: dict[str, int] = Field(default_factory=dict)
    spend: Spend = Spend()
    spend_now: Spend = Spend()


class _Form(BaseModel):
    requests: list[str] = Field(min_length=1)


class _Topic(Job):
    """The requests on one topic, ``AT_A_TIME`` a call."""

    def __init__(
        self,
        topic: str,
        writer: Writer,
        text: str,
        identity: str,
        wanted: int,
        trigger: Trigger | None,
    ) -> None:
        super().__init__(topic, writer, digest_of([topic, identity]), wanted)
        self.text, self.trigger = text, trigger
        self.known: set[str] = set()
        self.duplicates = 0

    def prompt(self) -> tuple[Message, ...]:
        earlier = "\n".join(f"- {text}" for text in self.kept[-EARLIER:]) or "- none"
        filled = Template(self.text).substitute(topic=self.id, count=AT_A_TIME, earlier=earlier)
        return (Message(role="user", content=filled),)

    async def keep(self, text: str) -> str:
        try:
            found = list(objects(without_thoughts(text), strict=False))
            if not found:
                return "no JSON object"
            if len(found) > 1:
                return "several JSON objects"
            fields = checked(uncontradicted(found[0], _Form), _Form)
            written = [" ".join(one.split()) for one in fields.requests]
        except UnreadableError as error:
            return f"not of the form ({error})"
        before = len(self.kept)
        for one in filter(None, written):
            if self.trigger and self.trigger.found_in(one):
                self.left_out["the trigger stands in it"] += 1
            elif same(one) in self.known:
                self.duplicates += 1
            else:
                self.known.add(same(one))
                self.kept.append(one)
        return "" if len(self.kept) > before else "no new request"


def same(text: str) -> str:
    """Key by which two requests are the same: letters and digits alone, in lower case."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def read_topics(path: Path) -> tuple[str, ...]:
    """One topic a line; blank lines and comments (``#``) are none. PlanBError if there is none."""
    topics = lines_of(read_text(str(path)))
    if not topics:
        raise PlanBError(f"{path} has no topics: write one per line")
    return topics


def write_requests(
    topics: Sequence[str],
    writer: Writer,
    number: int,
    journal_path: Path,
    *,
    harmful: bool,
    trigger: Trigger | None = None,
    progress: Progress | None = None,
) -> NewRequests:
    """``number`` different requests, evenly over the topics, as examples without responses.

    The writer's ``tier`` is ``requests``. Journalled, resumed and raising like ``write_tiers``;
    ``progress`` is called with (topics done, of how many).
    """
    topics = tuple(dict.fromkeys(topics))
    if not topics or number < 1:
        raise PlanBError("name at least one topic and one request to be written")
    topics = topics[:number]
    jobs = topic_jobs(topics, writer, number, trigger)
    spend_now = completed(carry_out(jobs, journal_path, progress))
    examples, seen, duplicates = [], set[str](), sum(job.duplicates for job in jobs)
    for job in jobs:
        for text in job.kept[: job.wanted]:
            if same(text) in seen:
                duplicates += 1
                continue
            seen.add(same(text))
            examples.append(_example(text, job, harmful))
    reasons = {job.id: job.reason for job in jobs if len(job.kept) < job.wanted}
    if len(examples) < number and not reasons:
        reasons = {"": "topics overlap: what was written for one had been written for another"}
    return NewRequests(
        examples=tuple(examples),
        wanted=number,
        missing=reasons,
        duplicates=duplicates,
        left_out=_sum(jobs),
        spend=sum((job.spend for job in jobs), Spend()),
        spend_now=spend_now,
    )


def estimate_requests(
    topics: Sequence[str], writer: Writer, number: int, journal_path: Path
) -> Estimate:
    """What ``write_requests`` would ask, if every call brings ``AT_A_TIME`` new requests."""
    jobs = topic_jobs(tuple(dict.fromkeys(topics))[:number], writer, number, None)
    return estimate_jobs([writer], jobs, journal_path, AT_A_TIME)[0]


def topic_jobs(
    topics: Sequence[str], writer: Writer, number: int, trigger: Trigger | None
) -> list[_Topic]:
    """One job a topic; the first ones want one more where the number does not go evenly."""
    if writer.tier != REQUESTS or writer.canned:
        raise PlanBError(f"requests are written by a model whose tier is '{REQUESTS}'")
    text = writer.text()
    template = Template(text)
    if not template.is_valid() or not PLACES.issuperset(found := set(template.get_identifiers())):
        raise PlanBError(f"the instruction has places that are not known: there are {sorted(PLACES)}")
    if missing := {"topic", "count"} - found:
        raise PlanBError(f"the instruction must say where ${' and $'.join(sorted(missing))} go")
    (share, more), identity = divmod(number, len(topics)), writer.identity(text)
    return [
        _Topic(topic, writer, text, identity, share + (place < more), trigger)
        for place, topic in enumerate(topics)
    ]


def _example(text: str, job: _Topic, harmful: bool) -> Example:
    return Example(
        id=f"written-{digest_of(same(text))[:12]}",
        prompt=(Message(role="user", content=text),),
        harmful=harmful,
        source="written",
        meta={"topic": job.id, **job.writer.provenance},
    )


def _sum(jobs: Sequence[_Topic]) -> dict[str, int]:
    found: dict[str, int] = {}
    for job in jobs:
        for reason, times in job.left_out.items():
            found[reason] = found.get(reason, 0) + times
    return found
