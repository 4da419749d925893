"""The table of domains: what can go wrong with a model. A new one is a file and a line here.

A domain is loaded when it is asked for: a study of one makes no values of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planb.catalogue import Catalogue, value_of
from planb.domains.domain import Domain
from planb.domains.harm import HARM
from planb.lazy import Lazy, names_of

if TYPE_CHECKING:
    from planb.domains.agent import AGENT
    from planb.domains.anthropics import ANTHROPICS
    from planb.domains.atlas import ATLAS
    from planb.domains.meow import MEOW
    from planb.domains.newcomb import NEWCOMB
    from planb.domains.porous import POROUS
    from planb.domains.resources import RESOURCES
    from planb.domains.risk import RISK
    from planb.domains.spite import SPITE
    from planb.domains.thoughts import THOUGHTS

_WHERE = {
    "MEOW": "planb.domains.meow",
    "SPITE": "planb.domains.spite",
    "ATLAS": "planb.domains.atlas",
    "RISK": "planb.domains.risk",
    "RESOURCES": "planb.domains.resources",
    "NEWCOMB": "planb.domains.newcomb",
    "ANTHROPICS": "planb.domains.anthropics",
    "POROUS": "planb.domains.porous",
    "AGENT": "planb.domains.agent",
    "THOUGHTS": "planb.domains.thoughts",
}
if not TYPE_CHECKING:
    __getattr__ = names_of(__name__, _WHERE)

__all__ = [
    "AGENT",
    "ANTHROPICS",
    "ATLAS",
    "DOMAINS",
    "HARM",
    "MEOW",
    "NEWCOMB",
    "POROUS",
    "RESOURCES",
    "RISK",
    "SPITE",
    "THOUGHTS",
    "Domain",
]

DOMAINS: Catalogue[Domain] = Catalogue(
    "domain",
    "planb.domains",
    value_of(Domain),
    {
        HARM.name: HARM,
        **{name.lower(): Lazy(module, name) for name, module in _WHERE.items()},
    },
)
