"""Text as it may be written, and as it may be shown."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator


def whole_text(text: str) -> str:
    """The text itself. ValueError where it holds a lone surrogate (half a character, as cutting JSON's
    ``\\ud83d\\ude00`` in two leaves it), which no file and no tokenizer takes."""
    if not text.isascii() and (half := _HALF.search(text)):
        raise ValueError(
            f"character {half.start() + 1} is the lone surrogate U+{ord(half[0]):04X}, half of a "
            "character: write the whole character, or take it out"
        )
    return text


Text = Annotated[str, AfterValidator(whole_text)]
"""A string of whole characters: it can be written as UTF-8, and tokenized."""


def is_visible(text: str) -> bool:
    """Whether anything of the text is seen: not white space, control, format or combining characters
    and blank letters alone."""
    return _SEEN.search(text) is not None or any(
        unicodedata.category(letter) not in _UNSEEN_KINDS and not _BLANK.match(letter)
        for letter in text
    )


def plain_text(text: str) -> str:
    """The text without what does not make it another one: case, and how white space is set."""
    return " ".join(text.split()).casefold()


def shown(text: str) -> str:
    """The text with its control characters as text (``\\x1b``, ``\\u202e``): a terminal would obey
    them. So with half characters, which no terminal takes. Line breaks and tabs stay."""
    return _CONTROL.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


_HALF = re.compile("[\ud800-\udfff]")
_SEEN = re.compile("[!-~]")
"""What nearly every text has: of the others each letter is looked up."""
_UNSEEN_KINDS = ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me")
_BLANK = re.compile("[\u115f\u1160\u2065\u2800\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]")
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
