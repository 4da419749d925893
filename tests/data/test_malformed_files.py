"""Damaged tables, wheels, GGUF headers and judges' answers are refused in words, or read; never a
traceback. (20,000: malformed_files.py.)"""

from __future__ import annotations

from pathlib import Path

import pytest
from malformed_files import read_all

from planb.data.cards.loading import load
from planb.data.tables import read_csv, write_csv
from planb.errors import PlanBError


@pytest.mark.slow
def test_damaged_files_are_named_or_read(tmp_path: Path) -> None:
    found = read_all(1200, seed=0, folder=tmp_path)
    assert len(found) == 12
    assert all(counts["refused"] > 30 for counts in found.values())
    read = [name for name, counts in found.items() if counts["read"]]
    assert len(read) > 8, "some damage is harmless: a text that is another"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("one,k,1\n", "line 2 has 3 cells, the header 2"),
        ("one,k\ntwo\n", "line 3 has 1 cells, the header 2"),
    ],
)
def test_cells_are_never_taken_for_those_of_another_column(
    rows: str, told: str, tmp_path: Path
) -> None:
    """pandas takes a first cell too many for the row's name, and fills up a row that is too short."""
    (tmp_path / "a.csv").write_text(f"prompt,kind\n{rows}")
    with pytest.raises(PlanBError, match=told):
        load(tmp_path / "a.csv")


def test_a_table_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    import pandas as pd

    table = pd.DataFrame({"name": ["a", "", "1"], "n": [1, 2, 3], "value": [0.5, float("nan"), 2]})
    write_csv(table, tmp_path / "a.csv")
    found = read_csv(tmp_path / "a.csv", ("name", "n"), ("value",), ("n",))
    assert [*found["name"]] == ["a", "", "1"]
    assert [*found["n"]] == [1, 2, 3]
    pd.testing.assert_series_equal(found["value"], table["value"])
    (tmp_path / "a.csv").write_text("name,n,value\na,1,0.5\nb,two,1\n")
    with pytest.raises(PlanBError, match="line 3: 'n' is no number"):
        read_csv(tmp_path / "a.csv", ("name",), ("value",), ("n",))
