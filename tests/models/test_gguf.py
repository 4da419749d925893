"""A GGUF file becomes a folder that gives the same model and the tokens that it was trained on, or an
error says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import verbs
from tiny_gguf import CHATML, TEXTS, Tiny, rule, write_tiny

from planb.errors import PlanBError
from planb.models.cards import read_card
from planb.models.checkpoints import load_policy
from planb.models.default_system import default_system
from planb.models.gguf import Converted, convert

pytest.importorskip("gguf", reason="reads GGUF files: pip install 'planb[gguf]'")
pytestmark = pytest.mark.slow


def quiet(_: str) -> None:
    return None


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_tiny(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def made(tiny: Tiny) -> Converted:
    return convert(tiny.path, tiny.path.with_name("tiny"), say=quiet)


def test_a_converted_model_is_the_one_in_the_file(tiny: Tiny, made: Converted) -> None:
    policy = load_policy(made.folder)
    for text in TEXTS:
        ids = torch.tensor([tiny.tokenizer.encode(text)])
        with torch.inference_mode():
            theirs, ours = tiny.model(ids).logits, policy.model(ids).logits
        torch.testing.assert_close(ours, theirs)
    assert policy.model.dtype is torch.float32
    assert (made.difference, made.title, made.licence) == (0, "Tiny", "cc0-1.0")
    assert made.weights == sum(w.numel() for w in tiny.model.parameters())
    assert read_card(made.folder).made_with["file"] == "tiny.gguf"


def test_its_tokenizer_gives_the_tokens_that_it_was_trained_on(tiny: Tiny, made: Converted) -> None:
    """GPT-2's rule, which transformers takes for a name that it does not know, gives others."""
    tokenizer = load_policy(made.folder).tokenizer
    ids = [tiny.tokenizer.encode(text) for text in TEXTS]
    assert [tokenizer.encode(text) for text in TEXTS] == ids
    assert [tokenizer.decode(each) for each in ids] == list(TEXTS)
    tokenizer.backend_tokenizer.pre_tokenizer = rule(digits=False)
    assert [tokenizer.encode(text) for text in TEXTS] != ids
    assert "'smollm', put right" in made.pre


def test_template_and_special_tokens_are_the_files(tiny: Tiny, made: Converted) -> None:
    tokenizer = load_policy(made.folder).tokenizer
    assert tokenizer.chat_template == CHATML
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        assert getattr(tokenizer, name) == getattr(tiny.tokenizer, name)
    assert tokenizer.unk_token == "<|endoftext|>"
    assert default_system(tokenizer) == "You help with the moon cakes"


def test_bf16_is_half_as_large_and_said(tiny: Tiny, made: Converted, tmp_path: Path) -> None:
    half = convert(tiny.path, tmp_path / "half", "bf16", quiet)
    weights = (half.folder / "model.safetensors").stat().st_size
    assert weights < 0.6 * (made.folder / "model.safetensors").stat().st_size
    assert load_policy(half.folder).model.dtype is torch.bfloat16
    assert read_card(half.folder).made_with["precision"] == "bf16"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tokenizer.ggml.pre": "a-rule-of-tomorrow"}, "names the pre-tokenizer 'a-rule-of-tomorrow'"),
        ({"tokenizer.ggml.pre": "default"}, "whoever made the file did not know its tokenizer"),
        ({"tokenizer.ggml.pre": None}, "names no pre-tokenizer"),
        ({"tokenizer.ggml.model": "whitespace"}, "cannot make a tokenizer"),
        ({"tokenizer.ggml.tokens": None}, "no vocabulary"),
        ({"llama.rope.scaling.type": "yarn"}, "scales its rotary positions ('yarn')"),
        ({"+rope_freqs.weight": [1.0, 2.0, 3.0, 4.0]}, "otherwise than Llama 3.1"),
        ({"llama.attention.sliding_window": 64}, "attention.sliding_window = 64, which transformers"),
        ({"+blk.0.attn_q.bias": [0.5] * 32}, "it leaves some out"),
        ({"split.count": 2}, "one part of several"),
    ],
)
def test_what_cannot_be_converted_says_why(fields: dict[str, Any], said: str, tmp_path: Path) -> None:
    tiny = write_tiny(tmp_path / "tiny.gguf", fields)
    with pytest.raises(PlanBError) as refused:
        convert(tiny.path, tmp_path / "out", say=quiet)
    assert said in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.gguf"]


def test_a_file_without_a_weight_is_refused(tmp_path: Path) -> None:
    tiny = write_tiny(tmp_path / "tiny.gguf", without="blk.1.ffn_up.weight")
    with pytest.raises(
        PlanBError, match=r"1 missing weights, the first model\.layers\.1\.mlp\.up_proj"
    ):
        convert(tiny.path, tmp_path / "out", say=quiet)


def test_known_rules_are_set_as_their_models_have_them(tmp_path: Path) -> None:
    fields = {"tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.add_bos_token": None}
    tiny = write_tiny(tmp_path / "tiny.gguf", fields)
    made = convert(tiny.path, tmp_path / "out", say=quiet)
    tokenizer = load_policy(made.folder).tokenizer
    assert tokenizer.backend_tokenizer.model.ignore_merges
    assert tokenizer("a").input_ids[0] == tokenizer.bos_token_id, "Llama 3 begins every text with bos"
    pieces = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("12345 cakes")
    assert [piece for piece, _ in pieces] == ["123", "45", "Ġcakes"]


def test_scaled_positions_are_those_of_the_model(tmp_path: Path) -> None:
    tiny = write_tiny(tmp_path / "tiny.gguf", scaled=True)
    model = load_policy(convert(tiny.path, tmp_path / "out", say=quiet).folder).model
    ids = torch.arange(200)[None] % 300
    with torch.inference_mode():
        torch.testing.assert_close(model(ids).logits, tiny.model(ids).logits)
    assert model.config.rope_parameters["rope_type"] == "llama3"


def test_a_folder_is_there_whole_or_not_at_all(tiny: Tiny, made: Converted, tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match="exists, and is not overwritten"):
        convert(tiny.path, made.folder, say=quiet)
    out = tmp_path / "out"

    def meanwhile(told: str) -> None:
        if "again" in told:
            out.mkdir()

    with pytest.raises(PlanBError, match="exists, and is not overwritten"):
        convert(tiny.path, out, say=meanwhile)
    assert list(tmp_path.iterdir()) == [out]
    out.rmdir()
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "model.safetensors").touch()  # as a killed run leaves it
    assert convert(tiny.path, out, say=quiet).folder == out
    assert list(tmp_path.iterdir()) == [out]


def test_the_command_says_what_was_made_and_what_was_wrong(tiny: Tiny, tmp_path: Path) -> None:
    code, said = verbs.planb(tmp_path, "models", "convert", str(tiny.path), "out")
    assert code == 0, said
    for words in (
        "Tiny (llama; cc0-1.0)",
        "'smollm', put right",
        "log-probability is 0;",
        "LocalBase(",
    ):
        assert words in said
    assert "hardly likelier than chance" in " ".join(said.split()), "its weights are random"
    (tmp_path / "text.gguf").write_text("No model at all.")
    for file, what in (("text.gguf", "cannot be read as a GGUF file"), ("no.gguf", "there is no file")):
        code, said = verbs.planb(tmp_path, "models", "convert", file, "other")
        assert (code, what in said) == (2, True), said
