"""A study with a step that kills its own process at each number, and one that is sound."""

from __future__ import annotations

from typing import Any

from cluster_study import Counting
from small_steps import Count

from planb.study.steps.step import Step


class Dying(Counting):
    """As declared in a user's own file."""

    name = "dying"

    def steps(self) -> tuple[Step, ...]:
        dies = Count(name="dies", to=9, way="kill")
        return (Count(name="needs", after=(dies,)), Count(name="sound"))


study: Any = Dying()
