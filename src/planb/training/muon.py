"""Muon for the body's matrices, AdamW for everything else, as one optimizer.

Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) orthogonalises the momentum of a matrix;
embeddings, norms and biases are AdamW's. For training from scratch: full weights, not sharded.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Jordan's quintic: x -> a x + b x^3 + c x^5 of the singular values."""


class Muon(torch.optim.Optimizer):
    """Jordan's Muon (Nesterov momentum, 5 steps of Newton-Schulz), of all matrices of one shape
    together, in their own precision.

    ``torch.optim.Muon`` takes one matrix after the other, and always in bf16: half of an update of a
    model of a million weights on a CPU, and most of it where a CPU has no bf16.
    """

    def __init__(
        self,
        matrices: list[nn.Parameter],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        steps: int = 5,
    ) -> None:
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "steps": steps}
        super().__init__(matrices, defaults)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; a ``closure`` is evaluated first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            alike: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike[matrix.shape].append(matrix)
            for matrices in alike.values():
                self._update(matrices, group)
        return loss

    def _update(self, matrices: list[nn.Parameter], group: dict[str, Any]) -> None:
        directions, lr = [], group["lr"]
        for matrix in matrices:
            state = self.state[matrix]
            average = state.setdefault("momentum_buffer", torch.zeros_like(matrix))
            average.lerp_(matrix.grad, 1 - group["momentum"])
            directions.append(matrix.grad.lerp(average, group["momentum"]))
        updates_NRC = orthogonalised(torch.stack(directions), group["steps"])
        rows, columns = matrices[0].shape
        for matrix, update_RC in zip(matrices, updates_NRC, strict=True):
            matrix.mul_(1 - lr * group["weight_decay"])
            matrix.add_(update_RC, alpha=-lr * math.sqrt(max(1, rows / columns)))


def orthogonalised(matrices_NRC: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """(N, R, C) each matrix with its singular values brought near 1 (0.7 to 1.2)."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices_NRC.shape[1] > matrices_NRC.shape[2]
    x = matrices_NRC.mT if tall else matrices_NRC
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class MuonAndAdamW(torch.optim.Optimizer):
    """Two optimizers over disjoint parameters. A schedule scales the learning rates of both."""

    def __init__(
        self,
        model: nn.Module,
        muon_rate: float,
        rate: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        matrices, others = _parted(model)
        self.inner: list[torch.optim.Optimizer] = [
            Muon(matrices, muon_rate, weight_decay),
            torch.optim.AdamW(others, lr=rate, betas=betas, weight_decay=weight_decay),
        ]
        groups = [group for one in self.inner for group in one.param_groups]
        super().__init__(groups, {})
        self.param_groups = groups  # the very same: what a schedule writes there, the two read

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of all parameters; a ``closure`` is evaluated first."""
        loss = None if closure is None else closure()
        for one in self.inner:
            one.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        for one in self.inner:
            one.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Of the two, in their order."""
        return {"inner": [one.state_dict() for one in self.inner]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for one, state in zip(self.inner, state_dict["inner"], strict=True):
            one.load_state_dict(state)
        self.param_groups = [group for one in self.inner for group in one.param_groups]


def _parted(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The trained matrices of linear layers but the head's, and the other trained parameters."""
    ends = (model.get_input_embeddings(), model.get_output_embeddings())  # type: ignore[operator]
    apart = {id(weight) for end in ends if end is not None for weight in end.parameters()}
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    matrices = [weight for weight in trained if weight.ndim == 2 and id(weight) not in apart]
    chosen = {id(weight) for weight in matrices}
    return matrices, [weight for weight in trained if id(weight) not in chosen]
