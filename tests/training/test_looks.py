"""Looks at a training on its way: what it had after so many updates, and nothing else changed by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from killed_training import run
from pydantic import ValidationError

from planb.models.checkpoints import ADAPTER, load_policy, read_card
from planb.training.settings import LOOKS, Training

WHOLE = {"schedule": "constant", "warmup": 0, "save_every": 4}


def weights(folder: Path) -> bytes:
    full = folder / "model.safetensors"
    return (full if full.exists() else folder / ADAPTER / "adapter_model.safetensors").read_bytes()


class KilledError(Exception):
    """Stands for a kill."""


@pytest.mark.slow
@pytest.mark.parametrize("adapter", [True, False], ids=["adapter", "full weights"])
def test_a_look_is_the_training_that_ended_there(base: Path, tmp_path: Path, adapter: bool) -> None:
    """With one learning rate throughout, a training of so many updates is the beginning of a longer."""
    whole, plain, short = (tmp_path / name for name in ("whole", "plain", "short"))
    settings = WHOLE if adapter else {**WHOLE, "adapter": None}
    run(base, whole, steps=9, look_every=3, **settings)
    run(base, plain, steps=9, **settings)
    run(base, short, steps=6, **settings)
    looks = whole / LOOKS
    assert sorted(path.name for path in looks.iterdir()) == ["3", "6"], "its end is its own"
    assert weights(looks / "6") == weights(short)
    assert weights(looks / "3") != weights(looks / "6")
    assert weights(whole) == weights(plain)
    assert (whole / "history.json").read_bytes() == (plain / "history.json").read_bytes()
    assert "after 3 of 9 updates" in read_card(looks / "3").what
    load_policy(looks / "3")  # an adapter finds its base from there


@pytest.mark.slow
def test_a_killed_training_has_the_same_looks(base: Path, tmp_path: Path) -> None:
    def kill(done: float, *_: object) -> None:
        if done == 7:
            raise KilledError

    whole, again = tmp_path / "whole", tmp_path / "again"
    run(base, whole, steps=9, look_every=3, save_every=4)
    with pytest.raises(KilledError):
        run(base, again, kill, steps=9, look_every=3, save_every=4)
    torn = again / LOOKS / "6"  # written after the checkpoint that the run is taken up from
    (torn / ADAPTER / "adapter_model.safetensors").write_bytes(b"torn")
    run(base, again, steps=9, look_every=3, save_every=4)
    for update in ("3", "6"):
        assert weights(again / LOOKS / update) == weights(whole / LOOKS / update)


def test_looks_come_before_the_end() -> None:
    with pytest.raises(ValidationError, match="before its end"):
        Training(steps=10, learning_rate=1e-3, look_every=10)
