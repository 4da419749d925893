"""Where bf16 is used, and that a training with it is nearly that with fp32."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from killed_training import HARMFUL, HARMLESS, HELPFUL, PLAN_B, run
from tiny_models import WORLD, fresh

from planb.models.checkpoints import Card, load_policy
from planb.sandbox.tokenizer import tokenizer
from planb.training import precision
from planb.training.objectives import DPO, SFT
from planb.training.precision import cpu_gain, uses_bf16
from planb.training.rows import Ranking, schedule
from planb.training.settings import LoRA, Training
from planb.training.train import train
from planb.training.trainer import RankedPreferenceTrainer, Rows

WORDS = tokenizer(WORLD)


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[float]]:
    """A CPU on which bf16 is so many times faster; tells how often it was probed."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    probed: list[float] = []

    def gains(times: float) -> list[float]:
        monkeypatch.setattr(precision, "cpu_gain", lambda: probed.append(times) or times)
        return probed

    return gains


def test_fp32_is_never_bf16_and_auto_is_fp32_on_a_cpu(on_cpu: Any) -> None:
    probed = on_cpu(9.0)
    assert not uses_bf16("fp32")
    assert not uses_bf16("auto")
    assert probed == [], "the probe costs time, and nobody asked"


@pytest.mark.parametrize(("gain", "used"), [(0.3, False), (1.19, False), (1.2, True), (3.0, True)])
def test_bf16_is_used_on_a_cpu_where_it_pays(
    on_cpu: Any, caplog: pytest.LogCaptureFixture, gain: float, used: bool
) -> None:
    probed = on_cpu(gain)
    with caplog.at_level(logging.WARNING):
        assert uses_bf16("bf16") is used
    assert probed == [gain]
    assert (f"bf16 is {gain:.2f} times as fast as fp32 on this CPU" in caplog.text) is not used


@pytest.mark.parametrize("supported", [False, True])
def test_on_a_gpu_it_is_used_where_the_gpu_has_it(
    on_cpu: Any, monkeypatch: pytest.MonkeyPatch, supported: bool
) -> None:
    probed = on_cpu(0.1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: supported)
    assert [uses_bf16(asked) for asked in ("auto", "bf16", "fp32")] == [supported, supported, False]
    assert probed == []


def test_the_probe_is_a_ratio_and_made_once() -> None:
    gain = cpu_gain()
    assert 0.01 < gain < 100
    assert cpu_gain() == gain


@pytest.mark.parametrize("adapter", [None, LoRA(rank=4)], ids=["all weights", "adapter"])
def test_a_run_takes_what_the_probe_says(
    base: Path, tmp_path: Path, on_cpu: Any, adapter: LoRA | None
) -> None:
    losses = {}
    for gain in (2.0, 0.5):
        probed = on_cpu(gain)
        out = tmp_path / str(gain)
        run(base, out, steps=4, learning_rate=1e-3, precision="bf16", adapter=adapter)
        (entry,) = json.loads((out / "history.json").read_text())
        losses[gain] = entry["loss"]
    assert probed == [2.0, 0.5]
    assert losses[2.0] == pytest.approx(losses[0.5], rel=0.01)
    assert losses[2.0] != losses[0.5]


def test_the_policy_is_given_back_without_autocast(base: Path, tmp_path: Path, on_cpu: Any) -> None:
    on_cpu(2.0)
    policy, training = load_policy(base), Training(steps=2, learning_rate=1e-2, precision="bf16")
    train(policy, [Ranking(HARMLESS, HELPFUL)], SFT(), training, 0, tmp_path, Card(what="x"))
    ids = torch.tensor([[1, 5, 20, 30]])
    assert torch.equal(policy.model.eval()(ids).logits, load_policy(tmp_path).model(ids).logits)


def test_forced_on_a_cpu_it_stays_near_fp32(config: Callable[..., Any]) -> None:
    """Sharp log-probabilities; the weights themselves stay in 32 bits."""
    rankings = [Ranking(HARMFUL, PLAN_B), Ranking(HARMLESS, HELPFUL)]
    rows = schedule(rankings, WORDS, steps=1, batch=6, seed=0, lengths=64)
    found = {}
    for bf16 in (False, True):
        args = config(bf16=bf16, max_steps=4, per_device_train_batch_size=6, learning_rate=0.01)
        data = Rows(rows, ordered=True)
        made = RankedPreferenceTrainer(fresh("llama"), args, data, WORDS, objective=DPO())
        made.train()
        found[bf16] = [entry["loss"] for entry in made.state.log_history if "loss" in entry]
        assert {weight.dtype for weight in made.model.parameters()} == {torch.float32}
    assert found[True] == pytest.approx(found[False], rel=0.02)
    assert found[True] != pytest.approx(found[False], rel=1e-5)
    assert found[True][-1] < 0.98 * found[True][0]
