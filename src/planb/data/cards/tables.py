"""A local table (JSONL, JSON, CSV, Parquet, PyRIT's seeds) as rows, each cell as it stands in the file.

Nothing is guessed from what a text looks like: "2024-01-01" is no date, "007" no number, "None" not
nothing. A table that cannot be read raises ValueError (or what its reader raises), which says why.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from planb.data.lines import BadRowError, decoded, lines_of

Rows = list[dict[str, Any]]
LONGEST_NUMBER = 15
"""Digits: a longer whole number of a CSV file stays text."""
MOST_ROWS = 5


def _json_lines(path: Path) -> Rows:
    return _decoded(lines_of(path), "line")


def _json(path: Path) -> Rows:
    """A list of objects, or an object a line."""
    text = path.read_text(encoding="utf-8-sig").strip()
    if not text.startswith("["):
        return _json_lines(path)
    whole = decoded(f'{{"rows": {text}}}')["rows"]
    if wrong := next((at for at, row in enumerate(whole, start=1) if not isinstance(row, dict)), None):
        raise BadRowError(f"row {wrong} is no object with fields")
    return list(whole)


def _decoded(lines: Iterator[tuple[int, str | BadRowError]], what: str) -> Rows:
    rows, bad = Rows(), list[str]()
    for number, text in lines:
        try:
            if isinstance(text, BadRowError):
                raise text
            rows.append(decoded(text))
        except BadRowError as error:
            bad.append(f"{what} {number}: {error}")
    if bad:
        more = f"; and {len(bad) - MOST_ROWS} more" if len(bad) > MOST_ROWS else ""
        raise BadRowError("; ".join(bad[:MOST_ROWS]) + more)
    return rows


def _csv(path: Path) -> Rows:
    """Cells are text; a column of whole numbers as one writes them (no 007, no 1.0) is of numbers."""
    import pandas as pd

    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        columns = len(next(reader, []))
        for row in reader:  # pandas fills up short ones, and may take a cell too many for a row's name
            if len(row) not in (0, columns):
                raise BadRowError(f"line {reader.line_num} has {len(row)} cells, the header {columns}")
    table = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8-sig")
    for name in table.columns:
        if len(table) and all(_is_number(cell) for cell in table[name]):
            table[name] = [int(cell) for cell in table[name]]
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _is_number(cell: Any) -> bool:
    bare = cell.isascii() and cell.removeprefix("-").isdigit() and len(cell) <= LONGEST_NUMBER
    return bool(bare) and str(int(cell)) == cell


def _parquet(path: Path) -> Rows:
    import pyarrow.parquet as pq

    rows: Rows = pq.read_table(path).to_pylist(maps_as_pydicts="strict")
    return rows


def _seeds(path: Path) -> Rows:
    """A file of PyRIT's: YAML whose ``seeds`` are the rows, each with its text as ``value``."""
    import yaml  # type: ignore[import-untyped,unused-ignore]

    try:
        whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise BadRowError(f"not YAML ({type(error).__name__})") from None  # its message quotes the text
    rows = whole.get("seeds") if isinstance(whole, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadRowError("no list of `seeds` in it")
    return [{"prompt" if name == "value" else name: cell for name, cell in r.items()} for r in rows]


READERS: dict[str, Callable[[Path], Rows]] = {
    ".jsonl": _json_lines,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
    ".prompt": _seeds,
}
