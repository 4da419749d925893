"""Examples on disk: JSONL or Parquet, one example a line, read strictly.

A line is ``{"id", "prompt" (text or chat messages), "harmful": true or false, "responses": {tier:
[text, ...]}, "source", "split", "group", "meta"}``; all from ``responses`` on may be left out.
Nothing is guessed: "yes" or 1 is not ``true``, and an unknown field is an error, not a field ignored.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from planb.data.lines import LONGEST, BadRowError, decoded, lines_of
from planb.data.whole import whole_file
from planb.errors import PlanBError
from planb.types import Example, Tier

MOST_BAD_ROWS = 10
"""So many bad rows are reported at once; the rest are counted."""
MOST_FAULTS = 5
"""So many faults of a row are listed; the rest are counted."""

RequiredTiers = Sequence[Tier] | Mapping[bool, Sequence[Tier]]
"""Tiers that every example must have, or ``{harmful: tiers}`` for both kinds."""

Plug = TypeVar("Plug")


def read_examples(path: str | Path, *, require_tiers: RequiredTiers = ()) -> list[Example]:
    """The examples of one file, in its order; the file's ending (``.jsonl``, ``.parquet``) says how.

    Raises ``PlanBError`` naming the file, the lines (rows of a Parquet file, from 1) and what to do:
    up to 10 bad rows at once.
    """
    return read_many([path], require_tiers=require_tiers)


def read_many(
    paths: Iterable[str | Path],
    *,
    require_tiers: RequiredTiers = (),
    asked_only: Sequence[str] = (),
) -> list[Example]:
    """The examples of several files, one after the other; an id may stand in one of them only.

    Rows that declare a split of ``asked_only`` are never trained on and need no tier.
    """
    examples: list[Example] = []
    complaints: list[str] = []
    seen: dict[str, str] = {}
    for path in map(Path, paths):
        rows = _reader(path)(path)
        found = 0
        for number, text in rows:
            found += 1
            place = f"{path}, {'row' if path.suffix == '.parquet' else 'line'} {number}"
            try:
                example = _example(text)
                if not example.split or example.split not in asked_only:
                    _has_tiers(example, require_tiers)
                if example.id in seen:
                    raise BadRowError(
                        f"duplicate id '{example.id}', first in {seen[example.id]}: use unique ids"
                    )
            except BadRowError as bad:
                complaints.append(f"{place}: {bad}")
                continue
            seen[example.id] = place
            examples.append(example)
        if not found:
            raise PlanBError(f"{path} is empty: it should hold one example a line. {_FORM}")
    if complaints:
        raise PlanBError(_bad_rows(complaints))
    return examples


def write_examples(path: str | Path, examples: Iterable[Example]) -> None:
    """Write JSONL or Parquet by the path's ending, atomically (the old file or the new one)."""
    path = Path(path)
    writer = _by_ending(path, _WRITERS)
    with whole_file(path) as scratch:
        writer(scratch, list(examples))


def file_hash(path: str | Path) -> str:
    """SHA-256 of the file's bytes: 64 hex digits."""
    path = _existing(Path(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- reading ------------------------------------------------------------------------------------


def _parquet_rows(path: Path) -> Iterator[tuple[int, str | BadRowError]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist(maps_as_pydicts="strict"):
                    number += 1
                    try:
                        yield number, json.dumps(_without_nulls(row), ensure_ascii=False)
                    except TypeError:
                        yield number, BadRowError(_no_json(row))
    except (pa.ArrowException, ValueError, KeyError, OSError) as error:
        raise PlanBError(f"{path} cannot be read as Parquet: {error}") from error


def _without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    """A Parquet column has a value in every row: null stands for a field or a tier left out."""
    full = {name: value for name, value in row.items() if value is not None}
    for name in ("responses", "meta"):
        if isinstance(full.get(name), dict):
            full[name] = {key: value for key, value in full[name].items() if value is not None}
    if isinstance(full.get("prompt"), list):
        full["prompt"] = [
            {k: v for k, v in message.items() if v is not None}
            if isinstance(message, dict)
            else message
            for message in full["prompt"]
        ]
    return full


def _no_json(row: Mapping[str, Any]) -> str:
    """What of a row is neither text nor a number, a list or a map of such."""
    wrong = []
    for name, value in row.items():
        try:
            json.dumps(value)
        except TypeError:
            wrong.append(f"'{name}' holds a {type(value).__name__}")
    return f"{', '.join(wrong[:MOST_FAULTS])}, where text is needed: write it as text"


def _example(text: str | BadRowError) -> Example:
    if isinstance(text, BadRowError):
        raise text
    row = decoded(text)
    if not isinstance(row.get("harmful", False), bool):
        raise BadRowError(f"'harmful' must be true or false, not {_short(row['harmful'])}")
    try:
        return Example.model_validate(row)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        inside = {fault["loc"][0] for fault in faults if len(fault["loc"]) > 1}
        faults = [f for f in faults if f["type"] != "too_short" or f["loc"][0] not in inside]
        more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
        raise BadRowError("; ".join(map(_complaint, faults[:MOST_FAULTS])) + more) from error


def _short(value: Any) -> str:
    """A value as JSON, cut short; its type where it is no single value."""
    if isinstance(value, list | dict):
        return f"a {type(value).__name__}"
    said = json.dumps(value)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}..."


def _complaint(error: Any) -> str:
    where = ".".join(str(part)[:LONGEST] for part in error["loc"])
    kind = error["type"]
    if kind == "extra_forbidden" and error["loc"][0] == "prompt":
        return (
            f"'{where}' is no part of a message, which has a role and a text as its content: a tool "
            "call, a thought or a weight is not rendered. Write what is to be read into the text, or "
            "leave the row out"
        )
    if kind == "extra_forbidden":
        known = list(Example.model_fields)
        near = difflib.get_close_matches(where, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"the fields are {', '.join(known)}"
        return f"unknown field '{where}'; {hint} (what else you keep goes into 'meta')"
    if kind == "string_unicode":
        return f"{where!r} or its name holds half a character (a lone surrogate): write it whole"
    if kind == "missing":
        return f"the field '{where}' is missing; add it"
    if kind == "value_error":
        place = f"'{where}': " if where else ""
        return f"{place}{error['ctx']['error']}; put it right or leave the row out"
    return f"'{where}': {error['msg'][0].lower()}{error['msg'][1:]}"


def _has_tiers(example: Example, required: RequiredTiers) -> None:
    tiers = required.get(example.harmful, ()) if isinstance(required, Mapping) else required
    if missing := [tier for tier in tiers if tier not in example.responses]:
        there = ", ".join(example.responses) or "none"
        raise BadRowError(
            f"'{example.id}' has no response of tier {', '.join(missing)} (it has {there}); "
            "add one to 'responses'"
        )


def _bad_rows(complaints: list[str]) -> str:
    lines = [f"{len(complaints)} bad row{'s' if len(complaints) > 1 else ''}:", *complaints]
    if len(complaints) > MOST_BAD_ROWS:
        more = len(complaints) - MOST_BAD_ROWS
        lines = [*lines[: MOST_BAD_ROWS + 1], f"... and {more} more"]
    return "\n  ".join(lines) + "\nPut these rows right (or take them out) and run again."


# -- writing ------------------------------------------------------------------------------------


def _row(example: Example) -> dict[str, Any]:
    """The row as it is written: a lone user message as plain text, empty fields left out."""
    row = example.model_dump(mode="json")
    messages = row["prompt"]
    if len(messages) == 1 and messages[0]["role"] == "user":
        row["prompt"] = messages[0]["content"]
    return {name: value for name, value in row.items() if value not in ("", {})}


def _write_jsonl(path: Path, examples: Sequence[Example]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(_row(e), ensure_ascii=False) + "\n" for e in examples)


def _write_parquet(path: Path, examples: Sequence[Example]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, texts = pa.string(), pa.list_(pa.string())
    columns = {
        "id": text,
        "prompt": pa.list_(pa.struct([("role", text), ("content", text)])),
        "harmful": pa.bool_(),
        "responses": pa.map_(text, texts),
        **dict.fromkeys(("source", "split", "group"), text),
        "meta": pa.map_(text, text),
    }
    rows = [example.model_dump(mode="json") for example in examples]
    for row in rows:
        row["responses"], row["meta"] = list(row["responses"].items()), list(row["meta"].items())
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(columns.items()))), path)


# -- paths --------------------------------------------------------------------------------------

_FORM = 'For example: {"id": "a1", "prompt": "...", "harmful": true, "responses": {"refusal": ["..."]}}'
_READERS: dict[str, Callable[[Path], Iterator[tuple[int, str | BadRowError]]]] = {
    ".jsonl": lines_of,
    ".parquet": _parquet_rows,
}
_WRITERS: dict[str, Callable[[Path, Sequence[Example]], None]] = {
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}


def _reader(path: Path) -> Callable[[Path], Iterator[tuple[int, str | BadRowError]]]:
    reader = _by_ending(_existing(path), _READERS)
    if path.stat().st_size == 0:
        raise PlanBError(f"{path} is empty: it should hold one example a line. {_FORM}")
    return reader


def _by_ending(path: Path, table: Mapping[str, Plug]) -> Plug:
    if path.suffix not in table:
        raise PlanBError(
            f"{path}: examples are kept in files ending in {' or '.join(table)}, not '{path.suffix}'"
        )
    return table[path.suffix]


def _existing(path: Path) -> Path:
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.suffix in _READERS)[:3]
        hint = f" (it holds {', '.join(inside)})" if inside else ""
        raise PlanBError(f"{path} is a folder, and a file of examples is needed: name the file{hint}")
    if not path.exists():
        folder = path.parent
        beside = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.5)
        hint = f"; is it {' or '.join(str(folder / name) for name in near)}?" if near else ""
        if not folder.is_dir():
            hint = f"; the folder {folder} does not exist either"
        raise PlanBError(f"there is no file {path}{hint}")
    if not os.access(path, os.R_OK):
        raise PlanBError(f"{path} cannot be read (permission denied): change its permissions")
    return path
