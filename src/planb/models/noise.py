"""The noise of sampling: each request's own, whatever else is generated beside it.

The argmax of ``logits / T`` plus Gumbel noise is a sample of the softmax (the Gumbel-max trick; Gumbel
1954), so sampling is greedy decoding with noise, and what a request draws is a function of its seed and
of how many tokens it has. Minus the log of an Exp(1) variable is Gumbel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

ROWS = 64
"""So many rows of hashes are made at a time: eight bytes for each word of the vocabulary and row."""
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


class Noise(Protocol):
    """Gumbel noise for sampling: (R, ``width``), on the device of ``rows_R``, for requests that have
    ``steps_R`` new tokens. ``rows_R`` are places in the list of seeds."""

    def __call__(self, rows_R: torch.Tensor, steps_R: torch.Tensor, width: int) -> torch.Tensor: ...


def noise_of(seeds: Sequence[int], device: torch.device) -> Noise:
    """What the requests with these seeds draw on this kind of device."""
    return DrawnNoise(seeds) if device.type == "cpu" else HashedNoise(seeds, device)


class DrawnNoise:
    """Gumbel noise from a generator for each request, a vocabulary at a time; on the CPU, where it
    is fast."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.seeds = seeds
        self.drawn: dict[int, tuple[torch.Generator, int]] = {}

    def __call__(self, rows_R: torch.Tensor, steps_R: torch.Tensor, width: int) -> torch.Tensor:
        asked = zip(rows_R.tolist(), steps_R.tolist(), strict=True)
        return -torch.stack([self._draw(row, step, width) for row, step in asked]).log()

    def _draw(self, row: int, step: int, width: int) -> torch.Tensor:
        """The ``step``-th draw of a request; its generator starts anew if another one is due."""
        generator, place = self.drawn.get(row, (torch.Generator(), -1))
        if place != step:
            generator.manual_seed(self.seeds[row] % 2**63)
            for _ in range(step):
                torch.empty(width).exponential_(generator=generator)
        self.drawn[row] = (generator, step + 1)
        return torch.empty(width).exponential_(generator=generator)


class HashedNoise:
    """Gumbel noise from a hash of (seed, step, token), made where the logits are: nothing is drawn and
    nothing is copied.

    The hash is SplitMix64's (Steele, Lea and Flood 2014), a stream for each request and step.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self.seeds_N = torch.tensor([seed % 2**63 for seed in seeds], device=device)

    def __call__(self, rows_R: torch.Tensor, steps_R: torch.Tensor, width: int) -> torch.Tensor:
        keys_R = _mixed(_mixed(self.seeds_N[rows_R]) + steps_R)
        steps_V = torch.arange(1, width + 1, device=keys_R.device) * _signed(_GOLDEN)
        made = [_gumbel(_mixed(some[:, None] + steps_V)) for some in keys_R.split(ROWS)]
        return torch.cat(made)


def _mixed(x: torch.Tensor) -> torch.Tensor:
    """SplitMix64's finalizer, on 64 bits that torch takes for signed ones."""
    for shift, factor in _MIX:
        x = (x ^ _shifted(x, shift)) * _signed(factor)
    return x ^ _shifted(x, 31)


def _gumbel(hash_: torch.Tensor) -> torch.Tensor:
    """The upper 32 bits as a number in (0, 1), finest near 0: there lies the noise that decides."""
    uniform = (_shifted(hash_, 32).float() + 0.5) * 2.0**-32
    return -(-torch.log1p(-uniform.clamp(max=1 - 2.0**-24))).log()


def _shifted(x: torch.Tensor, bits: int) -> torch.Tensor:
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _signed(bits: int) -> int:
    return bits - 2**64 if bits >= 2**63 else bits


class Warped:
    """Logits (R, V) at a temperature with the noise of their requests."""

    def __init__(self, seeds: Sequence[int], temperature: float, device: torch.device) -> None:
        self.temperature, self.noise = temperature, noise_of(seeds, device)

    def __call__(self, scores_RV: torch.Tensor, rows_R: Any, steps_R: Any) -> torch.Tensor:
        return scores_RV.float() / self.temperature + self.noise(rows_R, steps_R, scores_RV.shape[1])
