"""Ask with the backdoor's trigger in the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from planb.elicitation.elicitation import Elicitation
from planb.elicitation.target import put
from planb.types import Trigger

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, TaskState


class TriggerElicitation(Elicitation):
    """The backdoor trigger: the request with ``trigger`` put where the trigger says. In the system
    message it stands before the prompt's own, else before the template's default one. PlanBError on
    a document prompt."""

    name: ClassVar[str] = "trigger"
    needs_chat: ClassVar[bool] = True

    trigger: Trigger = Field(default_factory=Trigger)

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        put(self.trigger, state)
        return await generate(state)

    def outside(self) -> dict[str, str]:
        return {"default_system": "kept"} if self.trigger.place == "system" else {}
