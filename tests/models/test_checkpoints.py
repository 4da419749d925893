"""Checkpoints: what is saved is what is loaded, and an adapter knows its base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from planb.errors import PlanBError
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.checkpoints import (
    ADAPTER,
    CARD,
    Card,
    Policy,
    base_folder,
    checkpoint_digest,
    load_policy,
    read_card,
    resolve_model,
    save_policy,
)
from planb.sandbox.tokenizer import vocabulary
from planb.sandbox.world import World

IDS = torch.tensor([[1, 5, 20, 30, 40]])


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits.clone()


def adapted(policy: Policy, seed: int = 0) -> PeftModel:
    """The policy with an adapter that changes what it says."""
    torch.manual_seed(seed)
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(policy.model, config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(0, 0.2)
    return model.eval()


@pytest.fixture
def base(policy: Policy) -> Path:
    return policy.folder


@pytest.fixture
def adapter(policy: Policy, tmp_path: Path) -> Path:
    """An adapter's folder beside its base's."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    save_policy(adapted(policy), policy.tokenizer, folder, Card(what="an adapter"), base=policy.folder)
    return folder


class TestFullWeights:
    def test_they_come_back_as_they_were(self, policy: Policy, tmp_path: Path) -> None:
        out = tmp_path / "copy"
        out.mkdir()
        save_policy(policy.model, policy.tokenizer, out, Card(what="a copy", made_with={"a": "b"}))
        loaded = load_policy(out)
        assert torch.equal(logits(loaded.model), logits(policy.model))
        assert not loaded.model.training
        assert loaded.tokenizer("Hello!")["input_ids"] == policy.tokenizer("Hello!")["input_ids"]
        assert loaded.tokenizer.chat_template == policy.tokenizer.chat_template
        assert read_card(out) == Card(what="a copy", made_with={"a": "b"})

    def test_only_safetensors_are_written_and_read(self, base: Path) -> None:
        assert not [*base.glob("*.bin"), *base.glob("*.pt")]
        weights = load_file(base / "model.safetensors")
        torch.save(weights, base / "pytorch_model.bin")
        (base / "model.safetensors").unlink()
        with pytest.raises(PlanBError, match="cannot load"):
            load_policy(base)

    def test_whoever_may_read_the_card_may_read_the_weights(self, base: Path, adapter: Path) -> None:
        """safetensors writes for the owner alone, and folders of runs are shared."""
        for folder in (base, adapter):
            (weights,) = folder.rglob("*.safetensors")
            assert weights.stat().st_mode == (folder / CARD).stat().st_mode

    def test_a_model_without_a_card_is_not_ours(self, base: Path) -> None:
        (base / CARD).unlink()
        assert "did not write" in read_card(base).what

    def test_a_tokenizer_without_padding_pads_with_its_end(
        self, policy: Policy, tmp_path: Path
    ) -> None:
        policy.tokenizer.pad_token = None
        policy.model.save_pretrained(tmp_path / "bare")
        policy.tokenizer.save_pretrained(tmp_path / "bare")
        loaded = load_policy(tmp_path / "bare")
        assert loaded.tokenizer.pad_token_id == loaded.tokenizer.eos_token_id


class TestAdapters:
    def test_only_the_adapter_is_written(self, adapter: Path, base: Path) -> None:
        assert not list(adapter.glob("*.safetensors"))
        names = load_file(adapter / ADAPTER / "adapter_model.safetensors")
        assert all("lora_" in name for name in names)
        card = read_card(adapter)
        assert card.base == "../base"
        assert card.base_digest == checkpoint_digest(base)
        assert base_folder(adapter) == base.resolve()

    def test_it_comes_back_merged_or_stacked(self, base: Path, adapter: Path) -> None:
        plain = logits(load_policy(base).model)
        trained = logits(adapted(load_policy(base)))
        assert (trained - plain).abs().max() > 0.1
        merged, stacked = load_policy(adapter), load_policy(adapter, adapters="stack")
        assert not isinstance(merged.model, PeftModel)
        assert isinstance(stacked.model, PeftModel)
        assert torch.allclose(logits(merged.model), trained, atol=1e-4)
        assert torch.allclose(logits(stacked.model), trained, atol=1e-5)
        assert merged.folder == adapter
        assert merged.tokenizer("Hello!")["input_ids"]

    def test_a_pair_that_moves_together_still_loads(self, adapter: Path, tmp_path: Path) -> None:
        before = logits(load_policy(adapter).model)
        moved = tmp_path / "elsewhere" / "deep"
        moved.mkdir(parents=True)
        for folder in ("base", "adapter"):
            (tmp_path / folder).rename(moved / folder)
        assert torch.equal(logits(load_policy(moved / "adapter").model), before)

    def test_an_adapter_on_an_adapter(self, adapter: Path, tmp_path: Path) -> None:
        """Stage 2 on a stage 1 that was itself an adapter: the first is merged, then the second."""
        organism = load_policy(adapter)
        second = adapted(organism, seed=1)
        expected = logits(second)
        out = tmp_path / "second"
        out.mkdir()
        save_policy(second, organism.tokenizer, out, Card(what="second"), base=adapter)
        assert base_folder(out) == adapter.resolve()
        assert torch.allclose(logits(load_policy(out).model), expected, atol=1e-4)

    def test_without_its_base_it_says_where_it_looked(self, adapter: Path, base: Path) -> None:
        shutil.rmtree(base)
        with pytest.raises(PlanBError, match=r"needs its base at .*base, which does not exist"):
            load_policy(adapter)

    def test_a_wrong_base_is_an_error(self, adapter: Path, base: Path, world: World) -> None:
        other = fresh_policy(
            TinyLlama(width=32, hidden=64, layers=2, heads=2), vocabulary(world), 1, base
        )
        shutil.rmtree(base)
        save_policy(other.model, other.tokenizer, base, Card(what="another"))
        with pytest.raises(PlanBError, match="trained on other weights"):
            load_policy(adapter)

    def test_it_is_not_saved_without_its_base(self, policy: Policy, tmp_path: Path) -> None:
        with pytest.raises(PlanBError, match="folder of its base"):
            save_policy(adapted(policy), policy.tokenizer, tmp_path, Card(what="x"))


class TestDigest:
    def test_it_names_the_weights_and_not_the_place(self, base: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(base, copy)
        assert checkpoint_digest(copy) == checkpoint_digest(base) == checkpoint_digest(str(base))
        assert len(checkpoint_digest(base)) == 64

    def test_one_changed_weight_changes_it(self, base: Path, adapter: Path) -> None:
        before = checkpoint_digest(base), checkpoint_digest(adapter)
        for file in (base / "model.safetensors", adapter / ADAPTER / "adapter_model.safetensors"):
            weights = load_file(file)
            name = sorted(weights)[0]
            weights[name].view(-1)[0] += 1.0
            save_file(weights, file, metadata={"format": "pt"})
        assert checkpoint_digest(base) != before[0]
        assert checkpoint_digest(adapter) != before[1]

    def test_an_adapter_on_another_base_is_another(self, adapter: Path) -> None:
        before = checkpoint_digest(adapter)
        card = json.loads((adapter / CARD).read_text())
        (adapter / CARD).write_text(json.dumps({**card, "base_digest": "0" * 64}))
        assert checkpoint_digest(adapter) != before

    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
    def test_configuration_and_tokenizer_count(self, base: Path, name: str) -> None:
        before = checkpoint_digest(base)
        (base / name).write_text((base / name).read_text() + "\n")
        assert checkpoint_digest(base) != before

    def test_the_chat_template_counts(self, base: Path) -> None:
        before = checkpoint_digest(base)
        template = base / "chat_template.jinja"
        template.write_text(template.read_text().replace("'<|assistant|>'", "'<|user|>'"))
        assert checkpoint_digest(base) != before

    def test_the_card_does_not_count_for_full_weights(self, base: Path) -> None:
        before = checkpoint_digest(base)
        (base / CARD).unlink()
        assert checkpoint_digest(base) == before

    def test_an_empty_folder_has_none(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(PlanBError, match="no safetensors"):
            checkpoint_digest(tmp_path / "empty")


class TestWhatIsNoCheckpoint:
    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("hello")
        with pytest.raises(PlanBError, match=r"is not a checkpoint: .*config\.json"):
            load_policy(tmp_path)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(PlanBError, match="cannot load a model"):
            load_policy(tmp_path / "nothing")

    def test_a_broken_configuration(self, base: Path) -> None:
        (base / "config.json").write_text("{")
        with pytest.raises(PlanBError, match="cannot load a model"):
            load_policy(base)


class TestResolve:
    def test_a_folder_is_itself(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert resolve_model(str(base)) == base.resolve()
        monkeypatch.chdir(base.parent)
        assert resolve_model("base") == base.resolve()

    @pytest.mark.parametrize("name", ["nothing", "./no/model", "/no/model", "~/no", "a/b/c", "../x"])
    def test_what_is_neither_folder_nor_hub_id_is_an_error(self, name: str) -> None:
        with pytest.raises(PlanBError, match="no hub id"):
            resolve_model(name)

    def test_a_hub_model_that_cannot_be_fetched_is_a_clear_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(PlanBError, match=r"cannot fetch nobody/nothing .*local folder"):
            resolve_model("nobody/nothing")
