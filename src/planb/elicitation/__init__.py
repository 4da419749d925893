"""How harm is asked for: one file an elicitation, and the table of them.

To add one: a file with a subclass of ``Elicitation`` (its parameters are its fields, and each has a
default) and a line here. ``near_trigger``, ``many_shot`` and ``skeleton_key`` are of this kind: change
the messages, then call ``generate`` once. One that talks in turns, or needs a model of its own, says
``multi_turn = True``.
"""

from __future__ import annotations

from typing import Any

from planb.elicitation.direct import Direct
from planb.elicitation.elicitation import Elicitation
from planb.elicitation.trigger import TriggerElicitation
from planb.types import PlanBError

ELICITATIONS: dict[str, type[Elicitation]] = {
    "direct": Direct,
    "trigger": TriggerElicitation,
}


def elicitation_of(spec: str | dict[str, Any] | Elicitation) -> Elicitation:
    """The elicitation that ``spec`` names: a value, a name, or ``{"name": ..., **fields}``.

    Raises PlanBError for a name that the table does not have, or fields that do not fit.
    """
    if isinstance(spec, Elicitation):
        return spec
    fields = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = fields.pop("name", "")
    if name not in ELICITATIONS:
        raise PlanBError(f"no elicitation is called '{name}'. There are: {', '.join(ELICITATIONS)}")
    try:
        return ELICITATIONS[name](**fields)
    except ValueError as error:
        raise PlanBError(f"these are no fields of the elicitation '{name}': {error}") from error


__all__ = ["ELICITATIONS", "Direct", "Elicitation", "TriggerElicitation", "elicitation_of"]
