"""Where bf16 is used, and that a training with it is nearly that with fp32."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from killed_training import HARMFUL, HARMLESS, HELPFUL, PLAN_B, run
from tiny_models import WORLD, fresh

from planb.errors import PlanBError
from planb.models.checkpoints import Card, load_policy
from planb.sandbox.tokenizer import tokenizer
from planb.training import precision
from planb.training.objectives import DPO, SFT
from planb.training.precision import BF16, FP32, uses_bf16
from planb.training.recipe import Recipe
from planb.training.rows import Ranking, schedule
from planb.training.settings import LoRA, Training, read_ran
from planb.training.train import BEGUN_IN, SCRATCH, train
from planb.training.trainer import RankedPreferenceTrainer, Rows

WORDS = tokenizer(WORLD)


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def on_gpu(monkeypatch: pytest.MonkeyPatch, has_bf16: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bf16)


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("native", [False, True])
def test_on_a_cpu_bf16_is_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, native: bool
) -> None:
    monkeypatch.setattr(precision, "has_cpu_bf16", lambda: native)
    with caplog.at_level(logging.WARNING):
        assert [uses_bf16(asked) for asked in ("auto", "fp32")] == [False, False]
        assert not caplog.text
        assert uses_bf16("bf16")
    assert ("has no bf16 instructions" in caplog.text) is not native


def test_auto_is_bf16_on_a_gpu_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    on_gpu(monkeypatch, has_bf16=True)
    assert [uses_bf16(asked) for asked in ("auto", "bf16", "fp32")] == [True, True, False]
    on_gpu(monkeypatch, has_bf16=False)
    assert [uses_bf16(asked) for asked in ("auto", "fp32")] == [False, False]
    with pytest.raises(PlanBError, match="this GPU cannot compute in bf16: use precision='auto'"):
        uses_bf16("bf16")


@pytest.mark.usefixtures("without_gpu")
def test_no_clock_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that was timed once gave another answer under load."""
    for clock in ("perf_counter", "monotonic", "process_time", "time", "thread_time"):
        monkeypatch.setattr(time, clock, lambda: pytest.fail("a clock was asked"))
    monkeypatch.setattr(precision, "has_cpu_bf16", lambda: True)
    assert uses_bf16("bf16")
    assert not uses_bf16("auto")


@pytest.mark.usefixtures("without_gpu")
@pytest.mark.parametrize("adapter", [None, LoRA(rank=4)], ids=["all weights", "adapter"])
@pytest.mark.slow
def test_a_run_says_what_it_ran_in(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: LoRA | None
) -> None:
    computed = set[Any]()
    product = torch.nn.Linear.forward

    def watched(self: torch.nn.Linear, input_BX: torch.Tensor) -> torch.Tensor:
        found = product(self, input_BX)
        computed.add(found.dtype)
        return found

    monkeypatch.setattr(torch.nn.Linear, "forward", watched)
    losses = {}
    for wanted, told in (("bf16", BF16), ("fp32", FP32), ("auto", FP32)):
        computed.clear()
        out = tmp_path / wanted
        run(base, out, steps=4, learning_rate=1e-3, precision=wanted, adapter=adapter)
        assert read_ran(out)["precision"] == told
        assert (torch.bfloat16 in computed) is (told == BF16)
        (entry,) = json.loads((out / "history.json").read_text())
        losses[wanted] = entry["loss"]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.01)
    assert losses["auto"] == losses["fp32"]


@pytest.mark.slow
@pytest.mark.usefixtures("without_gpu")
def test_a_resumed_training_stays_in_its_precision(base: Path, tmp_path: Path) -> None:
    """It began on a machine where ``auto`` is bf16, and goes on where it would be fp32."""
    (tmp_path / SCRATCH).mkdir()
    (tmp_path / SCRATCH / BEGUN_IN).write_text(BF16)
    run(base, tmp_path, steps=1, learning_rate=1e-3, precision="auto")
    assert read_ran(tmp_path)["precision"] == BF16


@pytest.mark.usefixtures("without_gpu")
def test_the_policy_is_given_back_without_autocast(base: Path, tmp_path: Path) -> None:
    policy, training = load_policy(base), Training(steps=2, learning_rate=1e-2, precision="bf16")
    train(policy, Recipe([Ranking(HARMLESS, HELPFUL)], SFT(), training, 0, Card(what="x")), tmp_path)
    ids = torch.tensor([[1, 5, 20, 30]])
    assert torch.equal(policy.model.eval()(ids).logits, load_policy(tmp_path).model(ids).logits)


@pytest.mark.slow
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
