"""What a policy in training is sampled by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_reinforced import reinforced, vowels

from planb.training.reinforcement import drawing


@pytest.mark.slow
def test_every_draw_is_made_by_the_engine_of_the_untrained_model(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packed rows' attention is set aside while samples are drawn: with it they would be padded."""
    from planb.models.generation import engine_of

    engines = []
    draws = drawing.generate

    def told(policy: Any, prompts: Any, seeds: Any, sampling: Any, *rest: Any) -> Any:
        engines.append(engine_of(policy, sampling))
        return draws(policy, prompts, seeds, sampling, *rest)

    monkeypatch.setattr(drawing, "generate", told)
    reinforced(training={"steps": 2}).train(base, tmp_path, vowels)
    assert engines == ["refilled", "refilled"]
