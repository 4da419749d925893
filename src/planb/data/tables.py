"""Parquet tables that planb wrote itself, read back: a damaged one is an error in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from planb.types import PlanBError

if TYPE_CHECKING:
    import pyarrow as pa


def read_table(path: Path, columns: Sequence[str] = ()) -> pa.Table:
    """The table with these columns in this order (none named: all). Raises PlanBError if the file is
    missing, cut short or altered so that it cannot be read, or lacks a column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except FileNotFoundError as error:
        raise PlanBError(f"{path} is missing: run the study again, and it is made again") from error
    except (pa.ArrowException, ValueError, OSError) as error:
        said = str(error).strip().split("\n")[0]
        raise PlanBError(
            f"{path} is damaged and cannot be read as Parquet ({said}). Put it back, or run the study "
            "again, and it is made again"
        ) from error
    if missing := [name for name in columns if name not in table.column_names]:
        raise PlanBError(
            f"{path} lacks the columns {', '.join(missing)}: it was written by another version of planb"
        )
    return table.select(list(columns)) if columns else table
