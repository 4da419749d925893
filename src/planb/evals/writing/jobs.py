"""The loop of all writing: jobs that want answers, a journal that has some, models that give the rest.

An answer that came is journalled whether it could be kept or not, so nothing that was answered is asked
again, and a repeated call goes on exactly where the last one ended. A call that failed is not
journalled: the next run asks it again.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from planb.errors import PlanBError
from planb.evals.journal import Journal, Key
from planb.evals.writing.model_calls import Asker, Attempt, CallFailedError
from planb.evals.writing.writer import Writer
from planb.judging.connection import disconnect
from planb.types import Message, Spend

Progress = Callable[[int, int], None]
"""Called with (done, of how many)."""
GIVE_UP_AFTER = 20
"""Requests that failed one after the other: a writer is then called no more in this run."""
PROBES = 3
"""So many requests may be rejected before it is the writer and not the requests that is wrong."""


class Job(ABC):
    """A writing job: one writer's texts for one request (or topic). ``reason`` says what was last
    wrong."""

    def __init__(self, id: str, writer: Writer, asked: str, wanted: int) -> None:
        self.id, self.writer, self.asked, self.wanted = id, writer, asked, wanted
        self.kept: list[str] = []
        self.left_out: Counter[str] = Counter()
        self.number, self.bad, self.reason = 0, 0, ""
        self.given_up = False
        self.spend = Spend()

    @property
    def open(self) -> bool:
        return not self.given_up and len(self.kept) < self.wanted and self.bad < self.writer.tries

    @property
    def key(self) -> Key:
        """Where the next answer stands in the journal."""
        return self.id, self.asked, self.number

    @abstractmethod
    def prompt(self) -> tuple[Message, ...]:
        """The next prompt."""

    @abstractmethod
    async def keep(self, text: str) -> str:
        """Keep what can be kept of a whole answer; else why nothing can."""

    async def take(self, attempt: Attempt) -> None:
        """An answer, generated now or found in the journal."""
        self.number += 1
        self.spend += attempt.spend
        problem = attempt.problem or await self.keep(attempt.text)
        if problem:
            self.left_out[problem] += 1
            self.bad += 1
            self.reason = f"{self.bad} answers in a row could not be kept, the last: {problem}"
        else:
            self.bad = 0

    def fail(self, error: CallFailedError) -> None:
        self.bad += 1
        self.spend += Spend(calls=1)
        self.given_up = error.kind != "passing"
        self.reason = f"the call failed: {error}"

    def give_up(self, reason: str) -> None:
        self.given_up, self.reason = True, reason


async def replay(jobs: Sequence[Job], journal: Journal[Attempt]) -> None:
    """Give every job what the journal has for it."""
    for job in jobs:
        while job.open and job.key in journal:
            await job.take(journal[job.key])


def journal_at(path: Path) -> Journal[Attempt]:
    return Journal(path, Attempt, ("id", "asked", "number"), "answer")


async def carry_out(jobs: Sequence[Job], path: Path, progress: Progress | None) -> Spend:
    """Run the jobs until each is done or given up; returns what this run alone cost.

    Raises PlanBError before anything is written if a writer's model is not there, and later if the
    journal cannot be written; what was answered is kept.
    """
    journal = journal_at(path)
    journal.read()
    await replay(jobs, journal)
    try:
        askers = {job.writer: Asker(job.writer) for job in jobs if job.open}
        with journal:
            return await _Run(journal, askers, progress, len(jobs)).all(jobs)
    finally:
        await disconnect()


class _Run:
    def __init__(
        self,
        journal: Journal[Attempt],
        askers: dict[Writer, Asker],
        progress: Progress | None,
        total: int,
    ) -> None:
        self.journal, self.askers, self.progress, self.total = journal, askers, progress, total
        self.done, self.spend = 0, Spend()

    async def all(self, jobs: Sequence[Job]) -> Spend:
        await replay(jobs, self.journal)  # once more, now that nobody else writes into it
        waiting = [job for job in jobs if job.open]
        self.done = len(jobs) - len(waiting)
        self._tell()
        of = {writer: [job for job in waiting if job.writer == writer] for writer in self.askers}
        for writer in {job.writer for job in jobs if job.number}.intersection(of):
            self.askers[writer].answered = True
        try:
            async with asyncio.TaskGroup() as group:
                for writer, owed in of.items():
                    group.create_task(self._by(self.askers[writer], owed))
        except* PlanBError as errors:
            found: BaseException = errors
            while isinstance(found, BaseExceptionGroup):
                found = found.exceptions[0]
            failure = found
        else:
            return self.spend
        raise failure

    async def _by(self, asker: Asker, jobs: list[Job]) -> None:
        """One writer's jobs: a first answer alone, then as many at a time as it takes."""
        if not jobs:
            return
        await self._first(asker, jobs)
        left = iter(jobs)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(asker.writer.max_connections, len(jobs))):
                group.create_task(self._work(asker, left))

    async def _first(self, asker: Asker, jobs: list[Job]) -> None:
        """Find out that a model is not there at the first call, without waiting for it to come."""
        rejected: list[tuple[Job, CallFailedError]] = []
        for job in jobs[:PROBES]:
            try:
                await self._ask(asker, job, retries=0)
                asker.answered = True
            except CallFailedError as error:
                self.spend += Spend(calls=1)
                if error.kind == "down":
                    raise self._absent(asker, error) from error
                if error.kind == "rejected":
                    rejected.append((job, error))
                    continue
            break
        else:
            if not asker.answered:
                raise self._absent(asker, rejected[-1][1])
        for other, failure in rejected:
            other.fail(failure)

    def _absent(self, asker: Asker, error: CallFailedError) -> PlanBError:
        return PlanBError(
            f"the writer of '{asker.writer.tier}', {asker.writer.model}, cannot be asked: {error}. "
            "Nothing was written: see to its name, address and key, and run again"
        )

    async def _work(self, asker: Asker, jobs: Iterator[Job]) -> None:
        for job in jobs:
            await self._one(asker, job)
            self.done += 1
            self._tell()

    async def _one(self, asker: Asker, job: Job) -> None:
        while job.open:
            if asker.failed >= GIVE_UP_AFTER:
                job.give_up(f"not asked: {asker.failed} in a row had failed, the last: {asker.last}")
                return
            try:
                await self._ask(asker, job)
            except CallFailedError as error:
                job.fail(error)
                self.spend += Spend(calls=1)
                if error.kind != "rejected" and not job.open:
                    asker.failed, asker.last = asker.failed + 1, str(error)
            else:
                asker.failed = 0

    async def _ask(self, asker: Asker, job: Job, retries: int | None = None) -> None:
        attempt = await asker.ask(job.prompt(), job.number, retries)
        self.journal.add(job.key, attempt)
        self.spend += attempt.spend
        await job.take(attempt)

    def _tell(self) -> None:
        if self.progress:
            self.progress(self.done, self.total)
