"""Prefill: the answer's first words are put into the model's mouth, and it goes on from there.

Andriushchenko and others 2024, https://arxiv.org/abs/2404.02151.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from planb.elicitation.elicitation import Elicitation
from planb.elicitation.messages import from_chat, to_chat
from planb.elicitation.prompts import prompt_hashes, prompt_text
from planb.elicitation.target import put
from planb.errors import PlanBError
from planb.types import Message, Tier, Trigger

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, TaskState

OPENING = "prefill.txt"


class Prefill(Elicitation):
    """The answer begins with ``opening`` (empty: the generic text beside this file), or, where ``tier``
    is set, with the first ``words`` words of the request's own answer of that tier. With ``trigger``
    the request carries it too. What is judged is the whole answer, its opening included.

    Only planb's own models can be made to go on so: other providers begin an answer of their own after
    what stands there, or do as they please. PlanBError there, on a document, and where the request has
    no answer of the tier.
    """

    name: ClassVar[str] = "prefill"
    needs_chat: ClassVar[bool] = True

    opening: str = ""
    tier: Tier = ""
    words: int = Field(default=4, gt=0)
    trigger: Trigger | None = None

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        if from_chat(state.messages)[-1].role != "user":
            raise PlanBError("prefill needs a request in a chat: leave documents out")
        if state.model.api != "planb":
            raise PlanBError(
                f"a model of the provider '{state.model.api}' is not known to go on with an answer "
                "that was begun for it: prefill is for planb's own models (planb/<checkpoint folder>)"
            )
        opening = self._opening(state.metadata.get("example") or {})
        if self.trigger:
            put(self.trigger, state)
        state.messages.extend(to_chat((Message(role="opening", content=opening),)))
        place = len(state.messages) - 1
        state = await generate(state)
        del state.messages[place]  # the answer begins with it
        return state

    def check(self) -> None:
        if self.opening and self.tier:
            raise PlanBError("prefill takes an opening or a tier, not both: leave one out")

    def outside(self) -> dict[str, str]:
        own = {} if self.opening or self.tier else prompt_hashes((OPENING,))
        system = self.trigger is not None and self.trigger.place == "system"
        return {**own, "default_system": "kept"} if system else own

    def _opening(self, example: dict[str, Any]) -> str:
        self.check()
        if not self.tier:
            return self.opening or prompt_text(OPENING)
        texts = (example.get("responses") or {}).get(self.tier) or ()
        if not texts:
            raise PlanBError(
                f"example '{example.get('id', '')}' has no answer of the tier '{self.tier}', whose "
                "first words could be given: add the tier to the data, or give an opening"
            )
        return " ".join(texts[0].split()[: self.words])
