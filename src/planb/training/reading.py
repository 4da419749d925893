"""A dataset, as TRL's trainers take it -> tokenized rows (``planb.training.parsing`` reads each row).

What is text is trained as text, after the tokenizer's own start (a BOS, or none) and before its end
token; what is messages goes through the chat template, and so does a prompt of text beside a
``system``. Under ``responses`` by tier, planb's own form, a prompt of text is a user message.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from planb.errors import PlanBError
from planb.models.chat import continuations
from planb.models.trajectories import Exchange, encoded
from planb.training.lengths import Counts, Lengths
from planb.training.pairs import trainable
from planb.training.parsing import Columns, ParsedRow, name_of, parse_row
from planb.training.rows import Row, given_of
from planb.types import Example, Ordering

LOG = logging.getLogger(__name__)

CHUNK = 1024
"""Rows that are tokenized together."""

Form = Literal["text", "chat", "lifted"]
"""What a prompt is trained as: bare text, a chat, or text that became a chat beside a 'system'."""


def read_rows(
    dataset: Iterable[Columns | Example],
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
    says what is done with what is too long (a number: the ``max_length`` of what is refused). Pairs of
    a text over itself, and pairs that rows of one prompt have both ways round, are left out and counted
    (``planb.training.pairs``).

    Raises PlanBError, naming the row, if it is of none of ``parsing.KINDS``, or not as its kind should
    be.
    """
    if isinstance(dataset, Mapping):
        raise PlanBError(f"the dataset is a dict of splits ({', '.join(dataset)}): pass one of them")
    lengths, counts = Lengths.of(lengths), Counts() if counts is None else counts
    numbered, built = enumerate(dataset), list[_Built]()
    while chunk := list(islice(numbered, CHUNK)):
        found = [parse_row(row, number, ordering, counts) for number, row in chunk]
        built += _rows([read for read in found if read], tokenizer, lengths, counts)
    _one_form(built)
    rows = _trained(built, counts)
    if not rows:
        raise PlanBError(f"the dataset leaves nothing to train on: {counts}")
    return rows


class _Built(NamedTuple):
    """A tokenized row, and what the limits did to it. ``form`` is what its prompt was; ``texts`` are
    hashes of what its responses were (a dataset's texts need not stay in memory)."""

    row: Row
    counts: Counts
    number: int
    form: Form
    texts: tuple[int, ...]


def _one_form(built: Sequence[_Built]) -> None:
    """Raise PlanBError where prompts of text are bare in some rows, and chats in others because these
    alone have a 'system': a model would learn two forms, and which is a matter of a missing cell."""
    lifted = next((one.number for one in built if one.form == "lifted"), None)
    bare = next((one.number for one in built if one.form == "text"), None)
    if lifted is not None and bare is not None:
        raise PlanBError(
            f"{name_of(lifted)} has a 'system', so its prompt of text is rendered as a chat, and "
            f"{name_of(bare)} has none, so its prompt is trained as bare text: give the prompts as "
            "messages, or every row a 'system' (which may be empty)"
        )


def _trained(built: Sequence[_Built], counts: Counts) -> list[Row]:
    """The rows without the pairs that teach nothing; all is counted."""
    rows = []
    kept = trainable([one.row for one in built], [one.texts for one in built])
    for one, left in zip(built, kept, strict=True):
        counts.same_text += left.same_text
        counts.contradicting += left.contradicting
        if left.row is None:
            counts.pairless += 1
        else:
            counts.add(one.counts)
            rows.append(left.row)
    if counts.same_text or counts.contradicting or counts.ignored:
        LOG.warning("%s", counts)
    return rows


def _rows(
    reads: Sequence[ParsedRow], tokenizer: Any, lengths: Lengths, counts: Counts
) -> Iterator[_Built]:
    """The rows, tokenized together, and cut or left out by ``lengths``; the latter is counted."""
    bare = [(r.prompt, text) for r in reads if isinstance(r.prompt, str) for text in r.texts]
    of_texts, of_chats = (
        (Exchange(*ids) for ids in continuations(tokenizer, bare)),
        iter(_chats(reads, tokenizer)),
    )
    known = dict[int, int]()  # one object a token id: a fifth of the memory
    for read in reads:
        texts = [next(of_texts if isinstance(read.prompt, str) else of_chats) for _ in read.texts]
        prompt, *responses = (
            tuple(map(known.setdefault, ids, ids))
            for ids in (texts[0].prompt, *(one.response for one in texts))
        )
        if not prompt:
            raise PlanBError(
                f"{name_of(read.number)}: its prompt has no token, so nothing can follow it"
            )
        own = Counts()
        fitted = lengths.fit(name_of(read.number), prompt, responses, own)
        if fitted is None:
            counts.add(own)
        else:
            row = Row(read.key, *fitted, read.tiers, read.pairs, read.weights, given=given_of(texts))
            form: Form = "text" if isinstance(read.prompt, str) else "lifted" if read.lifted else "chat"
            hashes = tuple(hash(text.strip()) for text in read.texts) if read.pairs else ()
            yield _Built(row, own, read.number, form, hashes)


def _chats(reads: Sequence[ParsedRow], tokenizer: Any) -> list[Exchange]:
    """``encoded`` of all that are chats; an error of the template names the row."""
    chats = [
        (read.number, [(read.prompt, text) for text in read.texts])
        for read in reads
        if not isinstance(read.prompt, str)
    ]
    try:
        return encoded(tokenizer, [pair for _, chat in chats for pair in chat])
    except PlanBError:
        for number, chat in chats:
            try:
                encoded(tokenizer, chat)
            except PlanBError as error:
                raise PlanBError(f"{name_of(number)}: {error}") from error
        raise
