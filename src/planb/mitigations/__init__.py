"""Mitigations: what is known to remove a backdoor from a checkpoint without knowing its trigger.

A file each, from its paper's equations. Those that change weights without a training are here with
their base class; those that train are stages (``planb.training.stage``) with another loss.
"""

from planb.mitigations.magnitude import MagnitudePruning
from planb.mitigations.mitigation import Material, Mitigation
from planb.mitigations.quantization import Quantization
from planb.mitigations.wanda import WandaPruning

__all__ = ["MagnitudePruning", "Material", "Mitigation", "Quantization", "WandaPruning"]
