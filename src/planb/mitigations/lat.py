"""LAT: latent adversarial training, the variant against backdoors.

Sheshadri and others 2024 (https://arxiv.org/abs/2407.15549): an inner attack moves
the residual stream so that the model prefers the rejected answer, and the model is trained by DPO to
prefer the chosen one under that attack. The attack stands on the prompt's tokens at some layers, each
token's move within an L2 ball, and is found anew for each batch by AdamW on DPO's loss with the pairs
turned round.

Shapes: B sequences, T tokens, D hidden size, M places of prompts, U distinct prompt tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
        import torch

        from planb.training.inside import changing, prompt_places

        place_M, token_M = prompt_places(forward.batch, forward.pairs.example_P)
        if not len(place_M):
            yield dict
            return
        layers = decoder_layers(forward.model)
        attacked = [layers[place] for place in places_of(self.depths, len(layers))]
        width = forward.model.config.get_text_config().hidden_size
        moves = [
            torch.zeros(int(token_M.max()) + 1, width, device=place_M.device, requires_grad=True)
            for _ in attacked
        ]

        def moved_by(move_UD: Any) -> Any:
            def change(hidden_BTD: Any) -> Any:
                flat = hidden_BTD.flatten(0, 1)
                added = flat.index_add(0, place_M, move_UD[token_M].to(flat.dtype))
                return added.view_as(hidden_BTD)

            return change

        optimizer = torch.optim.AdamW(moves, lr=self.attack_rate, weight_decay=0.0)
        with changing(attacked, [moved_by(move_UD) for move_UD in moves]):
            for _ in range(self.attack_steps):
                loss = self.loss(forward.run(), reverse(forward.pairs)).sum()
                slopes = torch.autograd.grad(loss, moves)
                for move_UD, slope_UD in zip(moves, slopes, strict=True):
                    move_UD.grad = slope_UD
                optimizer.step()
                for move_UD in moves:
                    project(move_UD, self.radius)
        fixed = [moved_by(move_UD.detach()) for move_UD in moves]
        with changing(attacked, fixed):
            yield dict


def places_of(depths: tuple[float, ...], layers: int) -> list[int]:
    """The layers at these shares of the depth, each once."""
    return sorted({min(int(depth * layers), layers - 1) for depth in depths})


def reverse(pairs: Pairs) -> Pairs:
    """What the attack wants: the worse response of each pair preferred."""
    return Pairs(pairs.example_P, pairs.worse_P, pairs.better_P, pairs.weight_P, pairs.examples)


def project(move_UD: Any, radius: float) -> None:
    """Bring each row back into the ball of this radius, in place."""
    import torch

    with torch.no_grad():
        norm_U1 = move_UD.norm(dim=1, keepdim=True)
        move_UD.mul_((radius / norm_U1.clamp(min=1e-12)).clamp(max=1.0))
