"""Questions nested in settings: each form that public readers know is read, all else is refused."""

from __future__ import annotations

import base64
import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest

from planb.data.cards import NEWCOMBLIKE, DataCard, load
from planb.data.json5 import strict
from planb.errors import PlanBError

GATES: dict[str, Any] = {
    "setup": "A garden has two gates. ",
    "tags": ["garden"],
    "questions": [
        {
            "qid": "1.1",
            "question_text": "How many?",
            "permissible_answers": ["one", "two"],
            "correct_answer": 1,
        },
        {
            "setup": "One is red.",
            "tags": ["colour"],
            "questions": [
                {
                    "qid": "1.2ATT",
                    "question_text": "Which one do you take?",
                    "permissible_answers": ["the red one", "the other"],
                    "correct_answer": {"EDT": 0, "CDT": [0, 1]},
                    "attitude_q": True,
                    "tags": ["leaf"],
                }
            ],
        },
    ],
}
LAKE = {
    "qid": "2",
    "question_text": "Is a lake wet?",
    "permissible_answers": ["yes", "no"],
    "correct_answer": [0],
}
GATES_JSON5 = """// the garden
{
  setup: 'A garden has two gates. ', "tags": ["garden",], /* two
  lines */
  "questions": [
    {"qid": "1.1", "question_text": "How \\
many?", "permissible_answers": ["one", "two"], "correct_answer": 1},
    {"setup": "One is red.", "tags": ["colour"], "questions": [{
      "qid": "1.2ATT", "question_text": 'Which one do you take\\?',
      "permissible_answers": ["the red one", "the other",],
      "correct_answer": {"EDT": 0, CDT: [0, 1]}, "attitude_q": true, "tags": ["leaf"] }, ]
    },
  ],
}
"""
LOCKED = """
UEsDBBQACQAIACuQfl3ol7VphgAAAJ4AAAANABwAc2V0dGluZzEuanNvblVUCQAD8bkNa/G5DWt1eAsAAQQAAAAABAAAAABy
LxZP8hGnivyIcqCTt/XyB6wme7/IfGmTTb3DqxZmCDkGLJJCa/bqa4DOfS/02NO3lnSH3qLjNojqYDxa/L1MtUfQIcVQU6GH
WlF9HG4fGf+cdCEJHx6rhUE/sHxWZyxxrk8hT0ht3u92TmUZxYN0FxO2d855d9c+2hEL/NDEmxHzydzvrlBLBwjol7VphgAA
AJ4AAABQSwECHgMUAAkACAArkH5d6Je1aYYAAACeAAAADQAYAAAAAAABAAAApIEAAAAAc2V0dGluZzEuanNvblVUBQAD8bkN
a3V4CwABBAAAAAAEAAAAAFBLBQYAAAAAAQABAFMAAADdAAAAAAA=
"""
"""setting1.json in a zip file locked with the published password."""
LOCKED_OTHERWISE = """
UEsDBBQACQAIACuQfl3ol7VphgAAAJ4AAAANABwAc2V0dGluZzEuanNvblVUCQAD8bkNa/G5DWt1eAsAAQQAAAAABAAAAAD3
t5l1XkojJTdCOcIN5gmR+ZlzdbxVsJInw+O4ROMS5fcto/dfpHEob+kq266/X1gKbeQZEY5dFejzlry/GNRR9R8h0Ppi5CGZ
E58OnXYgXR7PZT+17EOdlWRg7EIJnJ4PQqc8ErCpcYRXOjUNMDb03Oc/0D91mQGtWexYHfGhfS1KxBQBIlBLBwjol7VphgAA
AJ4AAABQSwECHgMUAAkACAArkH5d6Je1aYYAAACeAAAADQAYAAAAAAABAAAApIEAAAAAc2V0dGluZzEuanNvblVUBQAD8bkN
a3V4CwABBAAAAAAEAAAAAFBLBQYAAAAAAQABAFMAAADdAAAAAAA=
"""


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str, list[str]]]:
    return [(row["qid"], row["question_text"], row["tags"]) for row in rows]


FLAT = [
    ("1.1", "A garden has two gates. How many?", ["garden"]),
    (
        *("1.2ATT", "A garden has two gates. One is red.\n\nWhich one do you take?"),
        ["garden", "colour", "leaf"],
    ),
]


@pytest.mark.parametrize("form", ["json", "json5", "list", "folder", "zip", "jsonl"])
def test_a_settings_text_and_tags_hold_for_all_in_it_in_every_form(form: str, tmp_path: Path) -> None:
    text, path = json.dumps(GATES), tmp_path / "setting1.json"
    path.write_text({"json5": GATES_JSON5, "list": f"[{text}]"}.get(form, text))
    source = path
    if form == "folder":
        source = tmp_path
    elif form == "zip":
        source = tmp_path / "data.zip"
        with zipfile.ZipFile(source, "w") as packed:
            packed.write(path, "data/setting1.json")
    elif form == "jsonl":
        source = tmp_path / "all.jsonl"
        source.write_text(text + "\n")
    table = load(source, NEWCOMBLIKE)
    assert told(table.rows) == FLAT
    assert len({row["setting"] for row in table.rows}) == 1
    assert table.rows[0]["setting"]
    assert len(table.digest) == 64


def test_a_flat_list_may_have_a_setup_of_its_own_said_once(tmp_path: Path) -> None:
    path = tmp_path / "merged.json"
    rows = [LAKE, {**LAKE, "setup": "Look."}, {**LAKE, "setup": "Is a lake"}, {**LAKE, "setup": ""}]
    path.write_text(json.dumps({"source": "me", "questions": rows}))
    read = load(path, NEWCOMBLIKE).rows
    asked = "Is a lake wet?"
    assert [row["question_text"] for row in read] == [asked, f"Look.\n\n{asked}", asked, asked]
    assert {row["setting"] for row in read} == {""}
    assert read[3]["place"] == "merged.json, question 4"


def test_of_a_folder_the_settings_are_read_and_the_rest_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "notes.json").write_text('{"a": 1}')
    (tmp_path / "setting1.json").write_text(json.dumps(GATES))
    (tmp_path / "setting2.json").write_text(json.dumps(LAKE))
    with caplog.at_level(logging.WARNING):
        table = load(tmp_path, NEWCOMBLIKE)
    assert [row["qid"] for row in table.rows] == ["1.1", "1.2ATT", "2"]
    assert "not notes.json" in caplog.text
    (tmp_path / "setting2.json").write_text(json.dumps({**LAKE, "qid": "3"}))
    assert load(tmp_path, NEWCOMBLIKE).digest != table.digest


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"a": 1}, "row 2: neither questions nor a question_text"),
        ("text", "row 2: no object with fields"),
        ({**LAKE, "question_text": 3}, "row 2: neither questions nor a question_text"),
        ({"setup": "Alone."}, "row 2: neither questions nor a question_text"),
        ({"setup": ["x"], "questions": [LAKE]}, "row 2: its setup is no text"),
        ({"tags": "x", "questions": [LAKE]}, "row 2: its tags are no list of texts"),
        ({"questions": []}, "row 2: its questions are no list, or an empty one"),
        ({"questions": [LAKE], "attitude_q": True}, "it has questions, and attitude_q of its own"),
        ({"questions": [{**LAKE, "qid": ""}]}, "row 2, question 1: no qid"),
        (
            {**LAKE, "correct_answer": None, "permissible_answers": []},
            "no permissible_answers, no corr",
        ),
    ],
)
def test_one_wrong_part_refuses_the_whole_and_is_named(wrong: Any, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([GATES, wrong]))
    with pytest.raises(PlanBError, match="is not read, since some of it cannot be") as error:
        load(path, NEWCOMBLIKE)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "[1", "not JSON"),
        ("a.json", '{"a": 1,\n"a": 2}', "the field 'a' occurs twice"),
        ("a.json", "[\n\n1 2]", "at line 3, column 3"),
        ("a.json", "[" * 3000 + "]" * 3000, "nested too deeply"),
        ("a.json", '{"questions": [' * 400 + "]}" * 400, "nested too deeply|no list, or an empty"),
        ("a.jsonl", "{}\n[1]\n", "a JSON list, not an object"),
        ("a.csv", "qid\n1\n", "read from a .json or .jsonl file, or from a folder or a zip"),
        ("a.json", "[]", "has no rows"),
    ],
)
def test_a_file_that_holds_no_questions_is_one_error(
    name: str, text: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PlanBError, match=says):
        load(tmp_path / name, NEWCOMBLIKE)


def test_what_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match="there is no file or folder"):
        load(tmp_path / "nowhere", NEWCOMBLIKE)
    with pytest.raises(PlanBError, match="holds no JSON file"):
        load(tmp_path, NEWCOMBLIKE)


def test_a_locked_zip_file_is_read_with_the_published_password(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    path.write_bytes(base64.b64decode(LOCKED))
    (row,) = load(path, NEWCOMBLIKE).rows
    assert row["question_text"] == "A garden has two gates. How many?"
    path.write_bytes(base64.b64decode(LOCKED_OTHERWISE))
    with pytest.raises(PlanBError, match=r"cannot be unpacked with the password 'onebox'.*the folder"):
        load(path, NEWCOMBLIKE)


def test_a_published_zip_file_is_read_by_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "data.zip").write_bytes(base64.b64decode(LOCKED))
    card = DataCard.model_validate({**NEWCOMBLIKE.model_dump(), "file": str(tmp_path / "data.zip")})
    assert [row["qid"] for row in load(card).rows] == ["1.1"]


@pytest.mark.parametrize(
    "value",
    [{"a b": ['x"y', "\\", "é\u2028😀", "/* no */", "// no", ",]", "'"], "b": [1.5, None, -2e3]}, []],
)
def test_strict_json_stays_what_it_is(value: Any) -> None:
    for plain in (True, False):
        assert json.loads(strict(json.dumps(value, ensure_ascii=plain, indent=1))) == value


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("[1, 2, /* , */ ]", [1, 2]),
        ("{a_1: 'it\\'s \"so\"', $b: 2, // c\n}", {"a_1": 'it\'s "so"', "$b": 2}),
        ('["a\tb", "\\x41\\v\\q", "c\\\r\nd"]', ["a\tb", "A\x0bq", "cd"]),
        ("[,]", None),
        ("[1,,]", None),
        ("{,}", None),
        ("[a]", None),
        ("['a]", None),
        ('["a\nb"]', None),
        ('["\\1"]', None),
        ("[1 /* open ]", None),
        ("[0x10]", None),
    ],
)
def test_json5_is_read_or_is_no_json(text: str, holds: Any) -> None:
    if holds is None:
        with pytest.raises(ValueError, match=r"."):
            json.loads(strict(text))
    else:
        assert json.loads(strict(text)) == holds
