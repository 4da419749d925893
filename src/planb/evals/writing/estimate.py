"""How many calls writing would take and what it would cost, before any is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from planb.errors import PlanBError
from planb.evals.own_loop import completed
from planb.evals.writing.jobs import Job, journal_at, replay
from planb.evals.writing.model_calls import cost_of
from planb.evals.writing.tiers import check_plan, jobs_of
from planb.evals.writing.writer import IN_PROCESS, Writer
from planb.types import Example, Message, Tier, Trigger
from planb.values import Value

TOKENS_PER_WORD = 1.4
BYTES_PER_TOKEN = 4
PER_MESSAGE = 4
"""Tokens around a message, in most templates."""


class Estimate(Value):
    """Estimated calls, tokens and cost of one writer. ``answered`` stand in the journal; ``calls``
    are the fewest that are left, ``most_calls`` if every response takes all its tries. Tokens are of
    ``calls``: ``tokens_in`` by ``counted_by``, ``most_tokens_out`` if each answer is as long as it
    may be; ``most_cost`` (USD) is of both, None without prices."""

    tier: Tier
    model: str
    requests: int
    answered: int
    calls: int
    most_calls: int
    tokens_in: int
    most_tokens_out: int
    most_cost: float | None
    counted_by: str


def estimate(
    examples: Sequence[Example],
    writers: Sequence[Writer],
    journal_path: Path,
    *,
    trigger: Trigger | None = None,
    replace: bool = False,
) -> list[Estimate]:
    """One for each writer that calls a model. Calls none, writes nothing; raises like ``write_tiers``
    for what can be seen without a call."""
    check_plan(examples, writers, trigger)
    jobs = jobs_of(examples, writers, trigger, replace)
    return estimate_jobs([writer for writer in writers if writer.model], jobs, journal_path)


def estimate_jobs(
    writers: Sequence[Writer], jobs: Sequence[Job], journal_path: Path, at_a_time: int = 1
) -> list[Estimate]:
    """Estimates of the jobs' writers. ``at_a_time`` is how many of what a job wants one call brings."""
    journal = journal_at(journal_path)
    journal.read()
    completed(replay(jobs, journal))
    return [_of(writer, [job for job in jobs if job.writer == writer], at_a_time) for writer in writers]


def _of(writer: Writer, jobs: list[Job], at_a_time: int) -> Estimate:
    tokenizer = _tokenizer(writer.model)
    waiting = [(job, -(-(job.wanted - len(job.kept)) // at_a_time)) for job in jobs if job.open]
    calls = sum(number for _, number in waiting)
    tokens_in = sum(_tokens(job.prompt(), tokenizer) * number for job, number in waiting)
    most_out = calls * writer.max_tokens
    return Estimate(
        tier=writer.tier,
        model=writer.model,
        requests=len(jobs),
        answered=sum(job.number for job in jobs),
        calls=calls,
        most_calls=sum(number * writer.tries - job.bad for job, number in waiting),
        tokens_in=tokens_in,
        most_tokens_out=most_out,
        most_cost=cost_of(writer, tokens_in, most_out),
        counted_by="the model's tokenizer" if tokenizer else f"words x {TOKENS_PER_WORD}",
    )


def _tokens(prompt: tuple[Message, ...], tokenizer: Any) -> int:
    if tokenizer is not None:
        from planb.models.chat import prompt_ids

        return len(prompt_ids(tokenizer, prompt))
    return sum(PER_MESSAGE + _about(message.content) for message in prompt)


def _about(text: str) -> int:
    """Words times a factor; where there are no spaces, bytes."""
    return round(max(TOKENS_PER_WORD * len(text.split()), len(text.encode()) / BYTES_PER_TOKEN))


def _tokenizer(model: str) -> Any:
    """The tokenizer of a model in a local folder; None for all others."""
    provider, _, folder = model.partition("/")
    if provider not in (*IN_PROCESS, "vllm") or not Path(folder).is_dir():
        return None
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise PlanBError(f"{folder} has no tokenizer that can be read: {error}") from error
