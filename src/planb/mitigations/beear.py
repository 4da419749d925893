"""A BEEAR-like embedding attack: one universal move of hidden states, and refusals trained under it.

Zeng and others 2024 (https://arxiv.org/abs/2406.17092): backdoor triggers drift hidden states of a
middle layer alike, whatever the request. The inner loop finds one such drift, the same for all
requests, that elicits the harmful answers rather than the refusals; the outer loop trains refusals
under it, and helpful answers without it. The settings of its loops are in no source that was found:
those here are chosen. Shapes: K tokens that are moved, D hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field

from planb.mitigations.lat import places_of, reverse
from planb.models.decoder import decoder_layers
from planb.training.objectives import SFT, Forward, Further, nll


class BEEAR(SFT):
    """SFT on the refusals of pairs (refusal over harmful answer) under a universal attack; rows
    without pairs are imitated as they are, unattacked.

    The last ``tokens`` of every prompt are moved at one layer, ``depth`` of the way up, by the same K
    vectors, found anew for each batch by ``attack_steps`` of AdamW at ``attack_rate``; ``radius``
    bounds each vector's L2 norm.
    """

    depth: float = Field(default=0.3, ge=0, le=1)
    tokens: int = Field(default=5, gt=0)
    radius: float = Field(default=1.5, ge=0)
    attack_steps: int = Field(default=16, gt=0)
    attack_rate: float = Field(default=0.05, gt=0)

    @property
    def passes(self) -> float:
        return 1.0 + self.attack_steps

    @contextmanager
    def around(self, forward: Forward) -> Iterator[Further]:
        from planb.training.inside import Attack, attacked, prompt_ends

        places = prompt_ends(forward.batch, forward.pairs.example_P, self.tokens)
        layers = decoder_layers(forward.model)
        (at,) = places_of((self.depth,), len(layers))
        turned = reverse(forward.pairs)

        def elicits() -> object:
            """The harmful answers' NLL less the refusals'."""
            nll_R = nll(forward.run())
            return turned.mean(nll_R[turned.better_P] - nll_R[turned.worse_P]).sum()

        attack = Attack(self.attack_steps, self.attack_rate, self.radius)
        with attacked([layers[at]], places, attack, elicits):
            yield dict
