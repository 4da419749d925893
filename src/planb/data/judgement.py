"""A judgement as it is written down, and read again: the one place that says how.

In a log a judgement is a dict of the ``ANSWERS`` (null: not given), in a table a column each. What a
scorer counted besides are its *parts*: numbers by name, and the ``kind`` of answer where a judge tells
it. A table keeps them as JSON in one column, which is parsed once into a column a part. A journal holds
a ``Judgement``'s own JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from planb.domains.measure import TAKEN
from planb.errors import PlanBError
from planb.types import ANSWERS, Judgement

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

YES_OR_NO = ("refused", "coherent", "complied")
POINTS = ("usefulness", "severity")
SCORE = "score"
"""A benchmark's figure of an answer, beside the ``ANSWERS``."""
PARTS = "parts"
KIND = "kind"
"""The part that is no number: what kind of answer it is, in a word."""


def answers_of(judgement: Judgement) -> dict[str, bool | float | str | None]:
    """The separate answers by name."""
    return {name: getattr(judgement, name) for name in ANSWERS}


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the answers that it holds as nullable booleans and floats (NaN: not given)."""
    kinds: dict[str, Any] = {
        **dict.fromkeys(YES_OR_NO, "boolean"),
        **dict.fromkeys((*POINTS, SCORE), float),
    }
    return frame.astype({name: kind for name, kind in kinds.items() if name in frame})


def written_parts(value: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """The parts of a score as JSON, "" where there is none: what stands in its ``value`` besides the
    answers, and the kind of answer among a judge's ``own`` words."""
    known = TAKEN - {KIND}
    parts = {name: part for name, part in value.items() if name not in known and part is not None}
    if isinstance(own.get(KIND), str):
        parts[KIND] = own[KIND]
    return json.dumps(parts) if parts else ""


def with_parts(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column for each of its parts: numbers, NaN where there is none, and the kind,
    "" where none is given. PlanBError where a cell of ``parts`` is no JSON object."""
    import numpy as np

    places, texts = frame[PARTS].factorize()
    read = [_read(text) for text in texts]
    found: dict[str, NDArray[Any]] = {
        _column(KIND): np.array([str(one.get(KIND, "")) for one in read], dtype=object)[places]
    }
    for name in dict.fromkeys(name for one in read for name in one if name != KIND):
        found[_column(name)] = np.array([_number(one.get(name)) for one in read])[places]
    return frame.assign(**found)


def part_of(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A part of each row ``with_parts``; NaN where it has none."""
    if _column(name) not in frame:
        return frame[_column(KIND)].map(lambda _: math.nan).to_numpy(dtype=float)
    return frame[_column(name)].to_numpy(dtype=float)


def kinds_of(frame: pd.DataFrame) -> NDArray[np.object_]:
    """The kind of each row's answer ``with_parts``; "" where none is given."""
    return frame[_column(KIND)].to_numpy(dtype=object)


def _column(part: str) -> str:
    return f"part:{part}"


def _read(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise PlanBError(
            f"the column '{PARTS}' of the judged samples holds {text[:60]!r}, which is no JSON object: "
            "regenerate the table (planb.evals.sidecar.write_sidecar)"
        )
    return found


def _number(part: Any) -> float:
    return float(part) if isinstance(part, bool | int | float) else math.nan
