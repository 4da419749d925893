"""A hosted checkpoint: a folder whose ``hosted.json`` names a model at a host, with planb's card beside
it. No weights lie there; its digest is that of the identity it writes down."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from planb.errors import PlanBError
from planb.models.cards import CARD, HOSTED, Card
from planb.values import Value


class HostedIdentity(Value):
    """Identity of a hosted model. ``start`` is the model it was trained from, ``rows`` the SHA-256
    of the training file; a model that nobody trained here has neither, and no job."""

    base_url: str
    model: str
    start: str = ""
    job: str = ""
    method: str = ""
    hyperparameters: dict[str, int | float] = Field(default_factory=dict)
    seed: int = 0
    rows: str = ""


class HostedSpend(Value):
    """Cost of a hosted training: rows, tokens by our estimate and by the host's count, and USD (None
    where the price or the count is not known)."""

    rows: int = 0
    about_tokens: int = 0
    trained_tokens: int | None = None
    usd: float | None = None


class HostedCheckpoint(Value):
    """A hosted checkpoint: the content of ``hosted.json``. ``notes``: what the host does otherwise
    than planb's trainer."""

    identity: HostedIdentity
    spend: HostedSpend = HostedSpend()
    notes: tuple[str, ...] = ()

    def write(self, folder: Path, card: Card) -> None:
        (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / HOSTED).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def is_hosted(folder: Path) -> bool:
    """Whether the folder stands for a model at a host."""
    return (folder / HOSTED).is_file()


def read_hosted(folder: Path) -> HostedCheckpoint:
    """The hosted checkpoint in ``folder``; PlanBError if there is none."""
    try:
        return HostedCheckpoint.model_validate_json((folder / HOSTED).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise PlanBError(f"{folder} is no hosted checkpoint: {HOSTED} cannot be read") from error
