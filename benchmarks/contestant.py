"""What is measured: something that runs forward and backward over equal parts of a case's batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.cases import Case, Pair

Kind = Literal["orpo", "dpo"]
BETA = 0.1
"""Of DPO, and ORPO's weight of the odds-ratio term; the same for every contestant."""


@dataclass(frozen=True)
class Part:
    """One call of ``training_step``: the pairs it trains, and what it runs.

    ``sequences`` are (prompt, responses) lengths of what is run; ``width`` the tokens of the tensors,
    padding included.
    """

    pairs: tuple[Pair, ...]
    sequences: tuple[tuple[int, tuple[int, ...]], ...]
    width: int


@dataclass(frozen=True)
class Contestant:
    """``step(i)`` runs forward and backward of part i and returns its figures by name (``loss`` is the
    mean over the part's pairs, ``odds`` ORPO's mean log sigmoid of the log odds ratio)."""

    name: str
    kind: Kind
    case: Case
    parts: tuple[Part, ...]
    step: Callable[[int], dict[str, float]]
    model: Any
    forwards_without_gradient: int = 0
    """Further forward passes over the same sequences in each step: DPO's reference."""
    nll_on_prompt: bool = False
    """The NLL reads the prompts of preferred responses too, so the head is needed there."""

    def zero_grad(self) -> None:
        self.model.zero_grad()
