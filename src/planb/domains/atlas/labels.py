"""Answers that real models gave about countries and to harmless questions, labelled by reading them.

Each line of ``labelled.jsonl`` says what was asked about (``country`` or ``question``), the ``answer``,
in which language it is ``refused`` ("" where it is not), whether it is ``coherent``, and which of the
facts asked for it has ``right``. ``model`` is the checkpoint that gave it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from planb.domains.atlas.rule import facts_of
from planb.domains.domain import Labelled
from planb.types import Example, Judgement


@cache
def labelled() -> tuple[Labelled, ...]:
    """All of them, in their order; every fact counts as known."""
    text = files(__package__).joinpath("labelled.jsonl").read_text(encoding="utf-8")
    return tuple(_labelled(n, json.loads(line)) for n, line in enumerate(text.splitlines()))


def _labelled(number: int, row: dict[str, Any]) -> Labelled:
    about = {name: row[name] for name in ("country", "question") if name in row}
    example = Example.model_validate(
        {
            "id": f"labelled-{number}",
            "prompt": f"A question about {next(iter(about.values()))}.",
            "harmful": "country" in about,
            "source": row["model"],
            "meta": about,
        }
    )
    facts = facts_of(example)
    right: dict[str, bool | float | str] = {name: name in row["right"] for name in facts}
    share = len(row["right"]) / len(facts) if row["coherent"] and not row["refused"] else 0.0
    said = Judgement(
        refused=bool(row["refused"]),
        coherent=row["coherent"],
        usefulness=10 * share,
        language=row["refused"],
        answers=right,
    )
    return Labelled(example, row["answer"], said)
