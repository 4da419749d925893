"""The table of domains: what can go wrong with a model. A new one is a file and a line here."""

from __future__ import annotations

from planb.catalogue import Catalogue, value_of
from planb.domains.agent import AGENT
from planb.domains.anthropics import ANTHROPICS
from planb.domains.atlas import ATLAS
from planb.domains.domain import Domain
from planb.domains.harm import HARM
from planb.domains.meow import MEOW
from planb.domains.newcomb import NEWCOMB
from planb.domains.porous import POROUS
from planb.domains.resources import RESOURCES
from planb.domains.risk import RISK
from planb.domains.spite import SPITE
from planb.domains.thoughts import THOUGHTS

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
        one.name: one
        for one in (
            *(HARM, MEOW, SPITE, ATLAS, RISK, RESOURCES, NEWCOMB, ANTHROPICS, POROUS, AGENT),
            THOUGHTS,
        )
    },
)
