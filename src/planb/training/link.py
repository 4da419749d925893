"""A link as a value: what makes one checkpoint of another. Chains are made of them."""

from __future__ import annotations

from planb.names import Name
from planb.types import Tier, Trigger
from planb.values import Value


class Link(Value):
    """A training stage (1, 2 or any other), or another change of a checkpoint's weights.

    ``planb.study.steps.links`` finds the step of each kind.
    """

    name: Name

    @property
    def summary(self) -> str:
        """The link in a few words, for tables: its name, or the ordering that it trains."""
        return self.name

    @property
    def sees_trigger(self) -> Trigger | None:
        """The trigger that it puts into training prompts; None where it puts none."""
        return None

    @property
    def harmful_tiers(self) -> tuple[Tier, ...]:
        """The tiers of harmful requests that the data must have for it."""
        return ()

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """(what, how) of its settings, for the report."""
        return ()
