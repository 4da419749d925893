"""Rows of examples, preferences and scored answers that are damaged at random, read by planb's readers.

    python tests/data/malformed_rows.py [--rows 20000] [--seed 0]

Each is either refused, with an error that names its row (or says that the file is not text at all), or
read; another exception ends the command.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from planb.data.files import read_examples
from planb.data.preferences import read_preferences, read_scored
from planb.errors import PlanBError
from planb.types import Example

JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e999, float("nan"), 10**400),
    *("", " ", "\x00", "\ud800", "\u202e", "yes", "x" * 5000),
    *([], {}, [[]], [None], {"": None}, {"a": {"b": []}}, ["x", "x"]),
    *([{"role": "user"}], [{"role": "user", "content": None}], [{"role": "robot", "content": "a"}]),
)
FIELDS = ("extra", "prompt", "id", "", "chosen", "rejected", "scores", "messages", "\ud800")
BYTES = (b"\n", b"\r", b"\x00", b"\xff\xfe", b"[[[", b"{", b"\xe2\x80\xa8")
ASKED = [{"role": "user", "content": "hi"}]
EXAMPLE = {
    **{"id": "a", "prompt": ASKED, "harmful": True, "source": "s", "split": "", "group": "g"},
    **{"responses": {"refusal": ["no"], "harmful": ["yes it is"]}, "meta": {"k": "v"}},
}
PREFERENCE = {
    **{"prompt": "hi", "chosen": [*ASKED, {"role": "assistant", "content": "no"}], "system": "s"},
    "rejected": [*ASKED, {"role": "assistant", "content": "yes"}],
}
SCORED = {"prompt": ASKED, "responses": ["one", "two"], "scores": [1.0, 2.0]}
Read = Callable[[Path], list[Example]]
READERS: dict[str, tuple[dict[str, Any], Read]] = {
    "examples": (EXAMPLE, read_examples),
    "preferences": (
        PREFERENCE,
        lambda path: read_preferences(path, chosen="refusal", rejected="harmful", harmful=True),
    ),
    "scored": (SCORED, lambda path: read_scored(path, order=("a", "b"), harmful=True)),
}
NAMED = re.compile(r"(line|row) \d|is UTF-(16|32)|is empty|has no rows|leaves no example")


def damaged(value: Any, rng: random.Random) -> Any:
    """``value`` with one part of it taken out, added, or another."""
    if rng.random() < 0.25 or not isinstance(value, dict | list):
        return rng.choice(JUNK)
    if isinstance(value, list):
        at = rng.randrange(len(value) + 1)
        rest = value[at + 1 :] if rng.random() < 0.7 else value[at:]
        return [*value[:at], damaged(value[at] if at < len(value) else None, rng), *rest]
    name, way = rng.choice([*value, ""]), rng.random()
    if way < 0.2:
        return {key: part for key, part in value.items() if key != name}
    if way < 0.35:
        return {**value, rng.choice(FIELDS): rng.choice(JUNK)}
    return {**value, name: damaged(value.get(name), rng)}


def line(value: Any, rng: random.Random) -> bytes:
    """The row as a line; of one in four, bytes are changed too."""
    text = bytearray(json.dumps(value).encode())
    for _ in range(rng.randint(1, 4) if rng.random() < 0.25 else 0):
        at, way = rng.randrange(len(text) + 1), rng.random()
        if way < 0.4:
            text[at : at + 1] = bytes([rng.randrange(256)])
        elif way < 0.7:
            del text[at : at + rng.randint(1, 20)]
        else:
            text[at:at] = rng.choice(BYTES)
    return bytes(text or b"x") + b"\n"


def read_all(rows: int, seed: int, folder: Path) -> Counter[str]:
    """How many were refused, and how many read. AssertionError shows a row that was neither."""
    rng, found = random.Random(seed), Counter[str]()
    path = folder / "rows.jsonl"
    for _ in range(rows):
        name = rng.choice([*READERS])
        whole, read = READERS[name]
        path.write_bytes(text := line(damaged(whole, rng), rng))
        try:
            examples = read(path)
        except PlanBError as error:
            if not NAMED.search(str(error).replace(str(path), "")):
                raise AssertionError(f"{name}: of {text!r} no row is named: {error}") from error
            found["refused"] += 1
            continue
        except Exception as error:
            raise AssertionError(f"{name}: {text!r} ended with {error!r}") from error
        assert examples, (name, text)
        assert [Example(**one.model_dump()) for one in examples] == examples, (name, text)
        found["read"] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(dict(read_all(asked.rows, asked.seed, Path(folder))))


if __name__ == "__main__":
    main()
