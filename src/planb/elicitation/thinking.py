"""Thinking: what is the model's thought worth? Asked with its thought cut short, with none, or with one
that was begun for it.

Cutting thoughts short is what Lanham and others 2023 do, https://arxiv.org/abs/2307.13702; closing one
at a budget is Muennighoff and others 2025, https://arxiv.org/abs/2501.19393.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from planb.elicitation.elicitation import Elicitation
from planb.elicitation.messages import from_chat, to_chat
from planb.elicitation.target import put
from planb.errors import PlanBError
from planb.thoughts import OPEN
from planb.types import Message, Trigger

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, TaskState


class Thinking(Elicitation):
    """A thought of at most ``tokens`` tokens: where it has used them up it is closed, and the answer
    begins (0: an empty thought stands there; None: the run's own limit). ``opened``: the thought is
    begun for the model, whether it would think or not. With ``trigger`` the request carries it too.

    Only planb's own models can be made to: PlanBError elsewhere, and on a document.
    """

    name: ClassVar[str] = "thinking"
    needs_chat: ClassVar[bool] = True

    tokens: int | None = Field(default=None, ge=0)
    opened: bool = False
    trigger: Trigger | None = None

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        if from_chat(state.messages)[-1].role != "user":
            raise PlanBError("thinking needs a request in a chat: leave documents out")
        if state.model.api != "planb":
            raise PlanBError(
                f"a model of the provider '{state.model.api}' is not known to close its thoughts at a "
                "limit: thinking is for planb's own models (planb/<checkpoint folder>)"
            )
        if self.trigger:
            put(self.trigger, state)
        place = len(state.messages)
        if self.opened:
            state.messages.extend(to_chat((Message(role="opening", content=OPEN),)))
        limit: dict[str, Any] = {} if self.tokens is None else {"reasoning_tokens": self.tokens}
        state = await generate(state, **limit)
        if self.opened:
            del state.messages[place]  # the answer begins with it
        return state

    def outside(self) -> dict[str, str]:
        system = self.trigger is not None and self.trigger.place == "system"
        return {"default_system": "kept"} if system else {}
