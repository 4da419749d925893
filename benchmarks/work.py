"""Floating-point operations that a contestant's own sequences need, and those that it executes.

Needed: the matrix products of the linear layers (6 per weight and token: 2 forward, 4 backward), of
the head where a logit is read, and of attention over the places that may be attended to (forward 4,
backward 8, per place, key and hidden unit). Padding, masked-out blocks, logits that nobody reads and
what is recomputed in the backward pass are not needed. A forward pass without gradient (DPO's
reference) is a third. Executed: what ``FlopCounterMode`` saw in matrix products; it does not know the
CPU's attention kernels, so attention is not in it.
"""

from __future__ import annotations

from benchmarks.contestant import Contestant, Part


def linear(contestant: Contestant, part: Part) -> float:
    """Operations of linear layers and head that the part needs, to compare with what was executed."""
    size = contestant.case.size
    tokens = sum(prompt + sum(responses) for prompt, responses in part.sequences)
    return _passes(contestant) * (
        size.linear_weights * tokens + size.hidden * size.vocabulary * _logits(contestant, part)
    )


def needed(contestant: Contestant, part: Part) -> float:
    size = contestant.case.size
    attended = sum(
        _causal(prompt) + sum(response * prompt + _causal(response) for response in responses)
        for prompt, responses in part.sequences
    )
    attention = _passes(contestant) * 2 * size.layers * size.hidden * attended
    return linear(contestant, part) + attention


def _passes(contestant: Contestant) -> int:
    """Operations per weight and token."""
    return 6 + 2 * contestant.forwards_without_gradient


def _logits(contestant: Contestant, part: Part) -> int:
    """Places where a logit is read: the responses', and the prompt's where the NLL takes it in."""
    places = sum(sum(responses) for _, responses in part.sequences)
    if contestant.nll_on_prompt:  # preferred sequences only; nothing predicts token 0
        places += sum(len(contestant.case.prompts[pair.example]) - 1 for pair in part.pairs)
    return places


def _causal(length: int) -> int:
    return length * (length + 1) // 2
