"""A mitigation that changes a checkpoint's weights without a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from planb.models.checkpoints import Policy
from planb.names import Name
from planb.training.link import Link
from planb.types import Example


@dataclass(frozen=True)
class Material:
    """What a mitigation may use: harmless requests with helpful answers (the defender's clean data),
    a seed, and where to report progress (done, total, note)."""

    clean: Sequence[Example]
    seed: int
    progress: Callable[[float, float, str], None]


class Mitigation(Link):
    """A mitigation as a link: subclasses change the weights of a policy in place.

    ``description`` says on the page what it is.
    """

    name: Name
    description: str = ""
    needs_data: ClassVar[bool] = False
    """Whether it reads clean data, and runs the model on them."""

    @property
    def words(self) -> str:
        """What it does and how strongly, in a few words: for the card and the page."""
        raise NotImplementedError

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        return ((f"link '{self.name}'", self.words),)

    def change(self, policy: Policy, material: Material) -> dict[str, str]:
        """Change the weights of the policy (adapters are merged); returns what the checkpoint's card
        tells of it. Raises PlanBError where the model cannot be changed so."""
        raise NotImplementedError
