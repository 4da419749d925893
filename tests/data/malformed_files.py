"""Tables, wheels, GGUF headers and judges' answers that are damaged at random, read by planb's readers.

    python tests/data/malformed_files.py [--files 20000] [--seed 0]

Each is either refused, with an error that names its line (a file that is no table: its path), or read;
another exception ends the command.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from planb.data.cards.card import DataCard
from planb.data.cards.loading import load
from planb.data.tables import read_csv
from planb.errors import PlanBError
from planb.evals.calibration.labels import read_labels
from planb.evals.calibration.pyrit import FOLDER, read_pyrit
from planb.judging.reading import Form, read
from planb.models.answers import UnreadableError
from planb.models.gguf.header import read_header
from planb.report.claims import CLAIM_COLUMNS, read_claims
from planb.report.results import RESULT_COLUMNS
from planb.report.results import read_csv as read_results
from planb.study.labelling import FOLDER as STORED
from planb.study.labelling import LABELS, stored_labels
from planb.types import Example

CELLS = (
    *("", " ", "-1", "11", "1e999", "nan", "1.5", "true", "None", "=1+1", "x" * 200),
    *(
        '"',
        '"a',
        'a"b',
        '"a""',
        "a,b",
        '"a,b"',
        "a\nb",
        '"a\nb"',
        "\r",
        "\x00",
        "\u202e",
        "\u2028",
        "é",
    ),
)
BYTES = (b"\n", b"\r", b"\x00", b"\xff\xfe", b"\xff", b'"', b",", b"{", b"[" * 50, b"9" * 30)
NAMED = re.compile(
    r"(line|row) \d|is UTF-16|has no (rows|labels)|lacks the column|No columns|has a row without|"
    r"has no column|no list of|codec can't decode"
)
ASKED = [Example(id=name, prompt=f"How is {name} made?", harmful=True) for name in "ab"]
CARD = DataCard(
    name="made", about="requests", columns=("prompt",), may_be_empty=("kind",), licence="none"
)


class Verdict(Form):
    refused: bool
    usefulness: float = Field(ge=0, le=10)


class Case(NamedTuple):
    """A whole file under its name, what reads it, and whether its errors name a line."""

    name: str
    whole: bytes
    read: Callable[[Path], Any]
    named: bool = True


def table(head: list[str], *rows: list[Any]) -> bytes:
    return "\n".join(",".join(map(str, row)) for row in (head, *rows, [])).encode()


def answer(path: Path) -> Form:
    """A judge's answer, as text of any bytes."""
    return read(path.read_bytes().decode(errors="replace"), Verdict)


def card(path: Path) -> list[dict[str, Any]]:
    rows = load(path, CARD).rows
    assert len({tuple(row) for row in rows}) == 1 or path.suffix != ".csv", "rows of unlike columns"
    return rows


def wheel(path: Path) -> Any:
    """The file's bytes as a table of a wheel."""
    with zipfile.ZipFile(path.with_suffix(".whl"), "w", zipfile.ZIP_STORED) as whole:
        whole.writestr(f"{FOLDER}/harm/made.csv", path.read_bytes())
    return read_pyrit(path.with_suffix(".whl"), any_version=True)


def header(path: Path) -> Any:
    found = read_header(path)
    return found, found.title, found.licence, [found.token(role) for role in ("bos", "eos", "padding")]


def gguf(path: Path) -> bytes:
    import numpy as np
    from gguf import GGUFWriter

    writer = GGUFWriter(path, "llama")
    writer.add_name("made")
    writer.add_context_length(64)
    writer.add_token_list(["a", "b", "c"])
    writer.add_eos_token_id(2)
    writer.add_tensor("output.weight", np.zeros((2, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def cases(folder: Path) -> list[Case]:
    """One of each kind, whose whole file is read."""
    (folder / STORED).mkdir(exist_ok=True)
    labels = table(
        ["id", "response", "refused", "usefulness", "rater"],
        *(["a", "one", "false", "7", "x"], ["b", '"two, and"', "true", "", "x"]),
    )
    cell = ["m", "o", "plan_b", "t", "trigger", "exact", "", "0", "mean"]
    cell = [*cell, *["x"] * 9][: len(RESULT_COLUMNS) - 6]
    results = table(RESULT_COLUMNS, [*cell, 20, 0, 1, 4.5, 4, 5], [*cell, 20, 0, "", "", "", ""])
    claims = table(CLAIM_COLUMNS, ["" if n in ("n", "unscored") else 1 for n in CLAIM_COLUMNS])
    from planb.report.labelled import LABEL_COLUMNS

    told = {"refused": "True", "coherent": "", "usefulness": "0"}
    stored = table([*LABEL_COLUMNS], [told.get(name, "x") for name in LABEL_COLUMNS])
    pyrit = table(
        ["objective", "assistant_response", "data_type", "human_score_1", "human_score_2"],
        *(["ask", "say", "text", "0.5", "1.0"], ["other", "no", "text", "0.0", "0.25"]),
    )
    asked = table(["prompt", "kind", "number"], ["one", "", 1], ["two", "k", 2])
    lines = b'{"prompt": "one", "kind": ""}\n{"prompt": "two", "kind": "k"}\n'
    return [
        Case("labels.csv", labels, lambda path: read_labels(path, ASKED)),
        Case("results.csv", results, read_results),
        Case("claims.csv", claims, read_claims),
        Case(f"{STORED}/{LABELS}", stored, lambda path: stored_labels(path.parents[1])),
        Case("arms.csv", results, lambda path: read_csv(path, ("model", "seed"))),
        Case("card.csv", asked, card),
        Case("card.jsonl", lines, card),
        Case("card.json", b'[{"prompt": "one", "kind": ""}]', card, named=False),
        Case(
            "card.prompt", b"seeds:\n- {value: one, kind: ''}\n- {value: two, kind: k}\n", card, False
        ),
        Case("pyrit.csv", pyrit, wheel, named=False),
        Case("model.gguf", gguf(folder / "whole.gguf"), header, named=False),
        Case("answer.txt", b'{"refused": false, "usefulness": 7}\nusefulness: 7', answer, named=False),
    ]


def damaged(whole: bytes, rng: random.Random, text: bool) -> bytes:
    """The file with a cell changed, added or taken out, or with other bytes."""
    if text and b"," in whole and rng.random() < 0.6:
        lines = [row.split(b",") for row in whole.split(b"\n")]
        row = rng.choice(lines)
        at = rng.randrange(len(row))
        way, junk = rng.random(), rng.choice(CELLS).encode()
        row[at : at + (way < 0.7)] = [] if way < 0.1 else [junk]
        return b"\n".join(b",".join(row) for row in lines)
    found = bytearray(whole)
    for _ in range(rng.randint(1, 4)):
        at, way = rng.randrange(len(found) + 1), rng.random()
        if way < 0.4:
            found[at : at + 1] = bytes([rng.randrange(256)])
        elif way < 0.7:
            del found[at : at + rng.randint(1, 20)]
        else:
            found[at:at] = rng.choice(BYTES)
    return bytes(found)


def read_all(files: int, seed: int, folder: Path) -> dict[str, Counter[str]]:
    """How many of each kind were refused, and how many read. AssertionError shows one that was
    neither."""
    rng, known = random.Random(seed), cases(folder)
    found = {case.name: Counter[str]() for case in known}
    for case in known:
        (folder / case.name).write_bytes(case.whole)
        case.read(folder / case.name)
    for number in range(files):
        case = known[number % len(known)]
        path, text = folder / case.name, damaged(case.whole, rng, case.name != "model.gguf")
        path.write_bytes(text)
        try:
            case.read(path)
        except (PlanBError, UnreadableError) as error:
            told = str(error).replace(str(path), "")
            if case.named and not NAMED.search(told):
                raise AssertionError(f"{case.name}: of {text!r} no line is named: {error}") from error
            found[case.name]["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{case.name}: {text!r} ended with {error!r}") from error
        else:
            found[case.name]["read"] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, counts in read_all(asked.files, asked.seed, Path(folder)).items():
            print(name, dict(counts))


if __name__ == "__main__":
    sys.exit(main())
