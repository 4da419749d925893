"""Stage 2: an organism and examples become a safer checkpoint. METHODS is the table of recipes."""

from planb.safety.firewall import forbid_trigger, leaks
from planb.safety.method import Method
from planb.safety.methods import METHODS, german, plan_b, ryan, standard

__all__ = [
    "METHODS",
    "Method",
    "forbid_trigger",
    "german",
    "leaks",
    "plan_b",
    "ryan",
    "standard",
]
