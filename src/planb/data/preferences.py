"""Examples from the rows that TRL trains on: chosen and rejected, or responses with scores.

A preference row is ``{"prompt", "chosen", "rejected"}``, a scored row ``{"prompt", "responses": [text,
...], "scores": [number, ...]}``. A file that ``planb.data.trl_rows`` wrote says by columns of its own
what the examples were; one from elsewhere needs its tiers given, and whether it is harmful. The
trainer's rules say which columns are read (``planb.data.columns``).
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from planb.data.cards import load
from planb.data.cells import (
    Chat,
    answer_of,
    as_chat,
    check_repeats,
    id_of,
    is_chat,
    messages_of,
    response_in,
    scores_of,
    shared_beginning,
    with_system,
)
from planb.data.columns import MOST_NAMED, UnreadColumnsError, check_columns, not_read, over_itself
from planb.data.files import MOST_BAD_ROWS
from planb.data.lines import BadRowError
from planb.data.trl_rows import OURS, Row
from planb.errors import PlanBError
from planb.types import Example, Tier

Answers = list[tuple[Tier, str]]


@dataclass
class Imported:
    """What became of a file's rows. Hand one in where it is read, and read it afterwards.

    ``same_text`` rows prefer a text to itself; ``contradicting`` examples have one text in two of their
    tiers. Both are left out. ``ignored`` is {column that says nothing of what is trained: rows with
    it}; columns of ``ignore`` are put there unread.
    """

    ignore: Collection[str] = ()
    same_text: int = 0
    contradicting: int = 0
    ignored: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """The message on it; "" where there is nothing."""
        said = [*over_itself(self.same_text)]
        if self.contradicting:
            said.append(f"{self.contradicting:,} examples with one text in two tiers left out")
        return "; ".join([*said, *not_read(self.ignored)])


def read_preferences(
    path: str | Path,
    *,
    chosen: Tier,
    rejected: Tier,
    harmful: bool | None = None,
    told: Imported | None = None,
) -> list[Example]:
    """The examples of a file of preference rows (JSONL, JSON or Parquet), in its order.

    ``chosen`` and ``rejected`` name the tiers, ``harmful`` the kind, of rows that do not say so by
    columns. Rows of one id, else of one prompt, are one example. What is left out or not read is
    counted in ``told``. Raises PlanBError naming the bad rows, or where nothing is left.
    """

    def answers_of(row: Row, told: Imported) -> tuple[Chat, Answers]:
        again = is_chat(row.get("messages")) and row["messages"] == row.get("chosen")
        used = {"prompt", "chosen", "rejected", "system", *(["messages"] if again else [])}
        check_columns(row, used, told.ignored)
        prompt, better, worse = _prompt_apart(row)
        named = (row.get("chosen_tier") or chosen, row.get("rejected_tier") or rejected)
        if not all(named):
            raise BadRowError("nothing says what its two tiers are: give --chosen and --rejected")
        answers = [("chosen", better), ("rejected", worse)]
        texts = [answer_of(name, response_in(name, answer)) for name, answer in answers]
        return prompt, list(zip(named, texts, strict=True))

    return _read(path, answers_of, harmful, told or Imported())


def read_scored(
    path: str | Path,
    *,
    order: Sequence[Tier],
    harmful: bool | None = None,
    told: Imported | None = None,
) -> list[Example]:
    """The examples of a file of scored rows (``responses`` or ``completions``; their ``scores``).

    Scores become tiers by rank over the whole file: its highest score is ``order``'s first tier; there
    must be as many different scores as tiers. Columns ``tiers`` of ours go before. As
    ``read_preferences`` in all else.
    """
    levels: dict[float, Tier] = {}

    def answers_of(row: Row, told: Imported) -> tuple[Chat, Answers]:
        name = _list_name(row)
        check_columns(row, {"prompt", "system", "scores", name}, told.ignored)
        answers = _responses(row)
        texts = [
            answer_of(f"response {at}", response_in(f"response {at}", answer))
            for at, answer in enumerate(answers)
        ]
        tiers = row.get("tiers") or [levels[score] for score in scores_of(row.get("scores"), answers)]
        if not isinstance(tiers, list | tuple) or len(tiers) != len(texts):
            raise BadRowError(f"it has {len(texts)} responses, and 'tiers' must be as many names")
        return _prompt(row), list(zip(tiers, texts, strict=True))

    def prepare(rows: Sequence[Row]) -> None:
        if all(row.get("tiers") for row in rows):
            return
        scored = [_quietly(row) for row in rows if not row.get("tiers")]
        found = sorted({score for some in scored for score in some or ()}, reverse=True)
        if None in scored:  # such rows are named when they are read
            levels.update(dict.fromkeys(found, order[0]))
            return
        if len(found) != len(order):
            shown = ", ".join(f"{score:g}" for score in found[:8]) or "none"
            raise PlanBError(
                f"{path}: {len(found)} different scores ({shown}) for the {len(order)} tiers "
                f"{' > '.join(order)}: name a tier for each score, best first, with --order"
            )
        levels.update(zip(found, order, strict=True))

    return _read(path, answers_of, harmful, told or Imported(), prepare)


def _read(
    path: str | Path,
    answers_of: Callable[[Row, Imported], tuple[Chat, Answers]],
    harmful: bool | None,
    told: Imported,
    prepare: Callable[[Sequence[Row]], None] = lambda _: None,
) -> list[Example]:
    if not Path(path).is_file():
        raise PlanBError(f"there is no file {path}")
    rows = [_unignored(row, told) for row in load(Path(path)).rows]
    if not rows:
        raise PlanBError(f"{path} has no rows")
    prepare(rows)
    found: dict[str, Row] = {}
    complaints, unread = [], dict[str, None]()
    for number, row in enumerate(rows, start=1):
        try:
            prompt, answers = answers_of(row, told)
            fields = _made(row, as_chat(with_system(row, prompt)), harmful)
            _add(found, number, Path(path).stem, fields, answers, told)
        except BadRowError as bad:
            complaints.append(f"{path}, row {number}: {bad}")
            if isinstance(bad, UnreadColumnsError):
                unread |= dict.fromkeys(bad.unread)
    if complaints:
        more = len(complaints) - MOST_BAD_ROWS
        shown = [*complaints[:MOST_BAD_ROWS], *([f"... and {more} more"] if more > 0 else [])]
        raise PlanBError(
            "\n  ".join([f"{len(complaints)} bad row{'s' if len(complaints) > 1 else ''}:", *shown])
            + f"\nCorrect these rows, or remove them{_how_to_ignore(list(unread))}."
        )
    return _told_apart(path, found, told)


def _how_to_ignore(columns: Sequence[str]) -> str:
    """The options that take out these columns."""
    if not columns:
        return ""
    options = " ".join(f"--ignore {shlex.quote(name[:60])}" for name in columns[:MOST_NAMED])
    return f"; those of these columns that say nothing of what is to be trained: {options}"


def _unignored(row: Row, told: Imported) -> Row:
    """The row without what is null, and without the columns that are to be ignored."""
    there = {name: value for name, value in row.items() if value is not None}
    told.ignored.update(name for name in there if name in told.ignore)
    return {name: value for name, value in there.items() if name not in told.ignore}


def _told_apart(path: str | Path, found: Mapping[str, Row], told: Imported) -> list[Example]:
    """The examples of which no text is in two tiers: it would be better and worse than itself."""
    kept = []
    for fields in found.values():
        example = Example.model_validate(fields)
        if example.shared_texts():
            told.contradicting += 1
        elif example.responses:
            kept.append(example)
    if not kept:
        raise PlanBError(f"{path} leaves no example: {told}. Give better and worse different texts.")
    return kept


def _made(row: Row, prompt: Chat, harmful: bool | None) -> Row:
    """The fields of an example, without its responses."""
    kind = row.get("harmful", harmful)
    if not isinstance(kind, bool):
        raise BadRowError("nothing says whether its request is harmful: give --harmful or --harmless")
    if wrong := [name for name in OURS if not isinstance(row.get(name, ""), str)]:
        raise BadRowError(f"its {wrong[0]} is a {type(row[wrong[0]]).__name__}, not text")
    try:
        meta = row.get("meta") or "{}"
        meta = json.loads(meta) if isinstance(meta, str) else meta
        given = {name: row[name] for name in OURS if name in row}
        fields = {"prompt": prompt, "harmful": kind, "meta": meta, **given}
        Example.model_validate({"id": "x", **fields})
    except ValidationError as error:
        wrong_field = error.errors(include_url=False)[0]
        where = f"'{wrong_field['loc'][0]}': " if wrong_field["loc"] else ""
        raise BadRowError(f"{where}{wrong_field['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise BadRowError(f"'meta' is no JSON: {error}") from error
    return {**fields, "id": name} if (name := id_of(row)) else fields


def _add(
    found: dict[str, Row], number: int, stem: str, fields: Row, answers: Answers, told: Imported
) -> None:
    """Join the row to those of its id, or of its prompt."""
    key = fields.get("id") or f"\n{[str(fields['prompt']), fields['harmful']]}"
    first = found.setdefault(key, {"id": f"{stem}-{number}", **fields, "responses": {}})
    for name in ("prompt", "harmful"):
        if first[name] != fields[name]:
            raise BadRowError(f"its {name} is not that of the row before it with the id '{key[:60]}'")
    if len(answers) == 2 and answers[0][1].strip() == answers[1][1].strip():
        told.same_text += 1
        return
    for tier, text in answers:
        texts = first["responses"].setdefault(tier, [])
        texts += [text] if text not in texts else []


def _prompt(row: Row) -> Chat:
    if "prompt" not in row:
        raise BadRowError(f"it has no prompt (its columns are {_columns(row)})")
    return as_chat(row["prompt"])


def _prompt_apart(row: Row) -> tuple[Chat, Any, Any]:
    """Prompt, chosen, rejected: where there is no prompt, or one of text beside two conversations, it
    is the messages that the two begin with (as TRL's ``maybe_extract_prompt``)."""
    if missing := [name for name in ("chosen", "rejected") if name not in row]:
        raise BadRowError(f"it has no column {', '.join(missing)} (its columns are {_columns(row)})")
    prompt, chosen, rejected = row.get("prompt"), row["chosen"], row["rejected"]
    if is_chat(chosen) and is_chat(rejected) and isinstance(prompt, str | None):
        cut = shared_beginning(chosen, rejected)
        if cut > 0:
            shared = messages_of("chosen", chosen)[:cut]
            check_repeats(prompt, "chosen", shared)
            return shared, chosen[cut:], rejected[cut:]
    if prompt is None:
        raise BadRowError(
            "it has no 'prompt', and plain text does not say where one ends: give the prompt in a "
            "column of its own, or chosen and rejected as messages"
        )
    return _prompt(row), chosen, rejected


def _list_name(row: Row) -> str:
    return next((name for name in ("responses", "completions") if name in row), "")


def _responses(row: Row) -> Sequence[Any]:
    answers = row.get(_list_name(row))
    if not isinstance(answers, list | tuple) or not answers:
        raise BadRowError(f"it has no list of 'responses' (its columns are {_columns(row)})")
    return answers


def _quietly(row: Row) -> list[float] | None:
    """The scores of a row, ``None`` where they are bad: it is named when it is read."""
    try:
        return scores_of(row.get("scores"), _responses(row))
    except BadRowError:
        return None


def _columns(row: Row) -> str:
    names = list(row)
    return ", ".join(name[:60] for name in names[:20]) + (", ..." if len(names) > 20 else "")
