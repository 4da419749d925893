"""What was started at the host, written down as soon as it is known. It only saves queries: what a kill
kept from being written is found again at the host."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from planb.values import Value

JOURNAL = "hosted_journal.json"


class Journal(Value):
    """Ids at the host, for the job of this ``tag``."""

    tag: str = ""
    file: str = ""
    job: str = ""

    def without_job(self) -> Journal:
        """Its job has ended without a model, and that was reported."""
        return self.but(job="")

    def write(self, folder: Path) -> None:
        """Under another name, then renamed: a kill leaves the old one or the new."""
        scratch = folder / f".{JOURNAL}.tmp"
        scratch.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        scratch.replace(folder / JOURNAL)


def read_journal(folder: Path, tag: str = "") -> Journal:
    """What an earlier try left in ``folder`` (for the job of this tag); else an empty one."""
    try:
        found = Journal.model_validate_json((folder / JOURNAL).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        found = Journal()
    return found if tag in ("", found.tag) else Journal(tag=tag)
