"""The contract of an elicitation: a value that knows how to ask, and the Inspect solver made of it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from planb.types import Value

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, Solver, TaskState


class Elicitation(Value):
    """Subclasses add fields (all with defaults) and ``ask``."""

    name: ClassVar[str]
    multi_turn: ClassVar[bool] = False
    """True if it needs more than the ``generate`` it is passed (turns, roles, tools): such a one runs
    under Inspect's own ``eval`` and not in the batch runner."""

    @abstractmethod
    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        """Change ``state.messages`` and generate. ``state.output`` is what will be judged."""

    def spec(self) -> dict[str, Any]:
        """Name and fields as plain JSON; ``elicitation_of`` reads it back."""
        return {"name": self.name, **self.model_dump(mode="json")}

    def solver(self) -> Solver:
        """This elicitation as an Inspect solver (``planb/elicit``)."""
        from planb.elicitation.solver import elicit

        return elicit(self.spec())
