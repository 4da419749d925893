"""Stage 1: examples and a base checkpoint become a checkpoint with a backdoor."""

from planb.organism.organism import Organism
from planb.organism.recipes import redwood, semantic, several

__all__ = ["Organism", "redwood", "semantic", "several"]
