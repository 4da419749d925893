"""Rows of a public set become examples: the request, whether it is harmful, and what belongs to it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from planb.data.cards import RequestCard, load, request_card, say_terms
from planb.data.cells import whole
from planb.data.lines import BadRowError
from planb.errors import PlanBError
from planb.text import is_visible
from planb.types import Example, Message, Tier
from planb.values import seed_of

MOST_BAD_ROWS = 5
REPEATED = "the same request again in the set"
NO_TURN = "no first turn of a user"
BEYOND = "beyond the limit"
_USER = ("user", "human")
_ASSISTANT = ("assistant", "gpt")
_SPEAKER = re.compile(r"(?:^|\n\n)(Human|Assistant):")


class Requests(NamedTuple):
    """Examples of one set, its terms, where from, a SHA-256 of the source, {reason: rows left out}."""

    examples: list[Example]
    terms: str
    place: str
    digest: str
    left_out: dict[str, int]


def read_requests(
    card: RequestCard | str,
    path: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Requests:
    """The requests of a set, in its order, from where its card says or from a file with its columns.

    ``card`` is one, its name, or a JSON file with its fields. An id is the card's name and a hash of
    the request, so it is the same from the hub and from a file. A request that stands twice is kept
    once, with the responses of both. ``limit`` draws so many by ``seed`` and the ids, whatever their
    order. Licence and limits are logged. Raises PlanBError if the source cannot be had, or naming the
    rows with no request or an unknown value in the column that says what is harmful.
    """
    card = card if isinstance(card, RequestCard) else request_card(card)
    if limit is not None and limit < 1:
        raise PlanBError(f"the limit is {limit}: give 1 or more, or none for all requests")
    if path is None:
        table = load(card)
    else:
        say_terms(card)
        table = load(path, card)
    kept, left_out = _examples(table.rows, card, table.place)
    drawn = _drawn(kept, limit, seed)
    if len(kept) > len(drawn):
        left_out[BEYOND] = len(kept) - len(drawn)
    return Requests(drawn, card.terms, table.place, table.digest, dict(left_out))


def first_turn(cell: Any, form: str) -> tuple[str, str]:
    """The first user turn of a cell in a card's ``form``, and the reply to it ("" if there is none)."""
    if form == "text":
        return _text(cell).strip(), ""
    turns = _spoken(cell) if form == "transcript" else _said(cell)
    for place, (speaker, text) in enumerate(turns):
        if speaker in _USER and text:
            after = turns[place + 1 : place + 2]
            return text, after[0][1] if after and after[0][0] in _ASSISTANT else ""
    return "", ""


def _examples(
    rows: list[dict[str, Any]], card: RequestCard, place: str
) -> tuple[list[Example], Counter[str]]:
    found: dict[str, Example] = {}
    left_out, bad = Counter[str](), []
    for number, row in enumerate(rows, start=1):
        try:
            if reason := _unwanted(row, card):
                left_out[reason] += 1
                continue
            example = _example(row, card)
            if example.id in found:
                example = _both(found[example.id], example)
                left_out[REPEATED] += 1
            found[example.id] = example
        except BadRowError as error:
            bad.append(f"row {number} {error}")
    if bad:
        more = f"; and {len(bad) - MOST_BAD_ROWS} more" if len(bad) > MOST_BAD_ROWS else ""
        raise PlanBError(
            f"{place}: {'; '.join(bad[:MOST_BAD_ROWS])}{more}. Correct these rows, remove them, or "
            f"change the card of {card.name}."
        )
    if not found:
        raise PlanBError(
            f"{place} has no request of {card.about}: all rows were left out ({dict(left_out)})"
        )
    return list(found.values()), left_out


def _unwanted(row: Mapping[str, Any], card: RequestCard) -> str:
    """Why the card does not want this row, or nothing."""
    for column, values in card.only.items():
        if str(row[column]) not in values:
            return f"{column} is {row[column]}"
    if card.form != "text" and not first_turn(row[card.request], card.form)[0]:
        return NO_TURN
    return ""


def _example(row: Mapping[str, Any], card: RequestCard) -> Example:
    request, _ = first_turn(row[card.request], card.form)
    if not is_visible(request):
        raise BadRowError(f"has no request in '{card.request}'")
    whole(card.request, request)
    if context := _text(row.get(card.context)).strip():
        request = card.joined.replace("{context}", context).replace("{request}", request)
    group = _text(row.get(card.group)).strip()
    category = _text(row.get(card.category)).strip()
    return Example(
        id=f"{card.name}-{hashlib.sha256(request.encode()).hexdigest()[:16]}",
        prompt=(Message(role="user", content=request),),
        harmful=_harmful(row, card),
        responses=_responses(row, card),
        source=card.name,
        group=f"{card.hub or card.name}:{group}" if group else "",
        meta={"category": category} if category else {},
    )


def _harmful(row: Mapping[str, Any], card: RequestCard) -> bool:
    if card.harmful is not None:
        return card.harmful
    value = _text(row[card.harmful_column]).strip()
    if value not in card.harmful_values:
        raise BadRowError(
            f"has '{value}' in '{card.harmful_column}': it must be {' or '.join(card.harmful_values)}"
        )
    return card.harmful_values[value]


def _responses(row: Mapping[str, Any], card: RequestCard) -> dict[Tier, tuple[str, ...]]:
    """The row's responses that are not empty; of a conversation its first reply."""
    texts = {
        tier: _text(row[column]).strip()
        if column != card.request
        else first_turn(row[column], card.form)[1]
        for tier, column in card.responses.items()
    }
    return {tier: (whole(tier, text),) for tier, text in texts.items() if is_visible(text)}


def _both(one: Example, other: Example) -> Example:
    """One request that stands twice, with the responses of both."""
    if one.harmful is not other.harmful:
        raise BadRowError(
            "repeats a request that an earlier row calls the other of harmful and harmless"
        )
    tiers = dict.fromkeys((*one.responses, *other.responses))
    texts = {t: dict.fromkeys((*one.responses.get(t, ()), *other.responses.get(t, ()))) for t in tiers}
    return one.but(responses={tier: tuple(each) for tier, each in texts.items()})


def _drawn(examples: list[Example], limit: int | None, seed: int) -> list[Example]:
    if limit is None or limit >= len(examples):
        return examples
    ids = sorted((example.id for example in examples), key=lambda name: seed_of("requests", seed, name))
    chosen = set(ids[:limit])
    return [example for example in examples if example.id in chosen]


def _said(cell: Any) -> list[tuple[str, str]]:
    """Chat messages, {role, content} or {from, value}, as (speaker, text)."""
    turns = cell if isinstance(cell, list) else []
    return [
        (
            _text(t.get("role") or t.get("from")).casefold(),
            _text(t.get("content") or t.get("value")).strip(),
        )
        for t in turns
        if isinstance(t, Mapping)
    ]


def _spoken(cell: Any) -> list[tuple[str, str]]:
    """A transcript of "Human:" and "Assistant:" as (speaker, text)."""
    parts = _SPEAKER.split(_text(cell))[1:]
    return [(who.casefold(), text.strip()) for who, text in zip(parts[::2], parts[1::2], strict=True)]


def _text(cell: Any) -> str:
    """A cell that is text or a number; a list, a date or bytes would become a text that none wrote."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    if isinstance(cell, bool | int | float):
        return str(cell)
    raise BadRowError(f"has a {type(cell).__name__} where text is needed")
