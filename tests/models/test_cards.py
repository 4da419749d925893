"""What an adapter's folder says: the same bytes wherever it was trained, and the base that it needs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers as hf
from peft import AutoPeftModelForCausalLM, PeftModel
from stages import apart, logits, lora, stage, three_stages

from planb.errors import PlanBError
from planb.models.adapters import add_adapter
from planb.models.checkpoints import (
    ADAPTER,
    Card,
    Policy,
    base_folder,
    checkpoint_digest,
    load_policy,
    read_card,
    save_policy,
)


@pytest.fixture
def llama(policy: Policy) -> Path:
    """Its embeddings are tied to its head."""
    return policy.folder


class TestWhatIsWritten:
    @pytest.mark.slow
    def test_the_same_training_in_two_places_gives_the_same_bytes(self, llama: Path) -> None:
        for place in ("here", "far/away"):
            copy = llama.parent / place / "base"
            shutil.copytree(llama, copy)
            three_stages(copy)
        for name in ("stack0", "stack1", "stack2"):
            one, two = llama.parent / "here" / name, llama.parent / "far" / "away" / name
            files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
            names = [f"{ADAPTER}/adapter_config.json", f"{ADAPTER}/adapter_model.safetensors"]
            assert [*map(str, files)] == [*names, "planb.json"]
            assert all((one / file).read_bytes() == (two / file).read_bytes() for file in files)
            assert checkpoint_digest(one) == checkpoint_digest(two)
            assert str(llama.parent) not in (one / names[0]).read_text()

    def test_where_the_base_lies_is_no_part_of_the_digest(self, llama: Path) -> None:
        deep = llama.parent / "far" / "away" / "one"
        stage(0, llama, deep)
        stage(0, llama, llama.parent / "one")
        assert read_card(deep).base != read_card(llama.parent / "one").base
        assert checkpoint_digest(deep) == checkpoint_digest(llama.parent / "one")

    @pytest.mark.parametrize("content", [b"{", b"\xff", b'{"what": 3}', b"[]"])
    def test_a_damaged_card_is_said(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "planb.json").write_bytes(content)
        with pytest.raises(PlanBError, match="is not a checkpoint card: "):
            read_card(tmp_path)

    def test_targets_stand_in_order(self, llama: Path) -> None:
        """PEFT writes a set as it comes, which differs between processes."""
        stage(0, llama, llama.parent / "one")
        config = json.loads((llama.parent / "one" / ADAPTER / "adapter_config.json").read_text())
        assert config["target_modules"] == sorted(config["target_modules"])
        assert len(config["target_modules"]) > 1

    def test_a_user_of_peft_can_load_it(self, llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = llama.parent / "one"
        ours = stage(0, llama, folder)
        plain = hf.AutoModelForCausalLM.from_pretrained(llama)
        theirs = PeftModel.from_pretrained(plain, folder / ADAPTER)
        assert torch.equal(logits(theirs), logits(ours))
        monkeypatch.chdir(folder)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        assert torch.equal(logits(AutoPeftModelForCausalLM.from_pretrained(ADAPTER)), logits(ours))

    @pytest.mark.slow
    def test_a_base_with_fewer_adapters_is_an_error(self, llama: Path, tmp_path: Path) -> None:
        stage(0, llama, llama.parent / "one")
        policy = load_policy(llama.parent / "one", adapters="stack")
        model = add_adapter(policy.model, lora())
        with pytest.raises(PlanBError, match="1 adapters below the newest, and its base has 0"):
            save_policy(model, policy.tokenizer, tmp_path / "x", Card(what="x"), base=llama)


class TestAHubBase:
    COMMIT = "0123456789" * 4

    @pytest.fixture
    def snapshot(self, llama: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The model as the hub's cache holds it; the hub itself is out of reach."""
        folder = llama.parent / "cache" / "models--someone--tiny" / "snapshots" / self.COMMIT
        shutil.copytree(llama, folder)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(llama.parent / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        return folder

    def test_it_is_named_by_its_id_and_commit_wherever_the_adapter_lies(
        self, snapshot: Path, tmp_path: Path
    ) -> None:
        live = stage(0, snapshot, tmp_path / "one")
        card = read_card(tmp_path / "one")
        assert (card.base, card.base_revision) == ("someone/tiny", self.COMMIT)
        config = json.loads((tmp_path / "one" / ADAPTER / "adapter_config.json").read_text())
        assert (config["base_model_name_or_path"], config["revision"]) == ("someone/tiny", self.COMMIT)
        (tmp_path / "far").mkdir()
        (tmp_path / "one").rename(tmp_path / "far" / "one")
        assert base_folder(tmp_path / "far" / "one") == snapshot
        assert apart(load_policy(tmp_path / "far" / "one").model, live) < 5e-6

    def test_an_id_is_loaded_as_the_snapshot_that_it_names(self, snapshot: Path) -> None:
        refs = snapshot.parent.parent / "refs"
        refs.mkdir()
        (refs / "main").write_text(self.COMMIT)
        policy = load_policy("someone/tiny")
        assert policy.folder == snapshot
        assert policy.checkpoint == checkpoint_digest(snapshot)

    def test_other_weights_and_none_are_errors(self, snapshot: Path, tmp_path: Path) -> None:
        stage(0, snapshot, tmp_path / "one")
        (snapshot / "config.json").write_text((snapshot / "config.json").read_text() + "\n")
        with pytest.raises(PlanBError, match="trained on other weights"):
            load_policy(tmp_path / "one")
        shutil.rmtree(snapshot)
        with pytest.raises(PlanBError, match="cannot fetch someone/tiny"):
            load_policy(tmp_path / "one")
