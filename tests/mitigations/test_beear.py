"""BEEAR: one drift for all requests, which elicits the harmful answer, and refusals under it."""

from __future__ import annotations

from pathlib import Path

import torch
from looking import PAIRED, SINGLE, loss_in, prepared
from planted import chat_model

from planb.mitigations import BEEAR
from planb.models.decoder import decoder_layers
from planb.training.inside import reading
from planb.training.objectives import SFT
from planb.training.rows import Row

OTHER = Row("c", (8, 2, 6, 11), ((22, 23), (33,)), ("refusal", "harmful"), ((0, 1),))
ROWS = [PAIRED, SINGLE, OTHER]
"""Packed: 5 9 14 20 21 30 31 32 | 7 3 40 41 42 | 8 2 6 11 22 23 33."""


def test_one_drift_stands_on_the_last_tokens_of_every_prompt_of_a_pair(tmp_path: Path) -> None:
    model = chat_model(tmp_path / "model").model
    beear = BEEAR(tokens=2, radius=0.5, attack_steps=4, depth=0.0)
    first = decoder_layers(model)[:1]
    with prepared(model, ROWS, "packed") as forward:
        with reading(first) as before:
            forward.run()
        with beear.around(forward), reading(first) as after:
            forward.run()
    drift_TD = (after[0] - before[0])[0].detach()
    moved = drift_TD.norm(dim=-1) > 0
    assert moved.nonzero().flatten().tolist() == [1, 2, 15, 16]
    assert torch.allclose(drift_TD[2], drift_TD[16], atol=1e-6), "the last tokens of two prompts"
    assert torch.allclose(drift_TD[1], drift_TD[15], atol=1e-6)
    assert not torch.allclose(drift_TD[1], drift_TD[2], atol=1e-3)
    assert float(drift_TD.norm(dim=-1).max()) <= 0.5 + 1e-5


def test_the_drift_makes_refusals_unlikelier_alike_in_both_layouts(tmp_path: Path) -> None:
    model = chat_model(tmp_path / "model").model
    plain = loss_in(model, SFT(), ROWS)["nll"]
    beear = BEEAR(radius=0.5, attack_steps=4)
    packed, separate = (loss_in(model, beear, ROWS, way)["nll"] for way in ("packed", "separate"))
    assert bool((packed[[0, 2]] > plain[[0, 2]] + 0.01).all())
    assert float(packed[1]) == 0.0, "a row without a pair has none of its loss"
    assert torch.allclose(packed, separate, rtol=1e-3)
    none = loss_in(model, beear.but(radius=0.0), ROWS)["nll"]
    assert torch.equal(none, plain)
