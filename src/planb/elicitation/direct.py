"""Just ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from planb.elicitation.elicitation import Elicitation

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, TaskState


class Direct(Elicitation):
    """No attack: the request as it is."""

    name: ClassVar[str] = "direct"

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        return await generate(state)
