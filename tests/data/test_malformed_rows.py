"""Damaged rows are refused by their number, or read; never a traceback. (20,000: malformed_rows.py.)"""

from __future__ import annotations

import json
from pathlib import Path

from malformed_rows import READERS, read_all


def test_damaged_rows_are_named_or_read(tmp_path: Path) -> None:
    found = read_all(1500, seed=0, folder=tmp_path)
    assert found["refused"] > 1000
    assert found["read"] > 50, "some damage is harmless: an id that is another text"


def test_whole_rows_are_read(tmp_path: Path) -> None:
    for whole, read in READERS.values():
        (tmp_path / "rows.jsonl").write_text(json.dumps(whole))
        assert len(read(tmp_path / "rows.jsonl")) == 1
