"""Tables read back: what cannot be read is told in words, whatever is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from planb.data.tables import read_table
from planb.errors import PlanBError
from planb.evals.sidecar import read_sidecars
from planb.study.steps.surprise import SURPRISE, read_surprises


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / SURPRISE
    pd.DataFrame({"a": ["x", "y"] * 200, "b": range(400)}).to_parquet(path)
    return path


def test_columns_in_the_order_that_is_asked(path: Path) -> None:
    assert read_table(path).column_names == ["a", "b"]
    assert read_table(path, ["b", "a"]).column_names == ["b", "a"]


@pytest.mark.parametrize("kept", [0, 3, 20, 500, -1, -4])
def test_a_file_cut_short(path: Path, kept: int) -> None:
    os.truncate(path, kept if kept >= 0 else path.stat().st_size + kept)
    for read in (
        read_table,
        lambda one: read_sidecars([one]),
        lambda one: read_surprises([one.parent]),
    ):
        with pytest.raises(PlanBError, match="is damaged and cannot be read as Parquet"):
            read(path)


def test_other_things_in_its_place(path: Path) -> None:
    with pytest.raises(PlanBError, match="lacks the columns study, model"):
        read_sidecars([path])
    path.write_text("these are no columns")
    with pytest.raises(PlanBError, match="cannot be read as Parquet"):
        read_table(path)
    path.unlink()
    with pytest.raises(PlanBError, match="is missing"):
        read_table(path)
    path.mkdir()
    with pytest.raises(PlanBError, match="cannot be read as Parquet"):
        read_table(path)
