"""Columns of rows from elsewhere: each is used, known to say nothing of what is trained, or refused.

Files of TRL, axolotl, ms-swift, LLaMA-Factory and OpenRLHF have columns that change what a model sees
or learns. Left out without a word they give other training than the file says, so a column that is not
known to be harmless is refused by name, with what to do. An empty one (null, "", [], {}) says nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from planb.data.lines import BadRowError
from planb.types import Example

Row = Mapping[str, Any]

OURS = frozenset({*Example.model_fields, "chosen_tier", "rejected_tier", "tiers"}) - {
    "prompt",
    "responses",
}
"""What ``planb data export`` writes beside TRL's columns. Nothing of it is text that is trained."""

MOST_NAMED = 20
"""So many columns are refused at once by name; the rest are counted."""
TAKE_OUT = "Remove the columns that hold nothing to train on"
"""The end of the message on refused columns; a caller may add how."""
DEEPEST = 8
"""A value that is nested deeper is not empty, whatever is in it."""

_RENDERED = (
    "changes what a chat template writes, and planb renders messages of a role and a text only: write "
    "what it says into the messages"
)
_MEDIA = "holds what is no text, and planb trains on text only"
_WEIGHS = "says what counts how much, and planb trains every row alike, its responses whole"
_UNPAIRED = (
    "says which rows are desirable (unpaired preference), and what is undesirable must not be "
    "imitated: give each prompt its pairs as chosen and rejected, or keep the desirable rows alone, "
    "without it"
)
_ASKED = "may be the prompt, or a part of it, under another name: put all of the prompt into 'prompt'"
_ANSWERED = "may be an answer under another name, beside those that are read"
_SYSTEM = "may be the system message under another name: call it 'system', or put it into the messages"
_TOKENS = "holds tokens, and planb tokenizes the text itself"
_REFERENCE = (
    "holds a reference's numbers, and planb computes them itself, from the model it starts from"
)
_UNKNOWN = "not known"

REFUSED: dict[str, tuple[str, ...]] = {
    _RENDERED: (
        *("tools", "tool_choice", "functions", "documents", "chat_template", "chat_template_kwargs"),
        *("enable_thinking", "thinking", "reasoning", "reasoning_content", "response_schema"),
    ),
    _MEDIA: ("image", "images", "video", "videos", "audio", "audios", "objects", "pixel_values"),
    _WEIGHS: ("weight", "weights", "sample_weight", "margin", "train", "train_on_inputs", "loss_mask"),
    _UNPAIRED: ("label", "kto_tag", "desirable", "is_desirable", "undesirable", "preference", "winner"),
    _ASKED: (
        *("prompt", "instruction", "instructions", "input", "inputs", "question", "query", "context"),
        *("history", "conversation", "conversations", "request", "problem", "user", "human", "text"),
        *("messages", "chosen_prompt", "rejected_prompt", "prefix", "suffix"),
    ),
    _ANSWERED: (
        *("completion", "completions", "response", "responses", "output", "outputs", "answer"),
        *("answers", "target", "rejected_response", "rejected_responses", "rejected_messages"),
        *("chosen", "rejected", "chosen_response", "assistant", "gpt", "scores"),
    ),
    _SYSTEM: ("system", "system_prompt", "system_message"),
    _TOKENS: (
        *("input_ids", "prompt_ids", "chosen_ids", "rejected_ids", "attention_mask", "labels"),
        *("prompt_input_ids", "chosen_input_ids", "rejected_input_ids", "completion_mask"),
    ),
}
"""{why it is refused, where a row of that kind does not use it: columns}."""

HARMLESS = frozenset(
    {
        *("index", "idx", "key", "uid", "uuid", "hash", "__index_level_0__", "dataset", "origin"),
        *("metadata", "category", "categories", "subcategory", "topic", "subject", "domain", "tags"),
        *("language", "lang", "difficulty", "annotator", "author", "date", "timestamp", "created"),
        *("url", "license", "licence", "model", "models", "generator", "version", "task", "type"),
        *("num_turns", "turn", "length", "num_tokens", "n_tokens", "custom_system_prompt"),
        *("annotations", "critique", "fine-grained_score", "principle"),
    }
)
"""What says where a row comes from or what was thought of it, and nothing of what is trained."""

_HARMLESS_FORM = re.compile(
    r"(?:\w+[-_])?(?:id|uid|uuid|idx|index|hash|source|url|language|lang)"
    r"|(?:chosen|rejected|prompt|response|completion|generator|dataset)s?[-_]"
    r"(?:avg[-_])?(?:models?|scores?|ratings?|ranks?|length|len|num_tokens|n_tokens|name|type|policy)"
    r"|(?:avg[-_])?(?:score|rating|rank|model|reward)s?[-_](?:chosen|rejected|margin|diff)"
)
_MEDIA_FORM = re.compile(r"(?:\w+[-_])?(?:image|video|audio|speech|picture)s?(?:[-_]\w+)?")
_REFERENCE_FORM = re.compile(r"(?:ref|reference)_.*logps?|(?:\w+_)?ref(?:erence)?_logps?")
_WHY = {name: why for why, names in REFUSED.items() for name in names}


class UnreadColumnsError(BadRowError):
    """A row has columns that are not read: ``unread``; ``read`` are those that are."""

    def __init__(self, said: str, unread: Sequence[str], read: Sequence[str]) -> None:
        super().__init__(said)
        self.unread, self.read = list(unread), list(read)


def check_columns(row: Row, used: Collection[str], ignored: Counter[str]) -> None:
    """Count in ``ignored`` what of the row is known to be harmless and is not of planb's own columns.

    Raises UnreadColumnsError, naming them, for all others that are not ``used`` and say anything.
    """
    refused = dict[str, list[str]]()
    for name, value in row.items():
        if name in used or name in OURS or says_nothing(value):
            continue
        if why := _why_refused(str(name)):
            refused.setdefault(why, []).append(str(name))
        else:
            ignored[name] += 1
    if refused:
        told = "; ".join(f"{_some(names)} ({why})" for why, names in refused.items())
        unread = [name for names in refused.values() for name in names]
        said = f"it has columns that are not read: {told}. {TAKE_OUT}"
        raise UnreadColumnsError(said, unread, [name for name in row if name in used])


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    listed = ", ".join(f"'{name[:60]}'" for name in names[:MOST_NAMED])
    return f"{listed} and {more} more" if more > 0 else listed


@lru_cache(maxsize=1000)
def _why_refused(name: str) -> str:
    """Why a column that is not used cannot be ignored; "" where it can."""
    plain = name.strip().casefold()
    if plain in _WHY:
        return _WHY[plain]
    if _REFERENCE_FORM.fullmatch(plain):
        return _REFERENCE
    if _MEDIA_FORM.fullmatch(plain):  # image_url, image_id: there is more to the prompt than its text
        return _MEDIA
    return "" if plain in HARMLESS or _HARMLESS_FORM.fullmatch(plain) else _UNKNOWN


def says_nothing(value: Any, depth: int = 0) -> bool:
    """Whether a value is empty: null, blank text, or a list or dict of such; never a number or bool."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip() in ("", "[]", "{}", "null")
    if depth > DEEPEST:
        return False
    if isinstance(value, Mapping):
        value = list(value.values())
    return isinstance(value, list | tuple) and all(says_nothing(part, depth + 1) for part in value)


def not_read(ignored: Counter[str]) -> list[str]:
    """What is to be said of columns that were not read, and of how many rows; nothing where there are
    none."""
    named = ", ".join(f"{name[:40]} ({rows:,})" for name, rows in ignored.most_common(9))
    more = f" and {len(ignored) - 9} more" if len(ignored) > 9 else ""
    return [f"columns not read (rows): {named}{more}"] if ignored else []


def over_itself(pairs: int) -> list[str]:
    """The message on pairs that prefer a text to itself."""
    return [f"{pairs:,} pairs of a text over itself left out"] if pairs else []
