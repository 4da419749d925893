"""Every contestant on one case, from the same weights, with what each should find."""

from __future__ import annotations

from functools import cached_property

import torch

from benchmarks import agreement, ours, peers
from benchmarks.cases import Case, policy, reference
from benchmarks.contestant import Contestant


class Field:
    """A case, its policy and reference, and their log-probabilities of its responses."""

    def __init__(self, case: Case) -> None:
        torch.set_num_threads(1)
        self.case = case
        self.model = policy(case.size)
        self.reference = reference(self.model)

    @cached_property
    def s_EK(self) -> torch.Tensor:
        return agreement.sums(self.model, self.case)

    @cached_property
    def r_EK(self) -> torch.Tensor:
        return agreement.sums(self.reference, self.case)

    def contestant(self, name: str, micro_batch: int | None = None) -> Contestant:
        """``micro_batch`` is in pairs for TRL, in examples for ours; None is the whole batch."""
        if name in ours.NAMES:
            r_EK = self.r_EK if name.endswith("dpo") else None
            return ours.contestant(name, self.case, self.model, r_EK, micro_batch)
        whole = len(self.case.pairs)
        return peers.contestant(name, self.case, self.model, self.reference, micro_batch or whole)

    def check(self, contestant: Contestant, part: int, found: dict[str, float]) -> None:
        """Raise RuntimeError if a contestant finds other figures than the model's own."""
        wanted = agreement.expected(contestant, contestant.parts[part], self.s_EK, self.r_EK)
        agreement.check(found, wanted, f"{contestant.name}, {self.case.size.name}, K={self.case.K}")
