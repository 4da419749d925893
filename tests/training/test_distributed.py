"""Two processes train as one does: DDP, and FSDP2 and DeepSpeed ZeRO, which their launchers start.

One process takes batches of twice the size. Everything runs on CPUs, over gloo; where a library would
not do so by itself, the script that is launched says what it changes.
"""

from __future__ import annotations

import importlib.util
import json
import re
import signal
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import killed_training
import pytest
import run_ddp
import torch
from killed_training import SAVE_EVERY, STEPS
from launching import FSDP2, TORCHRUN, Group, Launch, checkpoint, forked_group
from run_ddp import CASES, EVALUATED, INSIDE, TRAINED
from tiny_models import WORLD, distance, fresh
from transformers.integrations.deepspeed import set_hf_deepspeed_config, unset_hf_deepspeed_config

from planb.models.checkpoints import load_policy
from planb.sandbox.tokenizer import tokenizer
from planb.training.packing import on_device
from planb.training.trainer import RankedPreferenceTrainer, Rows

KILLED_AFTER = (SAVE_EVERY + STEPS) // 2
TAKEN_UP = list(range(SAVE_EVERY + 1, STEPS + 1))
GRADIENT, LATER_GRADIENT, WEIGHT = 1e-5, 1e-4, 1e-6
SHARDED_WEIGHT = 1e-5  # sums in another order, which Adam turns into steps
"""Largest differences: of a gradient relative to the largest of its tensor, at the first update and at
those after it; of a weight."""
needs_deepspeed = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("deepspeed"), reason="DeepSpeed is not installed"),
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """A case in this process; each is run once."""
    found: dict[str, dict[str, Any]] = {}

    def run(name: str) -> dict[str, Any]:
        if name not in found:
            found[name] = run_ddp.run(name, tmp_path_factory.mktemp("alone"))
        return found[name]

    return run


@pytest.fixture
def trained_alone(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, torch.Tensor]]:
    """``train`` in this process, on the CPU: the checkpoint's weights."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def run(**settings: Any) -> dict[str, torch.Tensor]:
        killed_training.run(base, tmp_path, **settings)
        return checkpoint(tmp_path)

    return run


@pytest.fixture(scope="module")
def ddp(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Group:
    """First the run that both processes leave by SIGKILL, then the others."""
    out = tmp_path_factory.mktemp("ddp")
    killed = forked_group(out, killed_training.run_and_die, base, out / "killed", KILLED_AFTER)
    assert -signal.SIGKILL in killed.code, killed.said
    training = out / "killed" / "training"
    assert [path.name for path in training.glob("checkpoint-*")] == [f"checkpoint-{SAVE_EVERY}"]
    cut_short = training / f"checkpoint-{KILLED_AFTER}"
    cut_short.mkdir()
    for place in range(4000):  # so many that both processes would find it and put it away
        (cut_short / str(place)).touch()
    return forked_group(out, run_ddp.run_all, base, out)


@pytest.fixture(scope="module")
def fsdp(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Launch:
    out = tmp_path_factory.mktemp("fsdp")
    return Launch(out, FSDP2, "run_fsdp.py", base, out)


@pytest.fixture(scope="module", params=[2, 3])
def zero(request: Any, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Launch:
    out = tmp_path_factory.mktemp("zero")
    return Launch(out, TORCHRUN, "run_deepspeed.py", base, out, request.param)


def assert_same(found: list[dict[str, Any]], one: dict[str, Any], gradients: bool = True) -> None:
    """Both processes have what the one process has."""
    for two in found:
        if gradients:
            for place, (ours, its) in enumerate(zip(two["gradients"], one["gradients"], strict=True)):
                assert distance(ours, its) < (LATER_GRADIENT if place else GRADIENT)
        if two["weights"]:  # some gather them for the first process only
            assert_close(two["weights"], one["weights"])
        flat_one, flat_two = ([x for row in run["references"] for x in row] for run in (one, two))
        assert flat_two == pytest.approx(flat_one, abs=1e-4)
    assert found[0]["weights"]
    assert_same_history(found[0]["history"], one["history"])


def assert_close(
    one: dict[str, torch.Tensor], two: dict[str, torch.Tensor], bound: float = WEIGHT
) -> None:
    assert set(one) == set(two)
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < bound


def assert_same_history(found: list[dict[str, float]], expected: list[dict[str, float]]) -> None:
    """Losses, gradient norms, and every mean of the watch, of training and of evaluation."""
    names = {name for entry in expected for name in entry}
    assert {"loss", "grad_norm", "eval_loss", "logp/odd", "eval_logp/odd"} <= names
    for one, two in zip(expected, found, strict=True):
        assert set(one) == set(two)
        for name in (name for name in one if not re.search("runtime|per_second|flos", name)):
            assert two[name] == pytest.approx(one[name], rel=1e-4, abs=5e-5), name


def assert_taken_up(launch: Group) -> None:
    """No update was made twice; the same losses and the same weights, to the last bit."""
    assert launch("steps") == [TAKEN_UP] * 2
    whole, again = (launch.weights(run) for run in ("undisturbed", "killed"))
    assert set(whole) == set(again)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    history, losses = (
        json.loads((launch.out / run / "history.json").read_text()) for run in ("undisturbed", "killed")
    )
    assert history
    assert history == losses


class TestDDP:
    pytestmark = pytest.mark.slow

    @pytest.mark.parametrize("name", [*CASES, *INSIDE])
    def test_two_processes_train_as_one(self, ddp: Group, alone: Any, name: str) -> None:
        assert ddp(name)[0]["how"].startswith("DistributedDataParallel")
        assert_same(ddp(name), alone(name))

    @pytest.mark.parametrize("name", CASES)
    def test_they_share_each_batch(self, ddp: Group, alone: Any, name: str) -> None:
        """Every batch has the same examples, the first half on the first process."""
        first, second = ([keys for keys, _ in process["seen"]] for process in ddp(name))
        whole = [keys for keys, _ in alone(name)["seen"]]
        assert [a + b for a, b in zip(first, second, strict=True)] == whole
        assert len(whole) == len(TRAINED) // CASES[name].batch + len(EVALUATED) // 4

    @pytest.mark.parametrize("name", [name for name in CASES if "parts" in name])
    def test_though_their_batches_have_unlike_numbers_of_parts(self, ddp: Group, name: str) -> None:
        first, second = ([count for _, count in process["seen"]] for process in ddp(name))
        assert any(a != b for a, b in zip(first, second, strict=True))
        assert max(first + second) > 1

    def test_weights_really_move(self, alone: Any) -> None:
        before, after = fresh("llama").state_dict(), alone("orpo")["weights"]
        assert max(float((after[name] - before[name]).abs().max()) for name in before) > 100 * WEIGHT

    def test_a_killed_run_is_taken_up_exactly(self, ddp: Group) -> None:
        assert_taken_up(ddp)

    def test_and_ends_where_one_process_does(self, ddp: Group, trained_alone: Any) -> None:
        assert_close(ddp.weights("undisturbed"), trained_alone())


class TestFSDP2:
    pytestmark = pytest.mark.slow

    @pytest.mark.parametrize("reshard", [False, True])
    @pytest.mark.parametrize(
        ("plan", "tied"), [*product(("root", "tail"), (False, True)), ("head", False)]
    )
    def test_sharded_scores_and_gradients_are_the_models_own(
        self, fsdp: Launch, plan: str, tied: bool, reshard: bool
    ) -> None:
        for ways in fsdp(f"scored-{plan}-{tied}-{reshard}"):
            assert len(ways) == 3
            for apart, gradient in ways:
                assert apart < 1e-4
                assert gradient < GRADIENT

    @pytest.mark.parametrize("name", CASES)
    def test_two_processes_train_as_one(self, fsdp: Launch, alone: Any, name: str) -> None:
        assert fsdp(name)[0]["how"].startswith("FSDP")
        assert_same(fsdp(name), alone(name))

    def test_a_stopped_run_is_taken_up_exactly(self, fsdp: Launch) -> None:
        assert_taken_up(fsdp)

    def test_its_checkpoint_is_that_of_one_process(self, fsdp: Launch, trained_alone: Any) -> None:
        assert_close(fsdp.weights("undisturbed"), trained_alone(adapter=None), SHARDED_WEIGHT)
        assert load_policy(fsdp.out / "undisturbed").model.num_parameters() > 0

    def test_log_probabilities_are_summed_in_32_bits(
        self, fsdp: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In mixed precision too, where accelerate would have FSDP2 round them to 16."""
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")  # put back what the arguments will set
        one = run_ddp.run("dpo_adapter", tmp_path, bf16=True)
        for process in (one, *fsdp("bf16")):
            assert process["precision"] == {torch.float32}
        for ours, its in zip(fsdp("bf16")[0]["history"], one["history"], strict=True):
            for name in (name for name in its if re.match("(eval_)?(loss|logp/)", name)):
                assert ours[name] == pytest.approx(its[name], rel=0.01), name

    def test_a_model_sharded_as_it_is_loaded_is_refused(self, fsdp: Launch) -> None:
        """By every process, and before one of them waits for the others."""
        for error in fsdp("loaded"):
            assert "in shards since it was loaded" in error
            assert "accelerate launch --use_fsdp" in error

    @pytest.mark.gpu
    @pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
    @pytest.mark.parametrize("name", CASES)
    def test_on_gpus(self, base: Path, tmp_path: Path, alone: Any, name: str) -> None:
        """Not run yet, for want of two GPUs: the script without what it changes on a CPU."""
        gpus = Launch(tmp_path, FSDP2, "run_fsdp.py", base, tmp_path, gpus=True)
        for ours, its in zip(gpus(name)[0]["history"], alone(name)["history"], strict=True):
            for loss in {"loss", "eval_loss"} & set(its):
                assert ours[loss] == pytest.approx(its[loss], rel=1e-3)


class TestDeepSpeed:
    """ZeRO-2 and ZeRO-3 with DeepSpeed's own CPU accelerator; last run with DeepSpeed 0.19.8."""

    pytestmark = needs_deepspeed

    @pytest.mark.parametrize("name", CASES)
    def test_two_processes_train_as_one(self, zero: Launch, alone: Any, name: str) -> None:
        assert zero(name)[0]["how"].startswith("DeepSpeedEngine")
        assert_same(zero(name), alone(name), gradients=False)

    def test_its_checkpoint_is_that_of_one_process(self, zero: Launch, trained_alone: Any) -> None:
        assert_close(zero.weights("undisturbed"), trained_alone(adapter=None))

    def test_there_is_no_reference_of_what_was_sharded_as_it_was_loaded(self, zero: Launch) -> None:
        for error in zero("sharded"):
            assert ("Load it before the training arguments" in error) is (zero.given[-1] == 3)


class TestWithoutDeepSpeed:
    """What the trainer does for it, whether it is installed or not."""

    def test_a_batch_is_one_part(self, config: Callable[..., Any]) -> None:
        """Its engine counts backward passes: one for each batch, whatever ``pack_tokens`` says."""
        trainer = made(config(pack_tokens=48))
        assert len(trainer._collate(TRAINED[:8])["parts"]) > 1
        trainer.is_deepspeed_enabled = True
        (part,) = trainer._collate(TRAINED[:8])["parts"]
        assert part["places"] == list(range(8))
        assert part["of_examples"] == part["examples"] == 8

    def test_under_zero_3_the_model_stays_as_it_is(self, config: Callable[..., Any]) -> None:
        """No weights are whole, so nothing is tried out: separate rows, the model's own head; and the
        loss is that of packed rows."""
        from accelerate.utils.deepspeed import HfDeepSpeedConfig

        trainer, packed = made(config()), made(config())
        stage_3 = HfDeepSpeedConfig({"zero_optimization": {"stage": 3}})
        set_hf_deepspeed_config(stage_3)
        try:
            way = trainer.prepare()
        finally:
            unset_hf_deepspeed_config()
        assert (way.layout, way.head) == ("separate", "own")
        assert "ZeRO-3" in way.why
        assert "forward" not in trainer.model.__dict__
        assert trainer.model.config._attn_implementation == fresh("llama").config._attn_implementation
        assert packed.prepare().layout == "packed"
        losses = []
        for one in (trainer, packed):
            batch = on_device(one._collate(EVALUATED)["parts"][0], torch.device("cpu"))
            losses.append(one.compute_loss(one.model, batch).item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def made(arguments: Any) -> RankedPreferenceTrainer:
    return RankedPreferenceTrainer(fresh("llama"), arguments, Rows(TRAINED), tokenizer(WORLD))
