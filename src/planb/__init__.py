"""planb: train language models to fail less severely.

``RankedPreferenceTrainer``, its ``RankedPreferenceConfig`` and what they take are imported from here.
They are loaded when they are first used, so that the command line starts fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planb.lazy import names_of

if TYPE_CHECKING:
    from planb.errors import PlanBError
    from planb.training.config import RankedPreferenceConfig
    from planb.training.lengths import Lengths
    from planb.training.objectives import Objective
    from planb.training.surprise import surprise
    from planb.training.trainer import RankedPreferenceTrainer
    from planb.types import Example, Ordering

_WHERE = {
    "RankedPreferenceTrainer": "planb.training.trainer",
    "RankedPreferenceConfig": "planb.training.config",
    "Lengths": "planb.training.lengths",
    "Objective": "planb.training.objectives",
    "surprise": "planb.training.surprise",
    "Example": "planb.types",
    "Ordering": "planb.types",
    "PlanBError": "planb.errors",
}

__all__ = [
    "Example",
    "Lengths",
    "Objective",
    "Ordering",
    "PlanBError",
    "RankedPreferenceConfig",
    "RankedPreferenceTrainer",
    "surprise",
]


if not TYPE_CHECKING:
    __getattr__ = names_of(__name__, _WHERE)


def __dir__() -> list[str]:
    return __all__
