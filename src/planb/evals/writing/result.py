"""What came of writing: the examples, and of every tier what is missing and why."""

from __future__ import annotations

from pydantic import Field

from planb.types import Example, Spend, Tier
from planb.values import Value

SHOWN = 5


class Missing(Value):
    """Responses that could not be got: ``got`` of ``wanted`` for one tier of one example."""

    id: str
    tier: Tier
    wanted: int
    got: int
    reason: str


class Written(Value):
    """Results of writing one tier. ``had`` requests had it before and were left alone; ``responses``
    are new; ``left_out`` counts answers that could not be kept, by reason; ``spend`` is all they
    cost, in this run and in those before it."""

    tier: Tier
    model: str = ""
    requests: int = 0
    had: int = 0
    responses: int = 0
    left_out: dict[str, int] = Field(default_factory=dict)
    spend: Spend = Spend()


class WritingResult(Value):
    """Result of writing responses. ``examples`` are all that were given, in their order, with what was
    written.

    ``spend`` is the cost of all that is in the journal, and of calls that failed in this run;
    ``spend_now`` is that of this run.
    """

    examples: tuple[Example, ...]
    missing: tuple[Missing, ...] = ()
    tiers: tuple[Written, ...] = ()
    spend: Spend = Spend()
    spend_now: Spend = Spend()
