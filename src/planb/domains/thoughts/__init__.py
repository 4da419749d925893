"""Requests of the tiny world, answered after a thought: what is thought, and what is then said."""

from planb.domains.thoughts.thoughts import THOUGHTS

__all__ = ["THOUGHTS"]
