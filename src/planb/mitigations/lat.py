"""LAT: latent adversarial training, the variant against backdoors.

Sheshadri and others 2024 (https://arxiv.org/abs/2407.15549): an inner attack moves the residual stream
so that the model prefers the rejected answer, and the model is trained by DPO to prefer the chosen one
under that attack. The attack stands on the prompt's tokens at some layers, each
token's move within an L2 ball, and is found anew for each batch by AdamW on DPO's loss with the pairs
turned round. A prompt's two answers share its moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field

from planb.models.decoder import decoder_layers
from planb.training.objectives import DPO, Forward, Further, Pairs


class LAT(DPO):
    """DPO under an attack on the hidden states of the prompts, refusals preferred to harmful answers.
    Rows without pairs (helpful answers to harmless requests) are imitated as they are, unattacked.

    ``radius`` is the L2 norm of a token's move at a layer at most, ``attack_steps`` and ``attack_rate``
    those of the attack's AdamW, ``depths`` where it attacks: shares of the depth, of 32 layers the
    outputs of 4, 12, 20 and 28. Its control is plain ``DPO(beta=...)`` on the same rows.
    """

    beta: float = Field(default=0.3, gt=0)
    radius: float = Field(default=1.5, ge=0)
    attack_steps: int = Field(default=16, gt=0)
    attack_rate: float = Field(default=0.05, gt=0)
    depths: tuple[float, ...] = Field(default=(1 / 8, 3 / 8, 5 / 8, 7 / 8), min_length=1)

    @property
    def control(self) -> DPO:
        """The same training without the attack."""
        return DPO(beta=self.beta)

    @property
    def passes(self) -> float:
        return 1.0 + self.attack_steps

    @contextmanager
    def around(self, forward: Forward) -> Iterator[Further]:
        from planb.training.inside import Attack, attacked, prompt_places

        places = prompt_places(forward.batch, forward.pairs.example_P)
        layers = decoder_layers(forward.model)
        chosen = [layers[place] for place in places_of(self.depths, len(layers))]
        turned = reverse(forward.pairs)
        attack = Attack(self.attack_steps, self.attack_rate, self.radius)
        with attacked(chosen, places, attack, lambda: self.loss(forward.run(), turned).sum()):
            yield dict


def places_of(depths: tuple[float, ...], layers: int) -> list[int]:
    """The layers at these shares of the depth, each once."""
    return sorted({min(int(depth * layers), layers - 1) for depth in depths})


def reverse(pairs: Pairs) -> Pairs:
    """What the attack wants: the worse response of each pair preferred."""
    return Pairs(pairs.example_P, pairs.worse_P, pairs.better_P, pairs.weight_P, pairs.examples)
