"""Stage 1: examples and a base checkpoint become a checkpoint with a backdoor."""

from planb.organism.organism import Organism

__all__ = ["Organism"]
