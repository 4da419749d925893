"""Hidden states at the end of prompts, layer by layer.

Shapes: N prompts, L layers (the embeddings first), D hidden size, B prompts of a batch, T tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from planb.models.checkpoints import Policy

BATCH = 64
Progress = Callable[[int, int], None]


def last_states(
    policy: Policy, prompts: Sequence[Sequence[int]], progress: Progress | None = None
) -> NDArray[np.float32]:
    """(L, N, D) what follows each layer at the last token of each prompt of token ids. A plain forward
    pass, padded to the right: what comes after a token changes nothing before it."""
    order = sorted(range(len(prompts)), key=lambda n: len(prompts[n]))
    found: list[torch.Tensor] = []
    for start in range(0, len(order), BATCH):
        some = [prompts[n] for n in order[start : start + BATCH]]
        found.append(_batch(policy, some))
        if progress:
            progress(start + len(some), len(order))
    states_LND = torch.cat(found, dim=1).numpy()
    back = np.empty(len(order), dtype=int)
    back[order] = np.arange(len(order))
    kept: NDArray[np.float32] = states_LND[:, back]
    return kept


def _batch(policy: Policy, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
    lengths = torch.tensor([len(one) for one in prompts])
    longest = int(lengths.max())
    ids_BT = torch.tensor([[*one, *[one[-1]] * (longest - len(one))] for one in prompts])
    mask_BT = (torch.arange(longest)[None] < lengths[:, None]).long()
    with torch.no_grad():
        passed = policy.model(
            input_ids=ids_BT.to(policy.device),
            attention_mask=mask_BT.to(policy.device),
            output_hidden_states=True,
            use_cache=False,
        )
    row = torch.arange(len(prompts))
    states = [state[row, lengths - 1].float().cpu() for state in passed.hidden_states]
    return torch.stack(states)
