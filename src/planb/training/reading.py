"""A dataset, as TRL's trainers take it -> tokenized rows. A row's columns say which of ``KINDS`` it is.

What is text is trained as text, after the tokenizer's own start (a BOS, or none) and before its end
token; what is messages goes through the chat template. Only under ``responses`` by tier, planb's own
form, is a prompt of text a user message.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from numbers import Real
from typing import Any, NamedTuple

from pydantic import ValidationError

from planb.models.chat import continuations, exchanges
from planb.training.lengths import Counts, Lengths
from planb.training.rows import Row, ranked
from planb.types import Example, Message, Ordering, PlanBError, Tier

KINDS = (
    "prompt, chosen, rejected (text or messages; the prompt may stand in the other two)",
    "prompt, completion (text or messages)",
    "messages (the last one of the assistant is trained)",
    "prompt, responses or completions (a list), scores (numbers, or in each response as 'score')",
    "prompt, responses {tier: texts}, together with an ordering",
)
"""The rows that are understood, by their columns. Other columns are ignored."""

COMPLETION: Tier = "completion"
"""The tier of a response that is not compared with another: plain SFT."""

CHUNK = 1024
"""Rows that are tokenized together."""

Chat = tuple[Message, ...]
Pairs = tuple[tuple[int, int], ...]


def read_rows(
    dataset: Iterable[Mapping[str, Any] | Example],
    tokenizer: Any,
    ordering: Ordering | None = None,
    lengths: Lengths | int = 2048,
    counts: Counts | None = None,
) -> list[Row]:
    """The rows of a ``datasets.Dataset``, or of any sequence of dicts or ``Example``s, in its order.

    Chosen and rejected are one pair of those tiers. Scored responses stand best first and each is
    paired with all of a lower score, never with an equal one; their tiers are ``rank 1``, ``rank 2``,
    ...; a row without two unlike scores is left out (``counts.unranked``). Responses by tier are paired
    by the ordering, all of a tier's texts with all of another's; other tiers are ignored. ``lengths``
    says what is done with what is too long (a number: the ``max_length`` of what is refused).

    Raises PlanBError, naming the row, if it is of none of ``KINDS`` or not as its kind should be.
    """
    if isinstance(dataset, Mapping):
        raise PlanBError(f"the dataset is a dict of splits ({', '.join(dataset)}): pass one of them")
    lengths, counts = Lengths.of(lengths), Counts() if counts is None else counts
    numbered, rows = enumerate(dataset), list[Row]()
    while chunk := list(islice(numbered, CHUNK)):
        reads = [_understood(row, number, ordering) for number, row in chunk]
        counts.unranked += reads.count(None)
        rows += _rows([read for read in reads if read], tokenizer, lengths, counts)
    if not rows:
        raise PlanBError(f"the dataset leaves nothing to train on: {counts}")
    return rows


class _BadRowError(ValueError):
    """What is wrong with one row; shown with the row's number."""


class _Read(NamedTuple):
    """A row that is understood and not yet tokenized. ``tiers`` are one a text."""

    number: int
    key: str
    prompt: str | Chat = ""
    texts: tuple[str, ...] = ()
    tiers: tuple[Tier, ...] = ()
    pairs: Pairs = ()
    weights: tuple[float, ...] = ()


def _understood(row: Any, number: int, ordering: Ordering | None) -> _Read | None:
    """The row by its kind; ``None`` where no two of its scores differ."""
    try:
        if isinstance(row, Example):
            return _tiered(_Read(number, row.id, row.prompt), row.responses, ordering)
        if not isinstance(row, Mapping):
            raise _BadRowError(f"it is a {type(row).__name__}, not a dict of columns")
        there = {name: value for name, value in row.items() if value is not None}
        key = there.get("id")
        read = _Read(number, key if isinstance(key, str) else f"row {number}")
        return _by_columns(read, there, ordering)
    except _BadRowError as error:
        raise PlanBError(f"{_name(number)}: {error}") from error


def _by_columns(read: _Read, row: Mapping[str, Any], ordering: Ordering | None) -> _Read | None:
    answers = row.get("responses", row.get("completions"))
    if "chosen" in row and "rejected" in row:
        return _preference(read, row)
    if "prompt" in row and isinstance(answers, Mapping):
        prompt = row["prompt"]
        asked = (Message(role="user", content=prompt),) if isinstance(prompt, str) else _prompt(prompt)
        return _tiered(read._replace(prompt=asked), answers, ordering)
    if "prompt" in row and isinstance(answers, list | tuple):
        return _scored(read, row, answers)
    if "prompt" in row and "completion" in row:
        if isinstance(row.get("label"), bool):
            raise _BadRowError("it has a 'label' (unpaired preference): give each prompt its pairs")
        return _answered(read, row["prompt"], [("completion", row["completion"])], (COMPLETION,))
    if "messages" in row:
        return _conversation(read, row["messages"])
    kinds = "".join(f"\n  {kind}" for kind in KINDS)
    raise _BadRowError(f"its columns are {', '.join(row) or 'empty'}; understood are{kinds}")


def _preference(read: _Read, row: Mapping[str, Any]) -> _Read:
    """Chosen over rejected. Where there is no prompt, or one of text beside two whole conversations,
    it is what the two begin with (as TRL's ``maybe_extract_prompt``)."""
    prompt, chosen, rejected = row.get("prompt"), row["chosen"], row["rejected"]
    if prompt is None or (isinstance(prompt, str) and _is_chat(chosen) and _is_chat(rejected)):
        cut = _shared_beginning(chosen, rejected)
        if prompt is None and cut < 1:
            raise _BadRowError("chosen and rejected share no beginning, and there is no 'prompt'")
        if cut > 0:
            prompt, chosen, rejected = chosen[:cut], chosen[cut:], rejected[cut:]
    answers = [("chosen", chosen), ("rejected", rejected)]
    return _answered(read, prompt, answers, ("chosen", "rejected"), ((0, 1),))


def _shared_beginning(one: Any, two: Any) -> int:
    """How many characters or messages the two have in common; neither is left empty."""
    if _is_chat(one) and _is_chat(two):
        one, two = _messages("chosen", one), _messages("rejected", two)
    elif not (isinstance(one, str) and isinstance(two, str)):
        raise _BadRowError("chosen and rejected must both be text or both be messages")
    elif one == two:
        raise _BadRowError("chosen and rejected are the same text: it does not say where a prompt ends")
    shortest = min(len(one), len(two))
    cut = next((at for at in range(shortest) if one[at] != two[at]), None)
    if cut is None:
        return shortest - 1
    return cut - (cut > 0 and one[cut - 1] == " ")  # the space goes with the answer's first word


def _conversation(read: _Read, messages: Any) -> _Read:
    chat = _messages("messages", messages)
    last = max((at for at, message in enumerate(chat) if message.role == "assistant"), default=0)
    if last == 0:
        raise _BadRowError("'messages' has no assistant message with a message before it")
    return _answered(read, chat[:last], [("messages", chat[last].content)], (COMPLETION,))


def _scored(read: _Read, row: Mapping[str, Any], answers: Sequence[Any]) -> _Read | None:
    scores = row.get("scores")
    if scores is None:
        scores = [_first(a, "score", "overall_score") for a in answers if isinstance(a, Mapping)]
    if not isinstance(scores, list | tuple) or len(scores) != len(answers):
        raise _BadRowError(f"it has {len(answers)} responses; 'scores' must be as many numbers")
    for at, score in enumerate(scores):
        if not isinstance(score, Real) or isinstance(score, bool) or math.isnan(score):
            raise _BadRowError(f"the score of response {at} (from 0) is {score!r}, not a number")
    levels = sorted(set(scores), reverse=True)
    if len(levels) < 2:
        return None
    order = sorted(range(len(scores)), key=lambda at: -scores[at])
    ranks = [levels.index(scores[at]) + 1 for at in order]
    named = [(f"response {at}", _first(answers[at], "response", "content", "text")) for at in order]
    pairs = tuple((b, w) for w in range(len(ranks)) for b in range(w) if ranks[b] < ranks[w])
    return _answered(read, row["prompt"], named, tuple(f"rank {rank}" for rank in ranks), pairs)


def _tiered(read: _Read, responses: Mapping[Tier, Any], ordering: Ordering | None) -> _Read:
    if ordering is None:
        raise _BadRowError("its responses are by tier: say by an ordering which is preferred")
    given = {t: [v] if isinstance(v, str) else list(v) for t, v in responses.items() if v}
    if missing := [tier for tier in ordering.tiers if tier not in given]:
        raise _BadRowError(
            f"no response of tier {', '.join(missing)}, which the ordering {ordering} trains (it has "
            f"{', '.join(given) or 'none'})"
        )
    texts = [(tier, text) for tier in ordering.tiers for text in dict.fromkeys(given[tier])]
    tiers = tuple(tier for tier, _ in texts)
    return _answered(read, read.prompt, texts, tiers, *ranked(tiers, ordering))


def _answered(
    read: _Read,
    prompt: Any,
    answers: Sequence[tuple[str, Any]],
    tiers: tuple[Tier, ...],
    pairs: Pairs = (),
    weights: tuple[float, ...] = (),
) -> _Read:
    """The row of a prompt and its (name, answer)s. All is bare text, or else all is a chat."""
    asked = _prompt(prompt)
    if isinstance(asked, str) and any(_is_chat(answer) for _, answer in answers):
        asked = (Message(role="user", content=asked),)
    texts = tuple(_text(name, answer) for name, answer in answers)
    return _Read(read.number, read.key, asked, texts, tiers, pairs, weights)


def _prompt(prompt: Any) -> str | Chat:
    return prompt if isinstance(prompt, str) else _messages("prompt", prompt)


def _text(name: str, answer: Any) -> str:
    if _is_chat(answer):
        chat = _messages(name, answer)
        if len(chat) > 1 or chat[0].role != "assistant":
            raise _BadRowError(
                f"'{name}' has {len(chat)} messages after the prompt (of "
                f"{', '.join(message.role for message in chat)}), and one of the assistant is trained: "
                "put those before it into the prompt"
            )
        answer = chat[0].content
    if not isinstance(answer, str):
        raise _BadRowError(f"'{name}' is a {type(answer).__name__}, neither text nor messages")
    if not answer.strip():
        raise _BadRowError(f"'{name}' is empty")
    return answer


def _messages(name: str, value: Any) -> Chat:
    if not _is_chat(value):
        raise _BadRowError(f"'{name}' is a {type(value).__name__}, neither text nor messages")
    if isinstance(value[0], Message):
        return tuple(value)
    chat = []
    for at, part in enumerate(value):
        try:
            chat.append(Message(role=part["role"], content=part["content"]))
        except (KeyError, TypeError, ValidationError) as error:
            raise _BadRowError(
                f"message {at} (from 0) of '{name}' needs a 'role' (system, user, assistant) and text "
                "as its 'content'"
            ) from error
    return tuple(chat)


def _is_chat(value: Any) -> bool:
    """Whether it is a list of messages, as far as its first one tells."""
    first = value[0] if isinstance(value, list | tuple) and value else None
    return isinstance(first, Message) or (isinstance(first, Mapping) and "role" in first)


def _first(answer: Any, *names: str) -> Any:
    """The first of these fields that a dict has a value for; what is no dict is the answer itself."""
    if not isinstance(answer, Mapping):
        return answer
    return next((answer[name] for name in names if answer.get(name) is not None), None)


def _rows(reads: Sequence[_Read], tokenizer: Any, lengths: Lengths, counts: Counts) -> Iterator[Row]:
    """The rows, tokenized together, and cut or left out by ``lengths``."""
    bare = [(r.prompt, text) for r in reads if isinstance(r.prompt, str) for text in r.texts]
    of_texts, of_chats = iter(continuations(tokenizer, bare)), iter(_chats(reads, tokenizer))
    known = dict[int, int]()  # one object a token id: a fifth of the memory
    for read in reads:
        encoded = [next(of_texts if isinstance(read.prompt, str) else of_chats) for _ in read.texts]
        prompt, *responses = (
            tuple(map(known.setdefault, ids, ids))
            for ids in (encoded[0][0], *(response for _, response in encoded))
        )
        if not prompt:
            raise PlanBError(f"{_name(read.number)}: its prompt has no token, so nothing can follow it")
        fitted = lengths.fit(_name(read.number), prompt, responses, counts)
        if fitted is not None:
            yield Row(read.key, *fitted, read.tiers, read.pairs, read.weights)


def _chats(reads: Sequence[_Read], tokenizer: Any) -> list[tuple[list[int], list[int]]]:
    """``exchanges`` of all that are chats; an error of the template names the row."""
    chats = [
        (read.number, [(read.prompt, text) for text in read.texts])
        for read in reads
        if not isinstance(read.prompt, str)
    ]
    try:
        return exchanges(tokenizer, [pair for _, chat in chats for pair in chat])
    except PlanBError:
        for number, chat in chats:
            try:
                exchanges(tokenizer, chat)
            except PlanBError as error:
                raise PlanBError(f"{_name(number)}: {error}") from error
        raise


def _name(number: int) -> str:
    return f"row {number} (from 0) of the dataset"
