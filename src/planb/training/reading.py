"""A dataset, as TRL's trainers take it -> tokenized rows. A row's columns say which of ``KINDS`` it is.

What is text is trained as text, after the tokenizer's own start (a BOS, or none) and before its end
token; what is messages goes through the chat template, and so does a prompt of text beside a
``system``. Under ``responses`` by tier, planb's own form, a prompt of text is a user message. Columns
and keys of messages that are not known to be harmless are refused by name (``planb.data.columns``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

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
    whole,
    with_system,
)
from planb.data.columns import UnreadColumnsError, check_columns
from planb.data.lines import BadRowError
from planb.errors import PlanBError
from planb.models.chat import continuations, exchanges
from planb.text import is_visible
from planb.training.lengths import Counts, Lengths
from planb.training.pairs import trainable
from planb.training.rows import Row, ranked
from planb.types import Example, Ordering, Tier, prompt_fault

LOG = logging.getLogger(__name__)

KINDS = (
    "prompt, chosen, rejected (text or messages; the prompt may stand in the other two)",
    "prompt, completion (text or messages)",
    "messages (the last one of the assistant is trained)",
    "prompt, responses or completions (a list), scores (numbers, or in each response as 'score')",
    "prompt, responses {tier: texts}, together with an ordering",
)
"""The rows that are understood, by their columns. Each may have a ``system`` (text) beside them."""

COMPLETION: Tier = "completion"
"""The tier of a response that is not compared with another: plain SFT."""

CHUNK = 1024
"""Rows that are tokenized together."""

Form = Literal["text", "chat", "lifted"]
"""What a prompt is trained as: bare text, a chat, or text that became a chat beside a 'system'."""
Pairs = tuple[tuple[int, int], ...]
Columns = Mapping[str, Any]


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

    Raises PlanBError, naming the row, if it is of none of ``KINDS`` or not as its kind should be.
    """
    if isinstance(dataset, Mapping):
        raise PlanBError(f"the dataset is a dict of splits ({', '.join(dataset)}): pass one of them")
    lengths, counts = Lengths.of(lengths), Counts() if counts is None else counts
    numbered, built = enumerate(dataset), list[_Built]()
    while chunk := list(islice(numbered, CHUNK)):
        found = [_understood(row, number, ordering, counts) for number, row in chunk]
        built += _rows([read for read in found if read], tokenizer, lengths, counts)
    _one_form(built)
    rows = _trained(built, counts)
    if not rows:
        raise PlanBError(f"the dataset leaves nothing to train on: {counts}")
    return rows


class _Read(NamedTuple):
    """A row that is understood and not yet tokenized. ``tiers`` are one a text; ``lifted`` is a prompt
    of text that became a chat because of its system message."""

    number: int
    key: str
    prompt: str | Chat = ""
    texts: tuple[str, ...] = ()
    tiers: tuple[Tier, ...] = ()
    pairs: Pairs = ()
    weights: tuple[float, ...] = ()
    lifted: bool = False


class _Built(NamedTuple):
    """A tokenized row, and what the limits did to it. ``form`` is what its prompt was; ``texts`` are
    hashes of what its responses were (a dataset's texts need not stay in memory)."""

    row: Row
    counts: Counts
    number: int
    form: Form
    texts: tuple[int, ...]


def _understood(row: Any, number: int, ordering: Ordering | None, counts: Counts) -> _Read | None:
    """The row by its kind; ``None``, counted, where nothing in it is better than something else."""
    try:
        if isinstance(row, Example):
            return _tiered(_Read(number, row.id, row.prompt), {}, row.responses, ordering)
        if not isinstance(row, Mapping):
            raise BadRowError(f"it is a {type(row).__name__}, not a dict of columns")
        there = {name: value for name, value in row.items() if value is not None}
        read = _Read(number, id_of(there) or f"row {number}")
        return _by_columns(read, there, ordering, counts)
    except BadRowError as error:
        raise PlanBError(f"{_name(number)}: {error}{_how_to_take_out(error)}") from error


def _by_columns(read: _Read, row: Columns, ordering: Ordering | None, counts: Counts) -> _Read | None:
    answers = next((name for name in ("responses", "completions") if name in row), "")
    used = {"prompt", "system"}

    def checked(*more: str) -> None:
        check_columns(row, {*used, *more}, counts.ignored)

    if "chosen" in row and "rejected" in row:
        again = (
            is_chat(row.get("messages")) and row["messages"] == row["chosen"]
        )  # as UltraFeedback has
        checked("chosen", "rejected", *(["messages"] if again else []))
        return _preference(read, row, counts)
    if "prompt" in row and isinstance(row.get(answers), Mapping):
        checked(answers)
        return _tiered(read._replace(prompt=as_chat(row["prompt"])), row, row[answers], ordering)
    if "prompt" in row and isinstance(row.get(answers), list | tuple):
        checked(answers, "scores")
        return _scored(read, row, row[answers], counts)
    if "prompt" in row and "completion" in row:
        checked("completion")
        return _answered(read, row, row["prompt"], [("completion", row["completion"])], (COMPLETION,))
    if "messages" in row:
        checked("messages")
        return _conversation(read, row)
    kinds = "".join(f"\n  {kind}" for kind in KINDS)
    names = ", ".join(str(name)[:60] for name in islice(row, 20))
    raise BadRowError(f"its columns are {names or 'empty'}; understood are{kinds}")


def _preference(read: _Read, row: Columns, counts: Counts) -> _Read | None:
    """Chosen over rejected. Where there is no prompt, or one of text beside two whole conversations,
    it is what the two begin with (as TRL's ``maybe_extract_prompt``); two texts that are one say of no
    part of it that it is better."""
    prompt, chosen, rejected = row.get("prompt"), row["chosen"], row["rejected"]
    if prompt is None and isinstance(chosen, str) and chosen == rejected:
        counts.same_text += 1
        counts.pairless += 1
        return None
    if prompt is None or (isinstance(prompt, str) and is_chat(chosen) and is_chat(rejected)):
        cut = shared_beginning(chosen, rejected)
        if prompt is None and cut < 1:
            raise BadRowError("chosen and rejected share no beginning, and there is no 'prompt'")
        if prompt is None and "system" in row and not is_chat(chosen):
            raise BadRowError("it has a 'system' and no 'prompt': give the prompt a column of its own")
        if cut > 0:
            if prompt is not None:
                check_repeats(prompt, "chosen", messages_of("chosen", chosen[:cut]))
            prompt, chosen, rejected = chosen[:cut], chosen[cut:], rejected[cut:]
    answers = [("chosen", chosen), ("rejected", rejected)]
    return _answered(read, row, prompt, answers, ("chosen", "rejected"), ((0, 1),))


def _conversation(read: _Read, row: Columns) -> _Read:
    chat = messages_of("messages", row["messages"])
    last = max((at for at, message in enumerate(chat) if message.role == "assistant"), default=0)
    if last == 0:
        raise BadRowError("'messages' has no assistant message with a message before it")
    check_repeats(row.get("prompt"), "messages", chat[:last])
    return _answered(read, row, chat[:last], [("messages", chat[last].content)], (COMPLETION,))


def _scored(read: _Read, row: Columns, answers: Sequence[Any], counts: Counts) -> _Read | None:
    scores = scores_of(row.get("scores"), answers)
    levels = sorted(set(scores), reverse=True)
    if len(levels) < 2:
        counts.unranked += 1
        return None
    order = sorted(range(len(scores)), key=lambda at: -scores[at])
    ranks = [levels.index(scores[at]) + 1 for at in order]
    named = [(name := f"response {at}", response_in(name, answers[at])) for at in order]
    pairs = tuple((b, w) for w in range(len(ranks)) for b in range(w) if ranks[b] < ranks[w])
    return _answered(read, row, row["prompt"], named, tuple(f"rank {rank}" for rank in ranks), pairs)


def _tiered(
    read: _Read, row: Columns, responses: Mapping[Tier, Any], ordering: Ordering | None
) -> _Read:
    if ordering is None:
        raise BadRowError("its responses are by tier: say by an ordering which is preferred")
    given = {t: [v] if isinstance(v, str) else list(v) for t, v in responses.items() if v}
    if missing := [tier for tier in ordering.tiers if tier not in given]:
        raise BadRowError(
            f"no response of tier {', '.join(missing)}, which the ordering {ordering} trains (it has "
            f"{', '.join(given) or 'none'})"
        )
    texts = [(tier, text) for tier in ordering.tiers for text in dict.fromkeys(given[tier])]
    tiers = tuple(tier for tier, _ in texts)
    return _answered(read, row, read.prompt, texts, tiers, *ranked(tiers, ordering))


def _answered(
    read: _Read,
    row: Columns,
    prompt: Any,
    answers: Sequence[tuple[str, Any]],
    tiers: tuple[Tier, ...],
    pairs: Pairs = (),
    weights: tuple[float, ...] = (),
) -> _Read:
    """The row of a prompt and its (name, answer)s. All is bare text, or else all is a chat."""
    asked = whole("prompt", prompt) if isinstance(prompt, str) else as_chat(prompt)
    if isinstance(asked, str) and any(is_chat(answer) for _, answer in answers):
        asked = as_chat(asked)
    lifted = isinstance(asked, str)
    asked = with_system(row, asked)
    lifted = lifted and not isinstance(asked, str)
    if not isinstance(asked, str) and (fault := prompt_fault(asked)):
        raise BadRowError(fault)
    if isinstance(asked, str) and asked and not is_visible(asked):
        raise BadRowError("the prompt is empty (nothing of it can be seen)")
    texts = tuple(answer_of(name, answer) for name, answer in answers)
    return _Read(read.number, read.key, asked, texts, tiers, pairs, weights, lifted)


def _one_form(built: Sequence[_Built]) -> None:
    """Raise PlanBError where prompts of text are bare in some rows, and chats in others because these
    alone have a 'system': a model would learn two forms, and which is a matter of a missing cell."""
    lifted = next((one.number for one in built if one.form == "lifted"), None)
    bare = next((one.number for one in built if one.form == "text"), None)
    if lifted is not None and bare is not None:
        raise PlanBError(
            f"{_name(lifted)} has a 'system', so its prompt of text is rendered as a chat, and "
            f"{_name(bare)} has none, so its prompt is trained as bare text: give the prompts as "
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


def _rows(reads: Sequence[_Read], tokenizer: Any, lengths: Lengths, counts: Counts) -> Iterator[_Built]:
    """The rows, tokenized together, and cut or left out by ``lengths``; the latter is counted."""
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
        own = Counts()
        fitted = lengths.fit(_name(read.number), prompt, responses, own)
        if fitted is None:
            counts.add(own)
        else:
            row = Row(read.key, *fitted, read.tiers, read.pairs, read.weights)
            form: Form = "text" if isinstance(read.prompt, str) else "lifted" if read.lifted else "chat"
            texts = tuple(hash(text.strip()) for text in read.texts) if read.pairs else ()
            yield _Built(row, own, read.number, form, texts)


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


def _how_to_take_out(error: BadRowError) -> str:
    """What to call to be rid of columns, where some are to be taken out."""
    if not isinstance(error, UnreadColumnsError):
        return ""
    return (
        f": dataset.remove_columns([...]), or dataset.select_columns({error.read}) keeps what is read"
    )
