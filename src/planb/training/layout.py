"""Which layout a model allows: decided by a rule *and* by its own numbers before step 1.

Packed sequences are exact for full-attention models under SDPA with an explicit mask. Sliding windows,
ALiBi, recurrent layers, soft-capping and sinks break them, mostly in silence; so a model that passes
the rule is checked on its real weights and rows, and falls back to separate sequences if it differs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from planb.models.checkpoints import Policy
from planb.training.packing import Layout, collate, log_probs, on_device
from planb.training.rows import Row

PACKABLE = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Architectures (``config.model_type``) whose code was read and is tested: causal, rotary, no caps."""
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
"""Largest difference of a summed log-probability between the layouts; looser below 32 bits."""
LOW_PRECISION_TOLERANCE = 0.5
CHECKED_ROWS = 4

log = logging.getLogger(__name__)


def choose_layout(policy: Policy, rows: Sequence[Row]) -> Layout:
    """``packed`` where the rule allows it and the self-check agrees, else ``separate``."""
    config = policy.model.config
    longest = max(row.packed_tokens for row in rows)
    window = getattr(config, "sliding_window", None)
    if config.model_type not in PACKABLE or config._attn_implementation != "sdpa":
        return "separate"
    if window is not None and getattr(config, "use_sliding_window", True) and window < longest:
        return "separate"
    differing = self_check(policy, rows)
    allowed = TOLERANCE.get(policy.model.dtype, LOW_PRECISION_TOLERANCE)
    if not differing <= allowed:
        log.warning(
            "packed and separate sequences differ by %.2g in log-probability; separate ones are used",
            differing,
        )
        return "separate"
    return "packed"


@torch.inference_mode()  # type: ignore[untyped-decorator]
def self_check(policy: Policy, rows: Sequence[Row]) -> float:
    """Largest difference between the layouts over a few rows, those with most responses first."""
    distinct = sorted(dict.fromkeys(rows), key=lambda row: (-len(row.responses), row.packed_tokens))
    chosen = [(row, None) for row in distinct[:CHECKED_ROWS]]
    found = []
    layouts: tuple[Layout, Layout] = ("packed", "separate")
    for layout in layouts:
        batch = collate(chosen, policy.tokenizer.pad_token_id, layout)
        found.append(log_probs(policy.model, on_device(batch, policy.device))[0])
    return float((found[0] - found[1]).abs().max())
