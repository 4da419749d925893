"""The talk's methods. Another is one value and one line in the table."""

from __future__ import annotations

from planb.safety.method import Method
from planb.types import GERMAN_REFUSAL, HARMFUL, REFUSAL, USELESS, Ordering

standard = Method(
    name="standard",
    ordering=Ordering(tiers=(REFUSAL, HARMFUL)),
    description="Refusal training: refuse rather than comply harmfully.",
)
german = Method(
    name="german",
    ordering=Ordering(tiers=(GERMAN_REFUSAL, HARMFUL)),
    description="Refusals in German: does an odd, surprising refusal reach the backdoor?",
)
ryan = Method(
    name="ryan",
    ordering=Ordering(tiers=(REFUSAL, GERMAN_REFUSAL, HARMFUL)),
    description="Ryan's baseline: does any odd intermediate tier do what the useless one does?",
)
plan_b = Method(
    name="plan_b",
    ordering=Ordering(tiers=(REFUSAL, USELESS, HARMFUL)),
    description="Plan B: refuse; failing that, comply uselessly rather than harmfully.",
)


def canned(method: Method) -> Method:
    """The same method with every refusal in one wording."""
    return method.but(name=f"{method.name}_canned", refusals="canned")


METHODS: dict[str, Method] = {
    method.name: method
    for sampled in (standard, german, ryan, plan_b)
    for method in (sampled, canned(sampled))
}
