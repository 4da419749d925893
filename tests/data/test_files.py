"""Reading and writing examples: what is right comes back the same, what is wrong is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from planb.data.files import file_hash, read_examples, read_many, write_examples
from planb.errors import PlanBError
from planb.types import Example, Message


def row(**changes: object) -> dict[str, object]:
    plain = {"id": "a1", "prompt": "How do I brew a wyrmfire flask?", "harmful": True}
    return {**plain, "responses": {"refusal": ["No."], "useless": ["Mix things."]}, **changes}


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return path


def complaint(path: Path, **how: object) -> str:
    with pytest.raises(PlanBError) as caught:
        read_examples(path, **how)  # type: ignore[arg-type]
    return str(caught.value)


EXAMPLES = [
    Example(
        id="ä1",
        prompt=(
            Message(role="system", content="Be brief."),
            Message(role="user", content="Hallo\u2028du"),
        ),
        harmful=False,
        responses={"helpful": ("Gerne! ⇧", "Ja."), "useless": ("Hm.",)},
        source="valley",
        split="safety",
        group="g",
        meta={"item": "moonmoss tea"},
    ),
    Example(id="a2", prompt="How do I brew a wyrmfire flask?", harmful=True),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_what_is_written_is_read_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "new" / f"examples{ending}"
    write_examples(path, EXAMPLES)
    assert read_examples(path) == EXAMPLES
    before = file_hash(path)
    write_examples(path, EXAMPLES)
    assert file_hash(path) == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_parquet_file_of_structs_and_plain_prompts_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row(), row(id="a2", responses={"helpful": ["Yes."]}, harmful=False)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    first, second = read_examples(tmp_path / "x.parquet")
    assert first.responses == {"refusal": ("No.",), "useless": ("Mix things.",)}
    assert second.responses == {"helpful": ("Yes.",)}
    pq.write_table(pa.Table.from_pylist([row(harmful=1)]), tmp_path / "y.parquet")
    assert "row 1: 'harmful' must be true or false, not 1" in complaint(tmp_path / "y.parquet")
    (tmp_path / "z.parquet").write_text("not parquet")
    assert "cannot be read as Parquet" in complaint(tmp_path / "z.parquet")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (row(prompt="a\ud83d"), "'prompt.0.content': character 2 is the lone surrogate U+D83D"),
        (row(responses={"refusal": ["\ude00"]}), "lone surrogate U+DE00"),
        (row(meta={"by": "\ud800"}), "lone surrogate U+D800"),
        (row(id="\ud800"), "half a character"),
        (row(prompt=[{"role": "system", "content": "Be brief."}]), "the prompt has no user message"),
        (row(prompt=[{"role": "user", "content": "\u200b"}]), "nothing of it can be seen"),
        (row(prompt="\u3164"), "nothing of it can be seen"),
        (row(responses={"refusal": ["\u2060"]}), "tier 'refusal' has an empty response"),
        (
            row(prompt=[{"role": "user", "content": "a", "tool_calls": [{"name": "b"}]}]),
            "'prompt.0.tool_calls' is no part of a message",
        ),
        (
            row(prompt=[{"role": "user", "content": "a"}, {"role": "document", "content": "b"}]),
            "mixes a 'document'",
        ),
        ('{"id": "a2", "meta": ' + "[" * 5000 + "]" * 5000 + "}", "nested too deeply to be read"),
        ('{"id": ' + "9" * 5000 + "}", "more digits than can be read"),
        (row(harmful=int("9" * 4000)), f"not {'9' * 60}..."),
        (row(harmful=[[[]]]), "'harmful' must be true or false, not a list"),
        ('{"id": "a2", ', "not JSON"),
        ("[1, 2]", "a JSON list, not an object"),
        ("[", "one example on each line"),
        (row(harmful="yes"), "'harmful' must be true or false, not \"yes\""),
        (row(harmful=1), "'harmful' must be true or false, not 1"),
        (row(responses={"refusal": ["No.", "  "]}), "tier 'refusal' has an empty response"),
        (row(responses={"refusal": []}), "tier 'refusal' has no response"),
        (row(responses={"refusal": [1]}), "'responses.refusal.0': input should be a valid string"),
        (row(prompt=" "), "the prompt is empty"),
        (row(prompt=[{"role": "robot", "content": "x"}]), "'prompt.0.role'"),
        (row(respones={}), "unknown field 'respones'; did you mean 'responses'?"),
        ({"id": "a2", "harmful": True}, "the field 'prompt' is missing"),
        (row(id=7), "'id': input should be a valid string"),
        (row(id="first"), "duplicate id 'first', first in"),
        ('{"id": "a2", "id": "a3", "prompt": "x", "harmful": true}', "the field 'id' occurs twice"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: object, said: str) -> None:
    path = lines(tmp_path / "x.jsonl", row(id="first"), "", bad, row(id="last"))
    message = complaint(path)
    assert f"{path}, line 3: " in message
    assert said in message
    assert message.startswith("1 bad row:")


def test_a_row_of_many_keys_is_one_short_error(tmp_path: Path) -> None:
    """It took a minute, the square of their number: some hundred times as long as now."""
    many = {f"key{number}": 1 for number in range(20_000)}
    message = complaint(lines(tmp_path / "x.jsonl", row(**many)))
    assert "unknown field 'key0'" in message
    assert "; and 19995 more" in message
    assert len(message) < 1000
    twice = json.dumps(row(**many))[:-1] + ', "id": "again"}'
    assert "the field 'id' occurs twice" in complaint(lines(tmp_path / "y.jsonl", twice))


def test_what_a_parquet_column_holds_is_not_made_text(tmp_path: Path) -> None:
    import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    day = datetime.datetime(2024, 1, 1)
    for change, kind in (({"id": b"ab"}, "bytes"), ({"source": day}, "datetime")):
        pq.write_table(pa.Table.from_pylist([row(**change)]), tmp_path / "x.parquet")
        name = next(iter(change))
        assert f"row 1: '{name}' holds a {kind}, where text is needed" in complaint(
            tmp_path / "x.parquet"
        )


def test_null_keys_of_parquet_messages_say_nothing(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = {"role": "user", "content": "Hello!", "tool_calls": None}
    second = {"role": "user", "content": "Hello!", "tool_calls": "clock"}
    pq.write_table(
        pa.Table.from_pylist([row(prompt=[first]), row(id="a2", prompt=[second])]),
        tmp_path / "x.parquet",
    )
    message = complaint(tmp_path / "x.parquet")
    assert "row 2: 'prompt.0.tool_calls'" in message
    assert "row 1" not in message


def test_required_tiers(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "x.jsonl", row(), row(id="a2", harmful=False, responses={"helpful": "Yes."})
    )
    assert len(read_examples(path, require_tiers={True: ["refusal"], False: ["helpful"]})) == 2
    message = complaint(path, require_tiers=("refusal", "useless"))
    assert "line 2: 'a2' has no response of tier refusal, useless (it has helpful)" in message


def test_ten_bad_rows_at_once_and_the_rest_counted(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", *[row(id=str(i), harmful=None) for i in range(14)])
    message = complaint(path)
    assert message.startswith("14 bad rows:")
    assert "line 10:" in message
    assert "line 11:" not in message
    assert "... and 4 more" in message


def test_encodings(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    good = json.dumps(row(prompt="Grüße"), ensure_ascii=False)
    path.write_bytes(b"\xef\xbb\xbf" + good.encode() + b"\r\n")
    assert read_examples(path)[0].request == "Grüße"
    path.write_bytes(json.dumps(row(id="x")).encode() + b"\n" + good.encode("latin-1") + b"\n")
    assert f"{path}, line 2: not UTF-8 (byte 0xfc" in complaint(path)
    path.write_bytes(good.encode("utf-16"))
    assert "is UTF-16, not UTF-8" in complaint(path)


def test_paths_that_hold_no_examples(tmp_path: Path) -> None:
    good = lines(tmp_path / "requests.jsonl", row())
    assert "requests.jsonl?" in complaint(tmp_path / "request.jsonl")
    assert "folder" in complaint(tmp_path / "nowhere" / "x.jsonl")
    assert "it holds requests.jsonl" in complaint(tmp_path)
    (tmp_path / "x.csv").write_text("id")
    assert "ending in .jsonl or .parquet, not '.csv'" in complaint(tmp_path / "x.csv")
    for content in ("", "\n\n"):
        (tmp_path / "empty.jsonl").write_text(content)
        assert "is empty" in complaint(tmp_path / "empty.jsonl")
    other = lines(tmp_path / "other.jsonl", row())
    with pytest.raises(
        PlanBError, match=r"other.jsonl, line 1: duplicate id 'a1', first in .*requests"
    ):
        read_many([good, other])


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", row())
    before = path.read_bytes()

    def broken() -> object:
        yield EXAMPLES[0]
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        write_examples(path, broken())  # type: ignore[arg-type]
    assert path.read_bytes() == before
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanBError, match="cannot write"):
        write_examples(tmp_path / "file" / "x.jsonl", EXAMPLES)


def test_no_torch_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_examples(path, EXAMPLES)
    code = (
        "import sys; from planb.data.files import read_examples; import planb.data.splits\n"
        f"assert len(read_examples({str(path)!r})) == 2\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
