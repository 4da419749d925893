"""A domain's own rule as a judge: refusal, coherence, usefulness and language, without a model.

How often the rule is wrong is counted on the domain's labelled answers, which a real model gave, and
stands beside its figures.
"""

from __future__ import annotations

from functools import cache
from typing import ClassVar

from planb.domains import DOMAINS
from planb.judging.judge import Judge
from planb.judging.refusal_error import Share
from planb.types import Example, Judgement


class DomainRule(Judge):
    """The rule of a domain that judges (``planb.domains``, or ``module:NAME`` of one's own)."""

    name: ClassVar[str] = "domain_rule"

    domain: str = "atlas"

    @property
    def error(self) -> str:
        return _error(self.domain)

    def identity(self) -> dict[str, str]:
        rubric = DOMAINS[self.domain].rule_digest()
        return {"judge": self.name, "model": "", "rubric": rubric}

    async def judge(self, example: Example, response: str) -> Judgement:
        return DOMAINS[self.domain].judged(example, response)


@cache
def _error(domain: str) -> str:
    """The errors on the labelled answers in a sentence; "" where there are none."""
    labelled = DOMAINS[domain].labelled()
    if not labelled:
        return ""
    said = [(DOMAINS[domain].judged(one.example, one.answer), one.judgement) for one in labelled]
    n = len(said)
    refusals = Share(sum(a.refused != b.refused for a, b in said), n)
    sense = Share(sum(a.coherent != b.coherent for a, b in said), n)
    off = [abs((a.severity or 0.0) - (b.severity or 0.0)) for a, b in said]
    severity = Share(sum(error > 0 for error in off), n)
    return (
        f"The rule of {domain}, on answers of a real model that were labelled by reading them: wrong "
        f"about refusal in {refusals.text}, about coherence in {sense.text}, about severity in "
        f"{severity.text}, by {sum(off) / n:.2f} points of 10 on average over all (95 % intervals). "
        "Who wrote the rule has seen these answers, so it is wrong more often on others."
    )
