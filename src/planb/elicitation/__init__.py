"""How harmful answers are elicited: one file an elicitation, and the table of them.

To add one: a file with a subclass of ``Elicitation`` (its parameters are its fields, and each has a
default) and a line here. One that only calls the ``generate`` it is passed, once or often, runs in the
batch runner. One that needs models in roles is an ``Attack``, and says ``multi_turn = True``.
Elicitations are loaded when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planb.catalogue import Catalogue, subclass_of, value_named
from planb.elicitation.direct import Direct
from planb.elicitation.elicitation import Elicitation
from planb.elicitation.near_trigger import NearTrigger
from planb.elicitation.trigger import TriggerElicitation
from planb.lazy import Lazy, names_of

if TYPE_CHECKING:
    from planb.elicitation.crescendo import Crescendo
    from planb.elicitation.instructed import Instructed, leak_grid
    from planb.elicitation.many_shot import ManyShot
    from planb.elicitation.pair import Pair
    from planb.elicitation.pair_static import PairStatic
    from planb.elicitation.prefill import Prefill
    from planb.elicitation.skeleton_key import SkeletonKey
    from planb.elicitation.thinking import Thinking

_WHERE = {
    "Instructed": "planb.elicitation.instructed",
    "ManyShot": "planb.elicitation.many_shot",
    "SkeletonKey": "planb.elicitation.skeleton_key",
    "Prefill": "planb.elicitation.prefill",
    "Thinking": "planb.elicitation.thinking",
    "Crescendo": "planb.elicitation.crescendo",
    "Pair": "planb.elicitation.pair",
    "PairStatic": "planb.elicitation.pair_static",
}
if not TYPE_CHECKING:
    __getattr__ = names_of(__name__, {**_WHERE, "leak_grid": "planb.elicitation.instructed"})

ELICITATIONS: Catalogue[type[Elicitation]] = Catalogue(
    "elicitation",
    "planb.elicitations",
    subclass_of(Elicitation),
    {
        "direct": Direct,
        "trigger": TriggerElicitation,
        "near_trigger": NearTrigger,
        **{module.rpartition(".")[2]: Lazy(module, name) for name, module in _WHERE.items()},
    },
)


def elicitation_of(spec: str | dict[str, Any] | Elicitation) -> Elicitation:
    """The elicitation that ``spec`` names: a value, a name, or ``{"name": ..., **fields}``.

    Raises PlanBError for a name that ``ELICITATIONS`` does not have, or fields that do not fit.
    """
    if isinstance(spec, Elicitation):
        return spec
    return value_named(spec, ELICITATIONS)


__all__ = [
    "ELICITATIONS",
    "Crescendo",
    "Direct",
    "Elicitation",
    "Instructed",
    "ManyShot",
    "NearTrigger",
    "Pair",
    "PairStatic",
    "Prefill",
    "SkeletonKey",
    "Thinking",
    "TriggerElicitation",
    "elicitation_of",
    "leak_grid",
]
