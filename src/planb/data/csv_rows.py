"""CSV files line by line: every row has as many cells as the header, or the error names its line."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from planb.errors import PlanBError


def csv_rows(
    path: Path, needed: Sequence[str], by: Sequence[str] = (), known: Collection[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """(number of the line it begins at, its cells by column) of every row that is not blank.

    Raises PlanBError where a ``needed`` column is missing, or all those that rows can be named ``by``;
    a column that is none of the ``known`` may be meant for it.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    began = 1
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, needed, by, {*needed, *by, *known})
        began = reader.line_num + 1
        for cells in reader:
            if len(cells) not in (0, len(header)):
                raise PlanBError(
                    f"{path}, line {began} has {len(cells)} cells and the header {len(header)}: "
                    "put a text with commas or line breaks in double quotes"
                )
            if any(cell.strip() for cell in cells):
                yield began, dict(zip(header, cells, strict=True))
            began = reader.line_num + 1
    except csv.Error as error:
        raise PlanBError(f"{path}, line {began} is not CSV: {error}") from error


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PlanBError(f"{path} cannot be read: {error.strerror}") from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise PlanBError(f"{path} is UTF-16, not UTF-8: save it again as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"not UTF-8 (byte 0x{raw[error.start]:02x})"
        raise PlanBError(f"{path}, line {line} is {what}: save the file as UTF-8") from error


def _check_header(
    path: Path,
    header: Sequence[str],
    needed: Sequence[str],
    by: Sequence[str],
    known: Collection[str],
) -> None:
    for name in header:
        if name and header.count(name) > 1:
            raise PlanBError(f"{path}, line 1: the column '{name}' occurs twice: keep one")
    missing = [name for name in needed if name not in header]
    if by and not set(by) & set(header):
        missing.insert(0, " (or ".join(by) + ")" * (len(by) - 1))
    if not missing:
        return
    hint = f"it has {', '.join(header) or 'none'}"
    if len(header) == 1 and ";" in header[0]:
        hint = "its cells seem to be separated by semicolons: save it with commas"
    elif near := difflib.get_close_matches(missing[0], [n for n in header if n not in known], n=1):
        hint = f"is '{near[0]}' meant for '{missing[0]}'?"
    raise PlanBError(f"{path}, line 1: no column {', '.join(missing)}; {hint}")
