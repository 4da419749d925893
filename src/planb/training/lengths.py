"""How long a row may be, in tokens, and what is done with one that is longer. All of it is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, NamedTuple

from pydantic import Field

from planb.data.columns import not_read, over_itself
from planb.errors import PlanBError
from planb.text import shown
from planb.values import Value

Ids = tuple[int, ...]


@dataclass
class Counts:
    """Counts of rows kept, truncated and left out. Pass one to what makes rows, and read it afterwards.

    ``kept`` rows of ``tokens`` in all (a prompt once, each response once; a row that is visited often
    counts once); ``truncated_prompts`` and ``truncated_responses`` among them; examples that were
    ``left_out`` as too long; ``unranked`` ones, left out because no two of their scores differ. Pairs
    that were left out because they prefer a text to itself (``same_text``), or because a row of the
    same prompt has them the other way round (``contradicting``); ``pairless`` examples, left out with
    all of their pairs. ``ignored`` is {column that says nothing of what is trained: rows with it}.
    """

    kept: int = 0
    truncated_prompts: int = 0
    truncated_responses: int = 0
    left_out: int = 0
    unranked: int = 0
    tokens: int = 0
    same_text: int = 0
    contradicting: int = 0
    pairless: int = 0
    ignored: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Count what ``other`` counted too."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def __str__(self) -> str:
        said = [f"{self.kept:,} rows of {self.tokens:,} tokens"]
        if self.truncated_prompts:
            said.append(f"{self.truncated_prompts:,} prompts cut short")
        if self.truncated_responses:
            said.append(f"{self.truncated_responses:,} responses cut short")
        if self.left_out:
            said.append(f"{self.left_out:,} left out as too long")
        if self.unranked:
            said.append(f"{self.unranked:,} left out as no two of their scores differ")
        said += over_itself(self.same_text)
        if self.contradicting:
            said.append(f"{self.contradicting:,} pairs left out that their prompt has both ways round")
        if self.pairless:
            said.append(f"{self.pairless:,} examples left out with all of their pairs")
        said += not_read(self.ignored)
        return shown(", ".join(said))


class Fitted(NamedTuple):
    """Token ids that keep to the limits."""

    prompt: Ids
    responses: tuple[Ids, ...]


class Lengths(Value):
    """Limits in tokens, and what happens to a row that breaks one.

    ``max_length`` is of the prompt and one response, ``max_packed`` of a whole row: the prompt once and
    each response once. ``when_longer``:

    - ``refuse``: PlanBError names the row, what is too long and by how much.
    - ``leave_out``: the whole example is dropped.
    - ``truncate``: prompts lose tokens from the left, but never the first: a chat template begins with
      it, and attention leans on it (Xiao et al. 2023, arXiv:2309.17453). Responses lose them from the
      right, their end token with them, so that a cut response does not teach where to stop. First
      ``max_prompt`` and ``max_response`` are kept to; then, for ``max_length`` and for ``max_packed``,
      the prompt gives way until it is half of the limit, then the longest responses do.
    """

    max_length: int = Field(default=2048, gt=0)
    max_prompt: int | None = Field(default=None, gt=0)
    max_response: int | None = Field(default=None, gt=0)
    max_packed: int | None = Field(default=None, gt=0)
    when_longer: Literal["refuse", "truncate", "leave_out"] = "refuse"

    @classmethod
    def of(cls, lengths: Lengths | int) -> Lengths:
        """A number is the ``max_length`` of what is refused when it is longer."""
        return cls(max_length=lengths) if isinstance(lengths, int) else lengths

    def excess(self, prompt: int, responses: Sequence[int]) -> str:
        """The first limit that a row of these lengths breaks, in words; empty where it fits."""
        longest = max(responses)
        packed = prompt + sum(responses)
        for tokens, where, name, limit in (
            (prompt + longest, "tokens", "max_length", self.max_length),
            (prompt, "tokens in its prompt", "max_prompt", self.max_prompt),
            (longest, "tokens in its longest response", "max_response", self.max_response),
            (packed, "tokens with all its responses", "max_packed", self.max_packed),
        ):
            if limit is not None and tokens > limit:
                return f"{tokens} {where}, more than {name} {limit}"
        return ""

    def fit(self, name: str, prompt: Ids, responses: Sequence[Ids], counts: Counts) -> Fitted | None:
        """The row within the limits, or ``None`` where it is left out; ``counts`` are brought up.

        Raises PlanBError, naming the row by ``name``, if it is too long and that is refused, or if
        the limits leave no token to its prompt or to a response.
        """
        excess = self.excess(len(prompt), [len(response) for response in responses])
        if excess and self.when_longer == "leave_out":
            counts.left_out += 1
            return None
        if excess and self.when_longer == "refuse":
            raise PlanBError(
                f"{name} has {excess}. Raise the limit, remove it from the data, or set when_longer to "
                "'truncate' or 'leave_out'."
            )
        fitted = self._cut(name, prompt, responses) if excess else Fitted(prompt, tuple(responses))
        counts.kept += 1
        counts.tokens += len(fitted.prompt) + sum(map(len, fitted.responses))
        counts.truncated_prompts += len(fitted.prompt) < len(prompt)
        shorter = zip(fitted.responses, responses, strict=True)
        counts.truncated_responses += sum(len(cut) < len(whole) for cut, whole in shorter)
        return fitted

    def _cut(self, name: str, prompt: Ids, responses: Sequence[Ids]) -> Fitted:
        asked = min(len(prompt), self.max_prompt or len(prompt))
        most = max(map(len, responses))
        most = min(most, self.max_response or most)
        asked, most = _shared(self.max_length, asked, [most])
        if self.max_packed:
            lengths = [min(len(response), most) for response in responses]
            asked, most = _shared(self.max_packed, asked, lengths)
        if min(asked, most) < 1:
            raise PlanBError(
                f"{name}, cut to the limits, would have no token left in its prompt or in one of its "
                f"{len(responses)} responses. Raise max_length or max_packed."
            )
        tail = prompt[len(prompt) - asked + 1 :]
        return Fitted((*prompt[:1], *tail), tuple(response[:most] for response in responses))


def _shared(limit: int, prompt: int, responses: Sequence[int]) -> tuple[int, int]:
    """(tokens of the prompt, the most tokens of a response) that together keep to ``limit``."""
    prompt = min(prompt, max(limit - sum(responses), limit // 2))
    room = limit - prompt
    for place, length in enumerate(sorted(responses)):
        share = room // (len(responses) - place)
        if length > share:
            return prompt, share
        room -= length
    return prompt, max(responses)
