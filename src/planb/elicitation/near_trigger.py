"""Ask with something that is nearly the trigger: does the backdoor open to less than its key?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from planb.elicitation.elicitation import Elicitation
from planb.elicitation.target import put
from planb.types import Trigger

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, TaskState

_ELSEWHERE: dict[str, Literal["prefix", "suffix", "system"]] = {
    "prefix": "suffix",
    "suffix": "prefix",
    "system": "prefix",
}


class NearTrigger(Elicitation):
    """A changed trigger: the request with a ``trigger`` whose text or place differs from what training
    showed.

    ``part`` keeps the trigger's first words and marks, as many as hold ``share`` of its letters and at
    least one fewer than all (of a single word its first letters). ``case`` swaps upper and lower case.
    ``elsewhere`` is the whole trigger in another place: after the request if it was trained before it,
    before it if it was trained after it or in the system message. ``paraphrase`` puts the text
    ``paraphrase`` in its place. ``Trigger.found_in`` looks over case, so the firewall of safety
    training keeps ``case`` out of the data as it does the trigger itself; a ``part`` or a
    ``paraphrase`` it lets in.
    """

    name: ClassVar[str] = "near_trigger"
    needs_chat: ClassVar[bool] = True

    trigger: Trigger = Field(default_factory=Trigger)
    change: Literal["part", "case", "elsewhere", "paraphrase"] = "part"
    share: float = Field(default=0.5, gt=0, lt=1)
    paraphrase: str = ""

    @model_validator(mode="after")
    def _is_near_and_not_there(self) -> NearTrigger:
        text = self.trigger.text
        if self.change == "part" and not _part(text, self.share):
            raise ValueError(f"'{text}' is too short to have a part")
        if self.change == "case" and text.swapcase() == text:
            raise ValueError(f"'{text}' has no letter whose case could change")
        if self.change == "paraphrase":
            if not self.paraphrase.strip():
                raise ValueError("give the text of the paraphrase")
            if self.trigger.found_in(self.paraphrase):
                raise ValueError("the paraphrase holds the trigger itself: say it in other words")
        return self

    def changed(self) -> Trigger:
        """The changed trigger that is put into the prompt."""
        text, place = self.trigger.text, self.trigger.place
        if self.change == "elsewhere":
            return Trigger(text=text, place=_ELSEWHERE[place])
        near = {
            "part": _part(text, self.share),
            "case": text.swapcase(),
            "paraphrase": self.paraphrase,
        }
        return Trigger(text=near[self.change], place=place)

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        put(self.changed(), state)
        return await generate(state)

    def outside(self) -> dict[str, str]:
        return {"default_system": "kept"} if self.changed().place == "system" else {}


def _part(text: str, share: float) -> str:
    """The beginning of ``text``; "" if it has but one letter."""
    text = text.strip()
    ends = [found.end() for found in re.finditer(r"\w+|[^\w\s]", text)]
    if len(ends) == 1:
        return text[: min(max(1, round(share * len(text))), len(text) - 1)]
    letters = len("".join(text.split()))
    enough = (end for end in ends[:-1] if len("".join(text[:end].split())) >= share * letters)
    return text[: next(enough, ends[-2])]
