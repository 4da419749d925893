"""Mitigations: what is known to remove a backdoor from a checkpoint without knowing its trigger.

A file each, from its paper's equations. Those that change weights without a training are links; those
that train are objectives for a stage (``planb.training.stage``), which look inside the model. CleanGen
changes how answers are decoded: it is a chain's ``decoding``.
"""

from planb.mitigations.beear import BEEAR
from planb.mitigations.circuit_breakers import CircuitBreakers
from planb.mitigations.crow import CROW
from planb.mitigations.lat import LAT
from planb.mitigations.magnitude import MagnitudePruning
from planb.mitigations.mitigation import Material, Mitigation
from planb.mitigations.quantization import Quantization
from planb.mitigations.repbend import RepBend
from planb.mitigations.wanda import WandaPruning
from planb.models.cleangen import CleanGen

__all__ = [
    "BEEAR",
    "CROW",
    "LAT",
    "CircuitBreakers",
    "CleanGen",
    "MagnitudePruning",
    "Material",
    "Mitigation",
    "Quantization",
    "RepBend",
    "WandaPruning",
]
