"""What a run of training shows: why the chosen response's log-probability falls is the first question
asked of DPO, so every tier's is logged, and every pair's margin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from typing import Any

from planb.training.objectives import Scores
from planb.training.packing import Batch

BALANCING = "balancing"
"""The kind of loss that every example has, with pairs or without."""


class Watch:
    """Running means between two logs; the means are over what was seen on all processes.

    ``loss/<part>`` of each kind of loss, per example; ``logp/<tier>`` mean log-probability per token;
    ``margin/<better>><worse>`` difference of these; ``right/<better>><worse>`` share of pairs whose
    margin is positive; with a reference ``reward/<tier>`` (policy's sum - reference's) and
    ``reward_margin/...``.
    """

    def __init__(self) -> None:
        self.sums: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)

    def see(
        self,
        scores: Scores,
        batch: Batch,
        kinds: dict[str, Any],
        single: Any,
        of_every: Container[str] = (BALANCING,),
    ) -> None:
        """Take up one part: ``kinds`` summed over its examples (over those with pairs, but for
        ``of_every``), ``single`` one NLL a response."""
        tiers = batch["tiers"]
        per_token = scores.m_R.detach().tolist()
        rewards = None if scores.r_R is None else (scores.s_R.detach() - scores.r_R).tolist()
        paired = len(set(batch["pairs_P3"][:, 0].tolist()))
        for kind, total in kinds.items():
            examples = batch["examples"] if kind in of_every else paired
            if examples:
                self._add(f"loss/{kind}", float(total.detach()), examples)
        if len(single):
            self._add("loss/sft", float(single.detach().sum()), len(single))
        for place, tier in enumerate(tiers):
            self._add(f"logp/{tier}", per_token[place])
            if rewards:
                self._add(f"reward/{tier}", rewards[place])
        for _, b, w in batch["pairs_P3"].tolist():
            pair = f"{tiers[b]}>{tiers[w]}"
            self._add(f"margin/{pair}", per_token[b] - per_token[w])
            self._add(f"right/{pair}", float(per_token[b] > per_token[w]))
            if rewards:
                self._add(f"reward_margin/{pair}", rewards[b] - rewards[w])

    def means(self) -> dict[str, float]:
        """The means since the last call, over all processes (all of them must call)."""
        from accelerate.utils import gather_object

        shares = gather_object([(dict(self.sums), dict(self.counts))])
        self.sums.clear()
        self.counts.clear()
        sums: dict[str, float] = defaultdict(float)
        counts: dict[str, int] = defaultdict(int)
        for share_sums, share_counts in shares:
            for name, total in share_sums.items():
                sums[name] += total
                counts[name] += share_counts[name]
        return {name: total / counts[name] for name, total in sums.items()}

    def _add(self, name: str, value: float, count: int = 1) -> None:
        self.sums[name] += value
        self.counts[name] += count
