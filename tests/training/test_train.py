"""Whole runs of the trainer: killed and taken up, adapters and full weights, what is written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import killed_training
import pytest
import torch
from killed_training import SAVE_EVERY, STEPS, run
from safetensors.torch import load_file

from planb.models.checkpoints import ADAPTER, checkpoint_digest, load_policy, read_card
from planb.training.settings import LoRA, Training
from planb.types import PlanBError

KILLED_AFTER = 6


def silent(*_: object) -> None:
    """No one listens."""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    full = folder / "model.safetensors"
    return load_file(full if full.exists() else folder / ADAPTER / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def undisturbed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    run(base, out, silent)
    return out


@pytest.fixture(scope="module")
def killed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves that was killed after its sixth update (its last checkpoint: the fourth)."""
    out = tmp_path_factory.mktemp("killed")
    script = [sys.executable, killed_training.__file__, str(base), str(out), str(KILLED_AFTER)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert not (out / "planb.json").exists()
    return out


def taken_up(base: Path, killed: Path, out: Path, spoil: bool = False) -> list[float]:
    """Run again where the killed run stopped; returns the updates that were made."""
    shutil.copytree(killed, out)
    if spoil:  # the kill came while a later checkpoint was being written
        whole = out / "training" / f"checkpoint-{SAVE_EVERY}"
        part = out / "training" / f"checkpoint-{KILLED_AFTER}"
        shutil.copytree(whole, part)
        (part / "trainer_state.json").unlink()
        (part / "optimizer.pt").write_bytes((part / "optimizer.pt").read_bytes()[:100])
    steps: list[float] = []
    run(base, out, lambda done, total, note: steps.append(done))  # noqa: ARG005
    return steps


@pytest.mark.parametrize("spoil", [False, True], ids=["between checkpoints", "while saving one"])
def test_a_killed_run_gives_the_same_weights(
    base: Path, killed: Path, undisturbed: Path, tmp_path: Path, spoil: bool
) -> None:
    steps = taken_up(base, killed, tmp_path / "out", spoil)
    assert steps == list(range(SAVE_EVERY + 1, STEPS + 1))  # nothing before it is run again
    expected, found = weights(undisturbed), weights(tmp_path / "out")
    assert set(expected) == set(found)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert checkpoint_digest(tmp_path / "out") == checkpoint_digest(undisturbed)
    assert not (tmp_path / "out" / "training").exists()


def test_the_weights_really_moved(base: Path, undisturbed: Path) -> None:
    moved = weights(undisturbed)
    assert any(name.endswith("lora_B.weight") and weight.any() for name, weight in moved.items())
    trained, plain = load_policy(undisturbed).model, load_policy(base).model
    ids = torch.tensor([[1, 5, 20, 30]])
    assert (trained(ids).logits - plain(ids).logits).abs().max() > 1e-2


def test_the_history_tells_each_tier_and_each_margin(undisturbed: Path) -> None:
    history = json.loads((undisturbed / "history.json").read_text())
    assert [entry["step"] for entry in history] == [10]
    names = {f"logp/{tier}" for tier in ("refusal", "useless", "harmful", "helpful")}
    names |= {f"margin/{pair}" for pair in ("refusal>useless", "refusal>harmful", "useless>harmful")}
    for entry in history:
        assert names <= set(entry)
        assert all(entry[name] < 0 for name in names if name.startswith("logp/"))
        assert entry["loss"] > 0


def test_the_card_names_the_base(base: Path, undisturbed: Path) -> None:
    card = read_card(undisturbed)
    assert card.what == "a run"
    assert card.base_digest == checkpoint_digest(base)


def test_an_adapter_leaves_its_base_as_it_was(base: Path, tmp_path: Path) -> None:
    before = checkpoint_digest(base)
    run(base, tmp_path / "out", silent, steps=2)
    assert checkpoint_digest(base) == before
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize("embeddings", [False, True])
def test_embeddings_are_trained_only_where_asked(base: Path, tmp_path: Path, embeddings: bool) -> None:
    run(base, tmp_path / "out", silent, steps=3, adapter=None, embeddings=embeddings, weight_decay=0.1)
    before, after = weights(base), weights(tmp_path / "out")
    name = "model.embed_tokens.weight"
    assert torch.equal(before[name], after[name]) is not embeddings
    others = [n for n in before if n != name]
    assert others
    assert not any(torch.equal(before[n], after[n]) for n in others if "proj" in n)


@pytest.mark.parametrize("adapter", [None, LoRA(rank=4)], ids=["full", "adapter"])
def test_accumulation_is_one_batch(base: Path, tmp_path: Path, adapter: LoRA | None) -> None:
    """1 x 8 = 8 x 1, with packs of another size: three updates, the same weights; and, since Adam
    does not see the gradient's scale, the same loss and gradient norm."""
    found, told = [], []
    for micro, pack in ((8, 1024), (1, 32), (2, 64)):
        settings = {"batch": 8, "micro_batch": micro, "pack_tokens": pack, "adapter": adapter}
        out = tmp_path / str(micro)
        run(base, out, silent, steps=3, learning_rate=1e-3, max_grad_norm=0.05, **settings)
        found.append(weights(out))
        told.append(json.loads((out / "history.json").read_text())[-1])
    for name in ("loss", "grad_norm", "logp/useless", "margin/refusal>harmful"):
        assert [entry[name] for entry in told] == pytest.approx([told[0][name]] * 3, rel=5e-3), name
    start = weights(base) if adapter is None else {n: torch.zeros_like(w) for n, w in found[0].items()}
    for other in found[1:]:
        for name, weight in found[0].items():
            moved = (weight - start[name]).abs().max()
            assert (other[name] - weight).abs().max() <= 0.02 * moved + 1e-7, name


def test_a_run_is_the_same_every_time(base: Path, undisturbed: Path, tmp_path: Path) -> None:
    run(base, tmp_path / "again", silent)
    expected, found = weights(undisturbed), weights(tmp_path / "again")
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_rslora_and_targets_reach_the_adapter(base: Path, tmp_path: Path) -> None:
    adapter = LoRA(rank=3, alpha=5, rslora=True, targets=("q_proj",))
    run(base, tmp_path / "out", silent, steps=1, adapter=adapter)
    config = json.loads((tmp_path / "out" / ADAPTER / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["use_rslora"]) == (3, 5, True)
    assert config["target_modules"] == ["q_proj"]
    assert all("q_proj" in name for name in weights(tmp_path / "out"))


def test_a_loss_that_is_no_number_ends_the_run(base: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match=r"the loss is (nan|inf) .*Lower the learning rate"):
        run(base, tmp_path / "out", silent, adapter=None, learning_rate=1e30, warmup=0)
    assert not (tmp_path / "out" / "planb.json").exists()


def test_a_batch_that_cannot_be_split_is_an_error(base: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match="not a multiple of micro_batch 3"):
        run(base, tmp_path / "out", silent, micro_batch=3)


@pytest.mark.parametrize("field", ["steps", "batch", "learning_rate", "warmup", "micro_batch"])
def test_settings_below_zero_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Training(**{"steps": 1, "learning_rate": 1.0, field: -1})
