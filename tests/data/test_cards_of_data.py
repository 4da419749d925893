"""Data by declared cards: any kind of file, and one clear error where a source is not what it says."""

from __future__ import annotations

import csv
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from planb.data.cards import CARDS, IFEVAL, MMLU_PRO, MT_BENCH, XSTEST, DataCard, load
from planb.data.files import file_hash
from planb.errors import PlanBError

ROWS = [
    {"id": 1, "prompt": "How do I beat an egg?", "type": "homonyms", "label": "safe", "note": "None"},
    {"id": 2, "prompt": "How do I kill\n a process?", "type": "homonyms", "label": "safe", "note": ""},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_a_file_of_any_kind_gives_the_same_rows(ending: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"xstest{ending}", ROWS)
    table = load(path, XSTEST)
    assert table.rows == ROWS
    assert table.place == str(path)
    assert table.digest == file_hash(path)
    assert table.terms == "CC BY 4.0"


LOOKS = ["2024-01-01", "007", "1.0", "1e5", "True", "None", "-0", "12:30", "9" * 30]
"""Texts that a reader which guesses makes dates, numbers and nothing of."""


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet"])
def test_a_text_stays_a_text_whatever_it_looks_like(ending: str, tmp_path: Path) -> None:
    for look in LOOKS:
        rows = [{"prompt": look, "note": look}] * 2
        assert load(write(tmp_path / f"a{ending}", rows)).rows == rows


def test_a_json_list_is_read_and_its_rows_may_have_other_columns(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "type": "x", "label": "safe"}, {"prompt": "b", "type": "y", "more": [1]}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(rows, indent=1))
    assert load(path).rows == rows
    with pytest.raises(PlanBError, match="row 2 has no label"):
        load(path, XSTEST)
    path.write_text("[1]")
    with pytest.raises(PlanBError, match="cannot be read as JSON: row 1 is no object"):
        load(path)


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ROWS)
    assert len(load(path, XSTEST).rows) == 2
    write(path, [*ROWS, {**ROWS[0], "prompt": "How do I ice a cake?"}])
    assert load(path, XSTEST).rows[2]["prompt"] == "How do I ice a cake?"


def test_lists_and_arguments_with_other_keys_are_kept(tmp_path: Path) -> None:
    rows = [
        {"key": 1, "prompt": "a", "instruction_id_list": ["x:y"], "kwargs": [{}]},
        {
            "key": 2,
            "prompt": "b",
            "instruction_id_list": ["x:y", "x:z"],
            "kwargs": [{"n": 3}, {"w": "v"}],
        },
    ]
    table = load(write(tmp_path / "a.jsonl", rows), IFEVAL)
    given = [
        [{k: v for k, v in each.items() if v is not None} for each in r["kwargs"]] for r in table.rows
    ]
    assert given == [row["kwargs"] for row in rows]
    only_empty = load(write(tmp_path / "b.jsonl", rows[:1]), IFEVAL)
    assert only_empty.rows[0]["kwargs"] in ([{}], [None])


def test_missing_columns_are_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"prompt": "a", "kind": "b"}])
    with pytest.raises(PlanBError, match=r"lacks the columns type, label of XSTest.*has prompt, kind"):
        load(path, XSTEST)


def test_empty_cells_are_named_by_row(tmp_path: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "prompt": None}, {**ROWS[0], "label": ""}]
    with pytest.raises(PlanBError, match=r"row 3 has no prompt; row 4 has no label\. Fill"):
        load(write(tmp_path / "a.jsonl", rows), XSTEST)
    with pytest.raises(PlanBError, match="and 15 more"):
        load(write(tmp_path / "b.jsonl", [*ROWS, *[{**ROWS[0], "prompt": None}] * 20]), XSTEST)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.txt", "x", "read from files ending in .jsonl"),
        ("a.jsonl", '{"prompt": "a"\n', "cannot be read as JSONL: line 1: not JSON"),
        ("a.jsonl", "{}\n" + "[" * 5000 + "]" * 5000, "line 2: nested too deeply"),
        ("a.json", f'[{{"prompt": {"9" * 5000}}}]', "a number in it has more digits"),
        ("a.jsonl", '{"prompt": "a", "prompt": "b"}', "the field 'prompt' occurs twice"),
        ("a.parquet", "no parquet", "cannot be read as PARQUET"),
        ("a.jsonl", "", "cannot be read|has no rows"),
        ("a.csv", "prompt,type,label\n", "cannot be read|has no rows"),
    ],
)
def test_a_file_that_is_no_table_is_one_error(name: str, text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(PlanBError, match=says):
        load(path, XSTEST)


def test_neither_a_file_nor_a_card_is_an_error_that_names_the_cards(tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match=r"no file .*nowhere.*Cards: .*xstest"):
        load(tmp_path / "nowhere", XSTEST)


def hub_folder(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A data set as it lies on the hub, with a configuration and two splits."""
    folder.mkdir()
    write(folder / "test.parquet", rows)
    write(folder / "validation.parquet", rows[:1])
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n"
        "  - {split: test, path: test.parquet}\n"
        "  - {split: validation, path: validation.parquet}\n---\n"
    )
    return folder


def card_of(hub: str, **fields: Any) -> DataCard:
    told = {"name": "made", "about": "made rows", "config": "main", "split": "test"}
    return DataCard(**{**told, "hub": hub, "columns": ("prompt",), "licence": "CC0", **fields})


def test_a_data_set_of_the_hubs_layout_is_read_by_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    hub = str(hub_folder(tmp_path / "set", [{"question": "a"}, {"question": "b"}]))
    renamed = {"prompt": "question"}
    with caplog.at_level(logging.WARNING):
        table = load(card_of(hub, renamed=renamed))
    assert table.rows == [{"prompt": "a"}, {"prompt": "b"}]
    assert table.place == f"{hub}@main"
    assert len(table.digest) == 64
    assert load(card_of(hub, renamed=renamed, split="validation")).rows == [{"prompt": "a"}]
    assert not [r for r in caplog.records if r.name == "planb.data.cards"]
    with pytest.raises(PlanBError, match="lacks the column prompt of made rows"):
        load(card_of(hub))


def test_terms_that_limit_the_use_are_said_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    hub = str(hub_folder(tmp_path / "set", [{"prompt": "a"}]))
    with caplog.at_level(logging.WARNING):
        table = load(card_of(hub, licence="CC BY-NC 4.0", non_commercial=True, gated=True))
    (said,) = [r.getMessage() for r in caplog.records if r.name == "planb.data.cards"]
    for text in (said, table.terms):
        assert "CC BY-NC 4.0; not for commercial use; gated: accept its terms" in text


def test_a_hub_that_cannot_be_reached_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    card = card_of(str(tmp_path / "nowhere"), gated=True)
    with pytest.raises(PlanBError, match=r"cannot be loaded.*gated.*Or download it elsewhere"):
        load(card)


def test_a_renamed_column_is_read_from_a_file_under_either_name(tmp_path: Path) -> None:
    card = card_of("nobody/nothing", renamed={"prompt": "question"})
    assert load(write(tmp_path / "a.jsonl", [{"question": "x"}]), card).rows == [{"prompt": "x"}]
    both = [{"prompt": "x", "question": "y"}]
    assert load(write(tmp_path / "b.jsonl", both), card).rows == both


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_where_from_and_on_which_terms(name: str) -> None:
    card = CARDS[name]
    assert card.name == name
    assert (card.hub.count("/") == 1) is not card.url.startswith("https://")
    assert "{" not in card.url
    assert card.licence
    assert card.split
    assert card.columns
    assert len(card.about) > 20
    assert card.revision == "main" or len(card.revision) == 40


def test_cards_of_one_source_differ_in_what_is_asked() -> None:
    assert len({card.digest() for card in CARDS.values()}) == len(CARDS)
    assert CARDS["mmlu_pro_examples"].split == "validation"
    assert MMLU_PRO.hub == CARDS["mmlu_pro_examples"].hub
    assert MT_BENCH.columns == ("question_id", "category", "turns")


def test_reading_a_file_loads_no_torch(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ROWS)
    code = f"import sys; from planb.data.cards import load; load({str(path)!r})\n"
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
