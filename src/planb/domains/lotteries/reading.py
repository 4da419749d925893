"""What an answer chooses, read by rules: whatever they do not read stays unread."""

from __future__ import annotations

import re
from typing import Literal

from planb.domains.lotteries.offers import Words

Choice = Literal["sure", "lottery", "either", ""]
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


def choice_in(answer: str, words: Words) -> Choice:
    """The option that an answer chooses; empty where the rules cannot tell.

    In this order: the one option that follows a word of choosing, if nothing before it in its sentence
    denies it; else no preference; else the only option that is named, if nothing in the answer denies.
    """
    text = re.sub(r"no preference", "indifferent", answer.casefold())
    sentences = re.split(r"[.!?\n]+", text)
    chosen = {one for sentence in sentences for one in _chosen(sentence, words)}
    if len(chosen) == 1:
        return chosen.pop()
    named = _named(text, words)
    if not chosen and len(named) != 1 and re.search(_EITHER, text):
        return "either"
    if not chosen and len(named) == 1 and not _denied(text) and not re.search(_EITHER, text):
        return named.pop()
    return ""


def is_german(answer: str) -> bool:
    """Whether two words or more are German ones of an answer."""
    return len(set(re.findall(r"\w+", answer.casefold())) & _GERMAN) >= 2


def _chosen(sentence: str, words: Words) -> set[Choice]:
    """The option that is named first after each word of choosing."""
    found: set[Choice] = set()
    for match in re.finditer(_CHOOSES, sentence):
        if _denied(sentence[: match.start()]):
            continue
        rest = re.split(_DENIES, sentence[match.end() :])[0]
        if len(named := _named(rest, words)) == 1:
            found |= named
    return found


def _named(text: str, words: Words) -> set[Choice]:
    said = set(re.findall(r"\w+", text))
    found: set[Choice] = set()
    if said & {*words.reads_sure}:
        found.add("sure")
    if said & {*words.reads_lottery}:
        found.add("lottery")
    return found


def _denied(text: str) -> bool:
    return bool(re.search(_DENIES, text) or re.search(_SHORT, text))
