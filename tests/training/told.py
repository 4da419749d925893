"""Scores and pairs in few words, for tests of objectives."""

from __future__ import annotations

from typing import Any

import torch

from planb.training.objectives import (
    Objective,
    Pairs,
    Scores,
)

ALL3 = ((0, 0, 1), (0, 0, 2), (0, 1, 2))
ADJACENT3 = ((0, 0, 1), (0, 1, 2))


def scores(
    *sums_and_lengths: tuple[float, int],
    reference: list[float] | None = None,
    prompts: list[tuple[float, int]] | None = None,
) -> Scores:
    s, n = zip(*sums_and_lengths, strict=True)
    r = None if reference is None else torch.tensor(reference, dtype=torch.float64)
    prompt_s, prompt_n = zip(*prompts, strict=True) if prompts else (None, None)
    return Scores(
        torch.tensor(s, dtype=torch.float64),
        torch.tensor(n),
        r,
        None if prompt_s is None else torch.tensor(prompt_s, dtype=torch.float64),
        None if prompt_n is None else torch.tensor(prompt_n),
    )


def pairs(
    *triples: tuple[int, int, int], weights: list[float] | None = None, examples: int | None = None
) -> Pairs:
    """Of (example, better, worse)."""
    made = torch.tensor(triples or [], dtype=torch.long).reshape(-1, 3)
    weight_P = torch.tensor(weights) if weights else torch.ones(len(triples))
    number = examples or 1 + max(example for example, _, _ in triples)
    return Pairs(*made.unbind(1), weight_P, number)


ONE = pairs((0, 0, 1))


def loss(objective: Objective, told: Scores, given: Pairs) -> list[float]:
    found: list[float] = objective.loss(told, given).tolist()
    return found


def random_scores(number: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Scores:
    """With all that any objective may ask for; each response about 2 nats a token."""
    made = torch.Generator().manual_seed(seed)
    n_R = torch.randint(1, 30, (number,), generator=made)

    def around(n: Any) -> Any:
        return (-n * (0.5 + 3 * torch.rand(len(n), generator=made, dtype=torch.float64))).to(dtype)

    prompt_n_R = torch.randint(0, 9, (number,), generator=made)
    return Scores(around(n_R), n_R, around(n_R), around(prompt_n_R), prompt_n_R)


def with_sums(told: Scores, s_R: Any) -> Scores:
    return Scores(s_R, told.n_R, told.r_R, told.prompt_s_R, told.prompt_n_R)
