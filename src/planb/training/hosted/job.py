"""One fine-tuning job: its file sent once, the job started once, waited for until it ends.

A request that starts something is never simply repeated. Before each try the host is asked whether it
has the file (by a name that holds its content's hash) or the job (by a tag in its metadata that holds
all that was asked for) already: so neither a kill nor a lost answer makes a second one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from planb.errors import PlanBError
from planb.redaction import redacted
from planb.training.hosted.host import Host
from planb.training.hosted.journal import Journal, read_journal
from planb.training.hosted.rows import Kind
from planb.values import Value, digest_of

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import FileObject
    from openai.types.fine_tuning import FineTuningJob

Progress = Callable[[float, float, str], None]
T = TypeVar("T")
TAG = "planb"
ENDED = ("succeeded", "failed", "cancelled")
TRIES = 5
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between two looks at a job, and between two tries to start one."""
LARGEST_SEED = 2**31 - 1


class JobSpec(Value):
    """Specification of a fine-tuning job: two jobs of one tag would make the same model."""

    base_url: str
    model: str
    method: Kind
    hyperparameters: dict[str, int | float]
    seed: int
    rows: str

    @property
    def tag(self) -> str:
        return digest_of(self.model_dump(mode="json"))[:32]

    @property
    def api_method(self) -> dict[str, Any]:
        return {"type": self.method, self.method: {"hyperparameters": self.hyperparameters}}


def run_job(
    host: Host, spec: JobSpec, rows: Path, folder: Path, progress: Progress | None
) -> FineTuningJob:
    """The job of this spec, succeeded; what was begun earlier is taken up.

    ``rows`` is the training file, ``folder`` where the journal lies. Raises PlanBError with what the
    host says where it refuses, fails or cancels (once, also of a job that ended while nobody looked);
    a later call then starts another job.
    """
    client, journal = host.client(), read_journal(folder, spec.tag)
    with host.told("look for the fine-tuning job"):
        job = _known_job(client, journal, spec)
    if job is None:
        if progress:
            progress(0, 1, "sending the training file")
        with host.told("take the training file"):
            file = _once(lambda: _find_file(client, rows), lambda: _send(host, rows))
        journal = journal.but(file=file.id)
        journal.write(folder)
        with host.told("start the fine-tuning job"):
            job = _once(lambda: find_job(client, spec.tag), lambda: _start(host, spec, file.id))
    journal = journal.but(job=job.id, file=job.training_file)
    journal.write(folder)
    with host.told(f"look at the job {job.id}"):
        job = _waited(client, job, progress)
        if job.status != "succeeded":
            journal.without_job().write(folder)
        return _checked(host, client, job, rows)


def stop_job(host: Host, folder: Path) -> str:
    """Cancel at the host the job that the journal in ``folder`` knows; its id, or "" if none runs."""
    client, journal = host.client(), read_journal(folder)
    if not journal.tag:
        return ""
    with host.told("cancel the fine-tuning job"):
        job = find_job(client, journal.tag)
        if job is None or job.status in ENDED:
            return ""
        client.fine_tuning.jobs.cancel(job.id)
    journal.without_job().write(folder)
    return job.id


def file_hash(path: Path) -> str:
    """SHA-256 of a file: 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _once(find: Callable[[], T | None], make: Callable[[], T]) -> T:
    """What is found, else what is made; after a try of unknown outcome it is looked for again."""
    import openai

    passing = (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError)
    pause, failed = FIRST_PAUSE, None
    for _ in range(TRIES):
        if (found := find()) is not None:
            return found
        try:
            return make()
        except passing as error:
            if getattr(error, "code", None) == "insufficient_quota":
                raise
            failed = error
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    if (found := find()) is not None:
        return found
    assert failed is not None
    raise failed


def _find_file(client: OpenAI, rows: Path) -> FileObject | None:
    name, size = _name(rows), rows.stat().st_size
    for file in client.files.list(purpose="fine-tune"):
        if file.filename == name and file.bytes == size and file.status != "error":
            return file
    return None


def _send(host: Host, rows: Path) -> FileObject:
    with rows.open("rb") as content:
        return host.client(retries=0).files.create(file=(_name(rows), content), purpose="fine-tune")


def _name(rows: Path) -> str:
    return f"planb-{file_hash(rows)[:32]}.jsonl"


def _known_job(client: OpenAI, journal: Journal, spec: JobSpec) -> FineTuningJob | None:
    """The journal's job, however it stands; else the host's of the same tag, if it has not failed."""
    import openai

    if journal.job:
        with suppress(openai.NotFoundError):
            return client.fine_tuning.jobs.retrieve(journal.job)
    return find_job(client, spec.tag)


def find_job(client: OpenAI, tag: str) -> FineTuningJob | None:
    """A job that was started with this tag and has not failed. The filter is a help only: a host that
    does not know it lists them all."""
    for job in client.fine_tuning.jobs.list(limit=100, metadata={TAG: tag}):
        ours = (job.metadata or {}).get(TAG) == tag
        if ours and job.status not in ("failed", "cancelled"):
            return job
    return None


def _start(host: Host, spec: JobSpec, file: str) -> FineTuningJob:
    method: Any = spec.api_method
    return host.client(retries=0).fine_tuning.jobs.create(
        model=spec.model,
        training_file=file,
        method=method,
        seed=spec.seed,
        suffix=f"{TAG}-{spec.tag[:8]}",
        metadata={TAG: spec.tag},
    )


def _waited(client: OpenAI, job: FineTuningJob, progress: Progress | None) -> FineTuningJob:
    """The job at its end. The pause between two looks grows."""
    pause = FIRST_PAUSE
    while job.status not in ENDED:
        if progress:
            progress(*_standing(client, job))
        time.sleep(pause)
        pause = min(1.3 * pause, LONGEST_PAUSE)
        job = client.fine_tuning.jobs.retrieve(job.id)
    return job


def _standing(client: OpenAI, job: FineTuningJob) -> tuple[float, float, str]:
    """(updates done, of how many, what the host says): the newest events come first."""
    note = f"{job.id} is {job.status.replace('_', ' ')}"
    if job.estimated_finish:
        until = time.strftime("%H:%M", time.localtime(job.estimated_finish))
        note += f", until {until} by the host's estimate"
    for event in client.fine_tuning.jobs.list_events(job.id, limit=20).data:
        data = event.data if isinstance(event.data, dict) else {}
        if event.type == "metrics" and data.get("total_steps"):
            return float(data.get("step", 0)), float(data["total_steps"]), note
    return 0, 1, note


def _checked(host: Host, client: OpenAI, job: FineTuningJob, rows: Path) -> FineTuningJob:
    """The job if it succeeded; else PlanBError with the host's own words."""
    if job.status == "succeeded" and job.fine_tuned_model:
        return job
    if job.status == "cancelled":
        raise PlanBError(
            f"the job {job.id} was cancelled at {host.url}. Rerun the same command to start another."
        )
    said = job.error.message if job.error and job.error.message else _last_words(client, job)
    said = redacted(said.rstrip("."))
    code = f" ({job.error.code})" if job.error and job.error.code else ""
    about_file = bool(job.error and job.error.param in ("training_file", "validation_file"))
    advice = (
        f"It is about the rows in {rows}: change the data they come from, or ask the host for access. "
        "What its moderation does not let through cannot be trained there."
        if about_file
        else "Run the same command to start another job."
    )
    raise PlanBError(f"the job {job.id} failed at {host.url}: {said}{code}. {advice}")


def _last_words(client: OpenAI, job: FineTuningJob) -> str:
    events = client.fine_tuning.jobs.list_events(job.id, limit=20).data
    errors = [event.message for event in events if event.level == "error"]
    return "; ".join(errors[:3]) or f"it ended as '{job.status}' without a reason"
