"""A dataset's row, as TRL's trainers take it -> prompt, responses and their pairs, not yet tokenized.

Its columns say which of ``KINDS`` it is. Columns and keys of messages that are not known to be
harmless are refused by name (``planb.data.columns``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

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
from planb.text import is_visible
from planb.training.lengths import Counts
from planb.training.rows import ranked
from planb.types import Example, Ordering, Tier, prompt_fault

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

Pairs = tuple[tuple[int, int], ...]
Columns = Mapping[str, Any]


class ParsedRow(NamedTuple):
    """A parsed row, not yet tokenized. ``tiers`` are one a text; ``lifted`` is a prompt
    of text that became a chat because of its system message."""

    number: int
    key: str
    prompt: str | Chat = ""
    texts: tuple[str, ...] = ()
    tiers: tuple[Tier, ...] = ()
    pairs: Pairs = ()
    weights: tuple[float, ...] = ()
    lifted: bool = False


def parse_row(row: Any, number: int, ordering: Ordering | None, counts: Counts) -> ParsedRow | None:
    """A dataset row, parsed by its columns; ``None``, counted, where it has no preference to train."""
    try:
        if isinstance(row, Example):
            return _tiered(ParsedRow(number, row.id, row.prompt), {}, row.responses, ordering)
        if not isinstance(row, Mapping):
            raise BadRowError(f"it is a {type(row).__name__}, not a dict of columns")
        there = {name: value for name, value in row.items() if value is not None}
        read = ParsedRow(number, id_of(there) or f"row {number}")
        return _by_columns(read, there, ordering, counts)
    except BadRowError as error:
        raise PlanBError(f"{name_of(number)}: {error}{_how_to_take_out(error)}") from error


def _by_columns(
    read: ParsedRow, row: Columns, ordering: Ordering | None, counts: Counts
) -> ParsedRow | None:
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


def _preference(read: ParsedRow, row: Columns, counts: Counts) -> ParsedRow | None:
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


def _conversation(read: ParsedRow, row: Columns) -> ParsedRow:
    chat = messages_of("messages", row["messages"])
    last = max((at for at, message in enumerate(chat) if message.role == "assistant"), default=0)
    if last == 0:
        raise BadRowError("'messages' has no assistant message with a message before it")
    check_repeats(row.get("prompt"), "messages", chat[:last])
    return _answered(read, row, chat[:last], [("messages", chat[last].content)], (COMPLETION,))


def _scored(read: ParsedRow, row: Columns, answers: Sequence[Any], counts: Counts) -> ParsedRow | None:
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
    read: ParsedRow, row: Columns, responses: Mapping[Tier, Any], ordering: Ordering | None
) -> ParsedRow:
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
    read: ParsedRow,
    row: Columns,
    prompt: Any,
    answers: Sequence[tuple[str, Any]],
    tiers: tuple[Tier, ...],
    pairs: Pairs = (),
    weights: tuple[float, ...] = (),
) -> ParsedRow:
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
    return ParsedRow(read.number, read.key, asked, texts, tiers, pairs, weights, lifted)


def name_of(number: int) -> str:
    return f"row {number} (from 0) of the dataset"


def _how_to_take_out(error: BadRowError) -> str:
    """What to call to be rid of columns, where some are to be taken out."""
    if not isinstance(error, UnreadColumnsError):
        return ""
    return (
        f": dataset.remove_columns([...]), or dataset.select_columns({error.read}) keeps what is read"
    )
