"""Lines of JSON: read strictly, and one that cannot be read is named, whatever is in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from planb.errors import PlanBError

LONGEST = 60
"""No name or value out of the data is shown at more characters."""


class BadRowError(ValueError):
    """One row that is no example; the message says why. Collected, never shown alone."""


def lines_of(path: Path) -> Iterator[tuple[int, str | BadRowError]]:
    """(line number, text) of each line that is not blank; ``\\n`` alone ends a line, as in JSONL."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number == 1:
                if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise PlanBError(f"{path} is UTF-16, not UTF-8: save it again as UTF-8")
                line = line.removeprefix(b"\xef\xbb\xbf")
            try:
                text = line.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                what = f"not UTF-8 (byte 0x{line[error.start]:02x} at column {error.start + 1})"
                yield number, BadRowError(f"{what}; save the file as UTF-8")
                continue
            if text:
                yield number, text


def decoded(text: str) -> dict[str, Any]:
    """The object that a line of JSON holds. Raises BadRowError for anything else."""
    row = parsed(text, " (a JSON list? put one example on each line instead)")
    if not isinstance(row, dict):
        raise BadRowError(f"a JSON {type(row).__name__}, not an object with fields")
    return row


def parsed(text: str, of_a_list: str = "") -> Any:
    """What a text of JSON holds; ``of_a_list`` is said beside the error of a broken one that begins as
    a list. Raises BadRowError for what is no JSON, for a field that stands twice, and for nesting or a
    number beyond what Python reads."""
    try:
        return json.loads(text, object_pairs_hook=_no_field_twice)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        listed = of_a_list if text.startswith("[") else ""
        raise BadRowError(f"not JSON: {error.msg} at {line}column {error.colno}{listed}") from error
    except RecursionError as error:
        raise BadRowError("nested too deeply to be read") from error
    except ValueError as error:
        if isinstance(error, BadRowError):
            raise
        raise BadRowError("a number in it has more digits than can be read: write text") from error


def _no_field_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise BadRowError(f"the field '{twice[:LONGEST]}' occurs twice: keep one")
    return row
