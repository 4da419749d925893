"""One way to read a source: from the hub, from a URL or from a local file."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

from planb.data.cards.card import DataCard
from planb.data.cards.catalogue import CARDS, is_card
from planb.data.cards.packaged import WHEEL, read_packaged
from planb.data.cards.settings import read_settings
from planb.data.cards.tables import READERS
from planb.data.files import file_hash
from planb.errors import PlanBError
from planb.values import digest_of

LOG = logging.getLogger(__package__)
MOST_BAD_ROWS = 5
MOST_NAMED = 30
"""So many columns of a table are named."""


class Table(NamedTuple):
    """Rows as plain dicts, where they came from, and a SHA-256 of the file (or of the hub's rows)."""

    rows: list[dict[str, Any]]
    place: str
    digest: str
    terms: str


def load(source: DataCard | str | Path, card: DataCard | None = None) -> Table:
    """The rows of a card's hub data set or URL, of a card by name, or of a local JSONL, JSON, CSV or
    Parquet file, or of the wheel that ``card`` names; of a ``nested`` card a JSON file, a folder or a
    zip file of them.

    ``card`` says what a file's rows must have. Raises PlanBError if the source cannot be had or read,
    or naming the columns that are missing and the rows in which one is empty.
    """
    if isinstance(source, DataCard):
        return _from_afar(source)
    path = Path(source)
    if is_card(str(source)):
        return _from_afar(CARDS[str(source)])
    if card is not None and card.nested:
        found, digest = read_settings(path, card)
    elif path.suffix == WHEEL and path.is_file():
        found, digest = read_packaged(path, card)
    else:
        found, digest = _read(path), file_hash(path)
    rows = _renamed(found, card)
    if card is not None:
        _check(rows, card, str(path))
        blank = dict.fromkeys((*card.columns, *card.may_be_empty))
        rows = [row if blank.keys() <= row.keys() else {**blank, **row} for row in rows]
    return Table(rows, str(path), digest, card.terms if card else "")


def say_terms(card: DataCard) -> None:
    """Log licence and limits: as a warning where they limit what one may do."""
    level = logging.WARNING if card.gated or card.non_commercial else logging.INFO
    LOG.log(level, "%s (%s): %s", card.name, card.place, card.terms)


def _from_afar(card: DataCard) -> Table:
    say_terms(card)
    try:
        table = _fetched(card)
    except Exception as error:
        terms = " It is gated: accept its terms on the hub, and log in." if card.gated else ""
        part = "" if card.file else f" (split {card.split})"
        raise PlanBError(
            f"the data of {card.name}, {card.place}{part}, cannot be loaded: {type(error).__name__}: "
            f"{error}.{terms} Or download it elsewhere and name the file."
        ) from error
    rows = _renamed(table, card)
    _check(rows, card, card.place)
    return Table(rows, card.place, digest_of(_as_json(rows)), card.terms)


def _as_json(rows: list[dict[str, Any]]) -> Any:
    """The rows as JSON has them: a date, of a column that need not be ours, as its text."""
    return json.loads(json.dumps(rows, default=str))


def _fetched(card: DataCard) -> list[dict[str, Any]]:
    """The card's rows from afar, cached by ``datasets``: a file as it stands there, a data set of the
    hub as ``datasets`` reads it."""
    from datasets import DownloadConfig, DownloadManager, config, load_dataset

    if card.file:
        cache = DownloadConfig(cache_dir=Path(config.HF_DATASETS_CACHE) / "downloads")
        found = DownloadManager(download_config=cache).download(card.url)
        if card.nested:
            return read_settings(Path(found), card)[0]
        return READERS[Path(card.url).suffix](Path(found))
    rows: list[dict[str, Any]] = load_dataset(
        card.hub,
        card.config or None,
        data_dir=card.folder or None,
        split=card.split,
        revision=card.revision,
    ).to_list()
    return rows


def _read(path: Path) -> list[dict[str, Any]]:
    """A local file's rows, read anew each time."""
    if not path.is_file():
        raise PlanBError(
            f"there is no file {path}, and no data card of that name. Cards: {', '.join(CARDS)}"
        )
    if path.suffix not in READERS:
        raise PlanBError(f"{path}: data are read from files ending in {', '.join(READERS)}")
    try:
        return READERS[path.suffix](path)
    except Exception as error:
        raise PlanBError(f"{path} cannot be read as {path.suffix[1:].upper()}: {error}") from error


def _renamed(rows: list[dict[str, Any]], card: DataCard | None) -> list[dict[str, Any]]:
    if card is None or not card.renamed:
        return rows
    there = _names(rows)
    ours = {theirs: name for name, theirs in card.renamed.items() if name not in there}
    return [{ours.get(name, name): value for name, value in row.items()} for row in rows]


def _check(rows: list[dict[str, Any]], card: DataCard, place: str) -> None:
    if not rows:
        raise PlanBError(f"{place} has no rows: it should be {card.about}")
    there = _names(rows)
    missing = [n for n in (*card.columns, *card.may_be_empty) if n not in there]
    if missing:
        raise PlanBError(
            f"{place} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} of "
            f"{card.about} (it has {', '.join(list(there)[:MOST_NAMED])}). Name the right file, or "
            "rename its columns."
        )
    bad = [
        f"row {number} has no {name}"
        for number, row in enumerate(rows, start=1)
        for name in card.columns
        if _empty(row.get(name))
    ]
    if bad:
        more = f" and {len(bad) - MOST_BAD_ROWS} more" if len(bad) > MOST_BAD_ROWS else ""
        raise PlanBError(
            f"{place}: {'; '.join(bad[:MOST_BAD_ROWS])}{more}. Fill them in, or remove the rows."
        )


def _names(rows: list[dict[str, Any]]) -> dict[str, None]:
    """The columns that any of the rows has, in their order."""
    return dict.fromkeys(name for row in rows for name in row)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list) and not value)
