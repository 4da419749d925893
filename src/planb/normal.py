"""Text as it is compared: what looks alike to a reader is alike.

It does not see another wording, letters of another script that look the same, nor an encoding.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
"""Unicode's categories of control and format characters and of white space."""
_MARKS = (
    *((0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0xFE20, 0xFE2F)),
    *((0x20D0, 0x20E2), (0x20E4, 0x20FF)),  # not the keycap: "1️⃣" is no 1
    *((0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2), (0x05C4, 0x05C5), (0x05C7, 0x05C7)),
    *((0x0610, 0x061A), (0x0640, 0x0640), (0x064B, 0x065F), (0x0670, 0x0670)),  # and the tatweel
)
"""Marks that are put over and through letters, the vowels of Hebrew and Arabic among them; what NFKC
makes a letter of is a letter."""
_FILLERS = (
    *((0xFE00, 0xFE0F), (0xE0100, 0xE01EF), (0x180B, 0x180F)),  # variation selectors
    *((0x115F, 0x1160), (0x3164, 0x3164), (0xFFA0, 0xFFA0)),  # Hangul without a letter
    *((0x17B4, 0x17B5), (0x2800, 0x2800), (0x2065, 0x2065), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF)),
)
"""Code points without a picture that are of other categories."""
_ASCII = {code: None for code in range(128) if unicodedata.category(chr(code)) in _UNSEEN}


def bare(text: str) -> str:
    """The text in Unicode's compatibility form (NFKC) without white space, and without characters that
    nobody sees: format characters, variation selectors, soft hyphens, marks on no letter of their own.
    """
    if text.isascii():
        return text.translate(_ASCII)
    whole = unicodedata.normalize("NFKC", _without(text, _unseen))
    return _without(whole, _unseen_after)


def normalised(text: str) -> str:
    """``bare`` text without a difference of case."""
    folded = bare(text).casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFKC", folded)


def _without(text: str, unwanted: Callable[[str], bool]) -> str:
    """The text without such letters: each letter that occurs is looked at once."""
    return text.translate({ord(letter): None for letter in set(text) if unwanted(letter)})


def _unseen_after(letter: str) -> bool:
    return _unseen(letter) or _in(letter, _MARKS)


def _unseen(letter: str) -> bool:
    return unicodedata.category(letter) in _UNSEEN or _in(letter, _FILLERS)


def _in(letter: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(letter) <= last for first, last in ranges)
