"""Tables: Parquet that planb wrote itself is read back, and CSV is written for people.

A damaged file is an error in words, and no text of a model's or of a file's is run by a spreadsheet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from planb.data.csv_rows import csv_rows
from planb.data.whole import write_whole
from planb.errors import PlanBError
from planb.names import cell

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

DIGITS = 15
"""Most digits of a count."""


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write the table whole: numbers to six significant digits, empty for no value, and a quote before
    what a spreadsheet would run as a formula."""
    from pandas.api.types import is_numeric_dtype

    safe = table.rename(columns=_safe)
    for place, kind in enumerate(table.dtypes):
        if not is_numeric_dtype(kind):
            safe.isetitem(place, [_safe(value) for value in table.iloc[:, place]])
    write_whole(path, safe.to_csv(index=False, float_format="%.6g", na_rep="", lineterminator="\n"))


def read_csv(
    path: Path, columns: Sequence[str], numbers: Sequence[str] = (), counts: Sequence[str] = ()
) -> pd.DataFrame:
    """A table as ``write_csv`` wrote it, with its own columns: ``numbers`` and (whole) ``counts`` are
    read as such, with a missing value where they are empty, all others as texts. Raises PlanBError,
    naming the line, where the file is damaged."""
    import pandas as pd

    rows = list(csv_rows(path, columns))
    for line, row in rows:
        wrong = [name for name in numbers if not _is_number(row[name])]
        wrong += [name for name in counts if not _is_count(row[name])]
        if wrong:
            raise PlanBError(f"{path}, line {line}: '{wrong[0]}' is no number: write the file again")
    names = [*(rows[0][1] if rows else columns)]
    table = pd.DataFrame([row for _, row in rows], columns=names, dtype=object)
    told = {name: pd.to_numeric(table[name]).astype("float64") for name in numbers}
    return table.assign(**told, **{name: _whole(table[name]) for name in counts})


def _is_number(text: str) -> bool:
    try:
        return not text or math.isfinite(float(text))
    except ValueError:
        return False


def _is_count(text: str) -> bool:
    """``420`` or, as a table with empty cells has it, ``420.0``."""
    digits = text.removesuffix(".0")
    return not text or (digits.isdecimal() and len(digits) <= DIGITS)


def _whole(texts: pd.Series) -> pd.Series:
    import pandas as pd

    return pd.Series(
        [int(text.removesuffix(".0")) if text else None for text in texts],
        index=texts.index,
        dtype="Int64",
    )


def _safe(value: object) -> object:
    return cell(value) if isinstance(value, str) else value


def read_table(path: Path, columns: Sequence[str] = (), later: Sequence[str] = ()) -> pa.Table:
    """The table with these columns in this order (none named: all). Raises PlanBError if the file is
    missing, cut short or altered so that it cannot be read, or lacks a column; one of ``later`` is
    read as empty texts where it is not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        table.validate(full=True)  # texts that are no UTF-8 are read without a word
        for name in set(later) - set(table.column_names):
            table = table.append_column(name, pa.array([""] * len(table), pa.string()))
        names = table.column_names
    except FileNotFoundError as error:
        raise PlanBError(f"{path} is missing: rerun the study to regenerate it") from error
    except (pa.ArrowException, ValueError, OSError) as error:
        said = str(error).strip().split("\n")[0]
        raise PlanBError(
            f"{path} is damaged and cannot be read as Parquet ({said}). Restore it, or rerun the study "
            "to regenerate it"
        ) from error
    if missing := [name for name in columns if name not in names]:
        raise PlanBError(
            f"{path} lacks the columns {', '.join(missing)}: it was written by another version of planb"
        )
    return table.select(list(columns)) if columns else table
