"""The end of a turn: what a chat template writes after an answer, up to where the answer is over.

It is the first token that the tokenizer knows as one (an added token, whether or not a named special
one), or a line of plain text, which may be several tokens. White space behind it is no part of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from planb.errors import PlanBError


class Ending(NamedTuple):
    """How a turn ends: with a token, with plain text, or with text and then a token; or with nothing.

    ``span`` is how many characters of the template's text lead up to the end and include it, ``times``
    how often the token stands in the whole of that text.
    """

    span: int = 0
    text: str = ""
    token: int | None = None
    times: int = 0

    @property
    def plain(self) -> bool:
        """Whether the turn ends with plain text alone: no single token stops generation there."""
        return bool(self.text) and self.token is None

    def cut(self, ids: list[int]) -> list[int]:
        """The tokens of an answer and of all that follows it, up to the token that ends it."""
        places = [place for place, token in enumerate(ids) if token == self.token]
        if len(places) < self.times:
            raise PlanBError(
                f"token {self.token}, which ends a turn, is not a separate token after an answer. "
                "Add it to the tokenizer without single_word."
            )
        return ids[: places[-self.times] + 1]

    def without(self, text: str) -> str:
        """What a model wrote, without the text that ends a turn."""
        if self.plain:
            return text.partition(self.text)[0].strip()
        return text.removesuffix(self.text).strip()


def added_tokens(tokenizer: Any) -> dict[str, int]:
    """The texts that become one token wherever they stand, and their ids."""
    return {str(token): int(place) for place, token in tokenizer.added_tokens_decoder.items()}


def ending_of(tokenizer: Any, tail: str, added: dict[str, int]) -> Ending:
    """The end of the turn in ``tail``, which a template writes after an answer."""
    start = len(tail) - len(tail.lstrip())
    line = tail[start:].partition("\n")[0].rstrip()
    if not line:
        return Ending()
    known = [text for text in added if text.strip()]  # Gemma's are also runs of white space
    found = [(place, -len(text), text) for text in known if (place := line.find(text)) >= 0]
    if found:
        place, _, text = min(found)
        ids = tokenizer(tail, add_special_tokens=False)["input_ids"]
        times = list(ids).count(added[text])
        if times:
            span = start + place + len(text)
            return Ending(span, line[:place].strip(), added[text], times)
    return Ending(start + len(line), line)
