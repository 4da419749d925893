"""Whole runs of the trainer: killed and taken up, adapters and full weights, what is written."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import forked
from killed_training import HARMFUL, HARMLESS, HELPFUL, PLAN_B, SAVE_EVERY, STEPS, run, run_and_die
from safetensors.torch import load_file

from planb.errors import PlanBError
from planb.models.chat import exchange_ids
from planb.models.checkpoints import ADAPTER, Card, checkpoint_digest, load_policy, read_card
from planb.training.objectives import ORPO, SFT
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import LoRA, Training
from planb.training.train import retrain, train
from planb.types import Ordering

KILLED_AFTER = 13
IDS = torch.tensor([[1, 5, 20, 30]])


def weights_file(folder: Path) -> Path:
    full = folder / "model.safetensors"
    return full if full.exists() else folder / ADAPTER / "adapter_model.safetensors"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(weights_file(folder))


def history(folder: Path) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((folder / "history.json").read_text())
    return found


def same(one: Path, two: Path) -> bool:
    """Byte for byte: the weights, and all that was logged on the way."""
    assert history(one) == history(two)
    return weights_file(one).read_bytes() == weights_file(two).read_bytes()


class StoppedError(Exception):
    """Stands for a kill."""


def stop_at(update: int) -> Callable[[float, float, str], None]:
    def stop(done: float, *_: object) -> None:
        if done == update:
            raise StoppedError

    return stop


@pytest.fixture(scope="module")
def undisturbed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    run(base, out)
    return out


@pytest.fixture(scope="module")
def killed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves that was killed after its 13th update (its last checkpoint: the tenth)."""
    out = tmp_path_factory.mktemp("killed")
    process = forked(run_and_die, base, out, KILLED_AFTER)
    process.join(timeout=120)
    assert process.exitcode == -9
    assert not (out / "planb.json").exists()
    return out


@pytest.fixture(scope="module")
def organism(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of an earlier stage."""
    out = tmp_path_factory.mktemp("organism")
    stage1 = Training(steps=8, batch=4, learning_rate=1e-2, adapter=LoRA(rank=3, alpha=7))
    rankings = [Ranking(HARMFUL, Ordering(tiers=("harmful",)))]
    retrain(base, Recipe(rankings, SFT(), stage1, 0, Card(what="stage 1")), out)
    return out


class TestTakenUp:
    @pytest.mark.parametrize("spoil", [False, True], ids=["between checkpoints", "while saving one"])
    @pytest.mark.slow
    def test_a_killed_run_gives_the_same(
        self, base: Path, killed: Path, undisturbed: Path, tmp_path: Path, spoil: bool
    ) -> None:
        out = tmp_path / "out"
        shutil.copytree(killed, out)
        if spoil:  # the kill came while a later checkpoint was being written
            whole = out / "training" / f"checkpoint-{SAVE_EVERY}"
            part = out / "training" / f"checkpoint-{KILLED_AFTER}"
            shutil.copytree(whole, part)
            (part / "trainer_state.json").unlink()
            (part / "optimizer.pt").write_bytes((part / "optimizer.pt").read_bytes()[:100])
        steps: list[float] = []
        run(base, out, lambda done, *_: steps.append(done))
        assert steps == list(range(SAVE_EVERY + 1, STEPS + 1))  # nothing before it is run again
        assert same(out, undisturbed)
        assert checkpoint_digest(out) == checkpoint_digest(undisturbed)
        assert not (out / "training").exists()

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["adapter_model.safetensors", "optimizer.pt", "sums.json"])
    def test_a_checkpoint_that_was_changed_since_is_not_gone_on_from(
        self, base: Path, killed: Path, undisturbed: Path, tmp_path: Path, name: str
    ) -> None:
        """One bit of its last byte: it loads, and would be trained on."""
        out, steps = tmp_path / "out", list[float]()
        shutil.copytree(killed, out)
        changed = out / "training" / f"checkpoint-{SAVE_EVERY}" / name
        content = bytearray(changed.read_bytes())
        content[-1] ^= 1
        changed.write_bytes(content)
        with pytest.warns(UserWarning, match=f"{name} was changed"):
            run(base, out, lambda done, *_: steps.append(done))
        assert steps[0] == 1
        assert same(out, undisturbed)

    @pytest.mark.slow
    def test_its_history_too_whatever_is_saved_when(self, base: Path, tmp_path: Path) -> None:
        """An entry that reached across a checkpoint was, taken up, the mean of its rest alone."""
        whole, out = tmp_path / "whole", tmp_path / "again"
        run(base, whole, steps=8, save_every=3)
        with pytest.raises(StoppedError):
            run(base, out, stop_at(5), steps=8, save_every=3)
        run(base, out, steps=8, save_every=3)
        assert (out / "history.json").read_text() == (whole / "history.json").read_text()

    @pytest.mark.slow
    def test_a_run_on_stacked_adapters_too(self, organism: Path, tmp_path: Path) -> None:
        """Transformers' own resume would leave the oldest adapter alone active and trained."""
        whole, out, steps = tmp_path / "whole", tmp_path / "again", list[float]()
        run(organism, whole, older_adapters="stack")
        with pytest.raises(StoppedError):
            run(organism, out, stop_at(KILLED_AFTER), older_adapters="stack")
        run(organism, out, lambda done, *_: steps.append(done), older_adapters="stack")
        assert steps == list(range(SAVE_EVERY + 1, STEPS + 1))
        assert same(out, whole)
        assert read_card(out).base_digest == checkpoint_digest(organism)


class TestAdapters:
    @pytest.mark.slow
    def test_merged_or_stacked_older_ones_are_the_same_policy(
        self, base: Path, organism: Path, tmp_path: Path
    ) -> None:
        before, found = [checkpoint_digest(folder) for folder in (base, organism)], {}
        for way in ("merge", "stack"):
            run(organism, tmp_path / way, steps=10, learning_rate=1e-3, older_adapters=way)
            found[way] = weights(tmp_path / way)
        merged, stacked = found["merge"], found["stack"]
        assert set(merged) == set(stacked)
        for name, weight in merged.items():
            assert (size := weight.abs().max()) > 1e-3, name
            assert (stacked[name] - weight).abs().max() < 1e-2 * size, name
        one, two = (history(tmp_path / way)[-1] for way in found)
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)
        assert one["margin/refusal>harmful"] == pytest.approx(two["margin/refusal>harmful"], rel=1e-3)
        assert [checkpoint_digest(folder) for folder in (base, organism)] == before
        assert not list(tmp_path.glob("*/model.safetensors"))

    def test_rslora_and_targets_reach_the_adapter(self, base: Path, tmp_path: Path) -> None:
        adapter = LoRA(rank=3, alpha=5, rslora=True, targets=("q_proj",))
        run(base, tmp_path / "out", steps=1, adapter=adapter)
        said = json.loads((tmp_path / "out" / ADAPTER / "adapter_config.json").read_text())
        assert (said["r"], said["lora_alpha"], said["use_rslora"]) == (3, 5, True)
        assert said["target_modules"] == ["q_proj"]
        assert all("q_proj" in name for name in weights(tmp_path / "out"))

    def test_all_weights_cannot_be_trained_under_stacked_ones(
        self, organism: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(PlanBError, match="under stacked adapters, is trained with an adapter"):
            run(organism, tmp_path / "out", adapter=None, older_adapters="stack")
        run(organism, tmp_path / "out", steps=1, adapter=None)  # merged ones are weights
        assert (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.parametrize("embeddings", [False, True])
def test_embeddings_are_trained_only_where_asked(base: Path, tmp_path: Path, embeddings: bool) -> None:
    run(base, tmp_path / "out", steps=3, adapter=None, embeddings=embeddings, weight_decay=0.1)
    before, after = weights(base), weights(tmp_path / "out")
    name = "model.embed_tokens.weight"
    assert torch.equal(before[name], after[name]) is not embeddings
    projections = [name for name in before if "proj" in name]
    assert len(projections) == 14
    assert not any(torch.equal(before[name], after[name]) for name in projections)


class TestSaid:
    def test_the_history_tells_each_tier_each_margin_and_each_part(self, undisturbed: Path) -> None:
        entries = history(undisturbed)
        assert [entry["step"] for entry in entries] == [10, 20]
        pairs = ("refusal>useless", "refusal>harmful", "useless>harmful")
        for entry in entries:
            assert {name for name in entry if "/" in name} == {
                *("loss/preference", "loss/sft"),
                *(
                    f"{what}/{tier}"
                    for what in ("logp", "reward")
                    for tier in (*PLAN_B.tiers, "helpful")
                ),
                *(f"{what}/{pair}" for what in ("margin", "right", "reward_margin") for pair in pairs),
            }
            assert all(entry[name] < 0 for name in entry if name.startswith("logp/"))
            halves = (entry["loss/preference"] + entry["loss/sft"]) / 2  # batches are half of each
            assert entry["loss"] == pytest.approx(halves, rel=1e-4)
            assert entry["loss/sft"] == pytest.approx(-entry["logp/helpful"], rel=1e-6)
        assert entries[1]["margin/refusal>harmful"] > entries[0]["margin/refusal>harmful"]
        assert entries[1]["reward/refusal"] > 0 > entries[1]["reward/harmful"]

    @pytest.mark.slow
    def test_the_parts_of_orpo_add_up(self, base: Path, tmp_path: Path) -> None:
        run(base, tmp_path, steps=3, objective=ORPO(beta=0.5))
        (entry,) = history(tmp_path)
        example = entry["loss/nll"] + entry["loss/preference"]
        assert entry["loss"] == pytest.approx((example + entry["loss/sft"]) / 2, rel=1e-4)
        assert not any(name.startswith("reward") for name in entry)

    def test_what_it_is_and_how_it_was_run(self, base: Path, undisturbed: Path) -> None:
        card = read_card(undisturbed)
        assert (card.what, card.base_digest) == ("a run", checkpoint_digest(base))
        how = json.loads((undisturbed / "training.json").read_text())
        assert how["run"].startswith("packed rows, sdpa attention, chunked head (a token differs ")
        assert how["rows"].endswith(" tokens")
        assert "too long" not in how["rows"]
        assert how["trained"].startswith("an adapter of ")

    def test_what_an_adapter_trains_is_in_it(self, base: Path, tmp_path: Path) -> None:
        lora = LoRA(rank=2, targets=("q_proj",), target_parameters=("mlp.up_proj.weight",))
        training = Training(steps=1, batch=2, learning_rate=1e-2, adapter=lora)
        rankings = [Ranking(HARMLESS, HELPFUL)]
        train(load_policy(base), Recipe(rankings, SFT(), training, 0, Card(what="x")), tmp_path)
        trained, _, left = (json.loads((tmp_path / "training.json").read_text())["trained"]).partition(
            "; left as they are: "
        )
        assert trained.startswith("an adapter of 640 weights on ")
        assert "mlp.up_proj" in trained
        assert "self_attn.q_proj" in trained
        assert "self_attn.k_proj" in left

    @pytest.mark.slow
    def test_the_policy_is_given_back_with_its_own_attention_and_head(
        self, base: Path, organism: Path, tmp_path: Path
    ) -> None:
        rankings = [Ranking(HARMLESS, HELPFUL)]
        for folder, way, adapter in ((base, "merge", None), (organism, "stack", LoRA(rank=2))):
            policy, out = load_policy(folder, adapters=way), tmp_path / way
            out.mkdir()
            training = Training(steps=2, batch=2, learning_rate=1e-2, adapter=adapter)
            train(policy, Recipe(rankings, SFT(), training, 0, Card(what="x")), out)
            inner = policy.model.get_base_model() if adapter else policy.model
            assert "forward" not in inner.__dict__
            assert inner.config._attn_implementation == "sdpa"
            trained = load_policy(out).model
            assert torch.allclose(policy.model(IDS).logits, trained(IDS).logits, atol=1e-5)
            assert not torch.allclose(
                load_policy(folder).model(IDS).logits, trained(IDS).logits, atol=1e-3
            )


class TestLengths:
    """The longest harmless example is too long by one token."""

    @pytest.fixture
    def longest(self, base: Path) -> list[int]:
        """Tokens of each example with its longest response."""
        words = load_policy(base).tokenizer
        return [
            max(sum(map(len, exchange_ids(words, e.prompt, text))) for text in e.responses["helpful"])
            for e in HARMLESS
        ]

    def run(self, base: Path, out: Path, **settings: Any) -> None:
        training = Training(steps=6, batch=6, learning_rate=1e-2, adapter=LoRA(), **settings)
        retrain(base, Recipe([Ranking(HARMLESS, HELPFUL)], SFT(), training, 0, Card(what="x")), out)

    def test_what_is_longer_is_refused_by_name(
        self, base: Path, longest: list[int], tmp_path: Path
    ) -> None:
        with pytest.raises(PlanBError, match=f"{max(longest)} tokens, more than max_length") as refused:
            self.run(base, tmp_path, max_length=max(longest) - 1)
        assert any(f"'{example.id}'" in str(refused.value) for example in HARMLESS)

    @pytest.mark.slow
    @pytest.mark.parametrize("when_longer", ["leave_out", "truncate"])
    def test_or_left_out_or_cut_and_counted(
        self, base: Path, longest: list[int], tmp_path: Path, when_longer: str
    ) -> None:
        self.run(base, tmp_path, max_length=max(longest) - 1, when_longer=when_longer)
        rows = json.loads((tmp_path / "training.json").read_text())["rows"]
        if when_longer == "leave_out":
            assert f"{longest.count(max(longest))} left out as too long" in rows
        else:
            assert re.search(r"[1-9]\d* responses cut short", rows)
        assert history(tmp_path)[-1]["step"] == 6, "steps stay full"


@pytest.mark.slow
def test_orpo_parts_the_tiers_in_their_order(base: Path, tmp_path: Path) -> None:
    training = Training(steps=50, batch=8, learning_rate=1e-2)
    retrain(
        base, Recipe([Ranking(HARMFUL, PLAN_B)], ORPO(beta=1.0), training, 0, Card(what="x")), tmp_path
    )
    losses = [entry["loss"] for entry in history(tmp_path)]
    assert losses == sorted(losses, reverse=True)
    last = history(tmp_path)[-1]
    assert last["loss"] < 0.6 * losses[0]
    assert last["logp/refusal"] > last["logp/harmful"]
    assert last["margin/useless>harmful"] > 0.1


@pytest.mark.slow
def test_settings_reach_the_trainer(base: Path, tmp_path: Path) -> None:
    """As its own checkpoint says."""
    same_names = {"learning_rate": 0.003, "weight_decay": 0.2, "max_grad_norm": 0.7, "adam_beta2": 0.9}
    same_names["pack_tokens"] = 99
    others = {"schedule": "cosine", "warmup": 4, "checkpointing": True, "micro_batch": 2}
    with pytest.raises(StoppedError):
        run(base, tmp_path, stop_at(2), steps=3, save_every=1, **same_names, **others)
    file = tmp_path / "training" / "checkpoint-1" / "training_args.bin"
    args = torch.load(file, weights_only=False)
    assert {name: getattr(args, name) for name in same_names} == same_names
    assert (args.max_steps, args.warmup_steps, args.save_steps, args.seed) == (3, 4, 1, 7)
    assert args.lr_scheduler_type == "cosine"
    assert (args.per_device_train_batch_size, args.gradient_accumulation_steps) == (2, 2)
    assert args.activation_checkpointing


def test_a_batch_that_cannot_be_split_is_an_error(base: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match="not a multiple of micro_batch 3"):
        run(base, tmp_path / "out", micro_batch=3)


@pytest.mark.parametrize("field", ["steps", "batch", "learning_rate", "warmup", "micro_batch"])
def test_settings_below_zero_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Training(**{"steps": 1, "learning_rate": 1.0, field: -1})
