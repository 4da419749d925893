"""What an answer chooses, read by rules: whatever they do not read stays unread."""

from __future__ import annotations

import re
from collections.abc import Collection

from planb.domains.choices.offers import Words

EITHER = 0.5
"""Half of the first act and half of the second."""
_CHOOSES = (
    r"\b(?:take|choose|pick|prefer|select|want|accept|keep|go (?:with|for)|opt for|"
    r"(?:choice|answer|option|preference) (?:is|would be))\b"
)
_DENIES = r"\b(?:not|never|no|cannot|neither|avoid|decline|reject|refuse|instead of|rather than|over)\b"
_SHORT = r"n['’]t\b"
_EITHER = (
    r"\b(?:either (?:is|one|would|will|option)|no preference|indifferent|"
    r"all the same to me|both are (?:equal|fine)|equally good)\b"
)
_GERMAN = {"ich", "nehme", "bitte", "meine", "wahl", "dann", "der", "den", "die", "das"}


def choice_in(answer: str, words: Words, acts: Collection[int] = (0, 1)) -> float | None:
    """The number of the act that an answer chooses among ``acts``, ``EITHER`` of two; None where the
    rules cannot tell.

    In this order: the one act that follows a word of choosing, if nothing before it in its sentence
    denies it; else no preference; else the only act that is named, if nothing in the answer denies.
    """
    text = re.sub(r"no preference", "indifferent", answer.casefold())
    sentences = re.split(r"[.!?\n]+", text)
    chosen = {one for sentence in sentences for one in _chosen(sentence, words)}
    named = _named(text, words)
    if len(chosen) == 1:
        return _offered(chosen, acts)
    if not chosen and len(named) != 1 and re.search(_EITHER, text):
        return EITHER if len(acts) == 2 else None
    if not chosen and len(named) == 1 and not _denied(text) and not re.search(_EITHER, text):
        return _offered(named, acts)
    return None


def is_german(answer: str) -> bool:
    """Whether two words or more are German ones of an answer."""
    return len(set(re.findall(r"\w+", answer.casefold())) & _GERMAN) >= 2


def _offered(one: set[int], acts: Collection[int]) -> int | None:
    """The act, if it was offered."""
    (act,) = one
    return act if act in acts else None


def _chosen(sentence: str, words: Words) -> set[int]:
    """The act that is named first after each word of choosing."""
    found: set[int] = set()
    for match in re.finditer(_CHOOSES, sentence):
        if _denied(sentence[: match.start()]):
            continue
        rest = re.split(_DENIES, sentence[match.end() :])[0]
        for part in (re.split(r"[,;:]", rest)[0], rest):  # what comes after may give a reason
            if len(named := _named(part, words)) == 1:
                found |= named
                break
    return found


def _named(text: str, words: Words) -> set[int]:
    said = set(re.findall(r"\w+", text))
    return {act for act, read in enumerate(words.reads) if said & {*read}}


def _denied(text: str) -> bool:
    return bool(re.search(_DENIES, text) or re.search(_SHORT, text))
