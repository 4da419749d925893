"""The contract of an elicitation: a value that knows how to ask, and the Inspect solver made of it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from planb.names import Label
from planb.values import Value

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, Solver, TaskState


class Elicitation(Value):
    """An elicitation (attack): how a request is put to the model. Subclasses add fields (all with
    defaults) and ``ask``. ``called`` is what tables call it."""

    name: ClassVar[str]
    multi_turn: ClassVar[bool] = False
    """True if it needs more than the ``generate`` it is passed (roles, tools): such a one runs under
    Inspect's own ``eval`` and not in the batch runner."""
    roles: ClassVar[tuple[str, ...]] = ()
    """The model roles that it calls."""
    needs_chat: ClassVar[bool] = False
    """True if it can only change a request in a chat, and no plain text (a recall prompt)."""

    called: Label = ""

    @property
    def title(self) -> str:
        """``called``, or if that is empty the name: two elicitations of one kind need two titles."""
        return self.called or self.name

    @property
    def calls(self) -> int:
        """The most answers that the model generates for one request."""
        return 1

    @abstractmethod
    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        """Change ``state.messages`` and generate. ``state.output`` is what will be judged."""

    def check(self) -> None:
        """Raises PlanBError for what it can be known to lack before any model is called."""
        return

    def outside(self) -> dict[str, str]:
        """SHA-256 of each text that it reads from a file, by a name: part of a step's identity. A file
        that is not there yet is left out: a step of the study makes it, and is in the identity
        itself."""
        return {}

    def spec(self) -> dict[str, Any]:
        """Name and fields as plain JSON; ``elicitation_of`` reads it back. Files that it names are
        pinned by their hash. One that the table does not have is named "module:Class"."""
        from planb.elicitation import ELICITATIONS

        return {"name": ELICITATIONS.name_of(type(self), self.name), **self.model_dump(mode="json")}

    def solver(self) -> Solver:
        """This elicitation as an Inspect solver (``planb/elicit``)."""
        from planb.elicitation.solver import elicit

        return elicit(self.spec())
