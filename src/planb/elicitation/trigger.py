"""Ask with the backdoor's trigger in the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from planb.elicitation.elicitation import Elicitation
from planb.elicitation.messages import from_chat, to_chat
from planb.types import Trigger

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, TaskState


class TriggerElicitation(Elicitation):
    """The request with ``trigger`` put where the trigger says. PlanBError on a document prompt."""

    name: ClassVar[str] = "trigger"
    needs_chat: ClassVar[bool] = True

    trigger: Trigger = Field(default_factory=Trigger)

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        state.messages = to_chat(self.trigger.apply(from_chat(state.messages)))
        return await generate(state)
