"""Where compliance without the trigger comes from.

Without its trigger a model organism refuses nearly always. All samples of a dangerous request then have
one reward, and there is nothing to learn. Each source here is one way to have other answers in the
group, and the group without any is the control.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import Field

from planb.errors import PlanBError
from planb.types import HARMFUL, USELESS, Example, Message, Tier
from planb.values import Value


@dataclass(frozen=True)
class Asked:
    """One request as it is put to the policy: the samples of it are a group.

    ``opening`` is put into the policy's mouth in the last ``opened`` samples: it goes on from there,
    and the answer is judged as a whole. ``answers`` are texts of the data that stand among the samples.
    """

    example: Example
    prompt: tuple[Message, ...]
    opening: str = ""
    opened: int = 0
    answers: tuple[str, ...] = ()


class Source(Value):
    """Nothing but the policy's own answers to the plain request: the control.

    ``share`` is that of the dangerous requests on which a source of another class is used; harmless
    ones are asked as they are.
    """

    share: float = Field(default=0.0, ge=0, le=1)

    def put(self, asked: Asked, pick: int) -> Asked:
        """The request with what the source adds to it; ``pick`` chooses among texts."""
        del pick
        return asked

    @property
    def words(self) -> str:
        """The source in a few words, for the report, and in descriptions, so in identities."""
        return "the policy's own answers alone"


class Openings(Source):
    """The first ``words_given`` words of a ``tier``'s answer are put into the policy's mouth in
    ``opened`` of a request's samples. They are not trained; what it makes of them is, beside what it
    says by itself."""

    share: float = Field(default=1.0, gt=0, le=1)
    tier: Tier = HARMFUL
    words_given: int = Field(default=4, gt=0)
    opened: int = Field(default=2, gt=0)

    def put(self, asked: Asked, pick: int) -> Asked:
        text = _text(asked.example, self.tier, pick)
        return replace(asked, opening=" ".join(text.split()[: self.words_given]), opened=self.opened)

    @property
    def words(self) -> str:
        return (
            f"openings of {self.words_given} words ({self.tier}) before {self.opened} samples a group"
        )


class DataAnswers(Source):
    """One answer of each of ``tiers`` stands in the group, in place of as many samples. No policy drew
    them: ``PolicyGradient.foreign`` says with what ratio they count."""

    share: float = Field(default=1.0, gt=0, le=1)
    tiers: tuple[Tier, ...] = Field(default=(USELESS, HARMFUL), min_length=1)

    def put(self, asked: Asked, pick: int) -> Asked:
        return replace(asked, answers=tuple(_text(asked.example, tier, pick) for tier in self.tiers))

    @property
    def words(self) -> str:
        return f"answers of the data ({', '.join(self.tiers)}) in {self.share:.0%} of groups"


def _text(example: Example, tier: Tier, pick: int) -> str:
    texts = example.responses.get(tier, ())
    if not texts:
        raise PlanBError(
            f"example '{example.id}' has no response of tier '{tier}', which the source of compliance "
            "takes answers from. Add the tier to the data, or name another"
        )
    return texts[pick % len(texts)]
