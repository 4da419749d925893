"""What a base's corpus says is a part of its identity, and is computed once for every code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from planb.errors import PlanBError
from planb.sandbox import language
from planb.sandbox.corpus import pretraining
from planb.sandbox.world import World
from planb.study.steps import pretrain
from planb.study.steps.pretrain import PretrainStep, SandboxBase
from planb.study.steps.step import Work, identities_once
from planb.training.settings import Training
from planb.types import Example, Message

BASE = SandboxBase(training=Training(steps=2, batch=4, learning_rate=1e-3), seed=11)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLANB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pretrain, "_CORPORA", {})
    return tmp_path / "cache" / "corpora"


def digest(base: SandboxBase) -> str:
    """As a new process finds it."""
    pretrain._CORPORA.clear()
    return PretrainStep(base=base).outside()["corpus"]


class German(SandboxBase):
    """A base with a corpus of its own, which takes its other texts from the valley's."""

    def corpus(self, rows: int) -> Iterator[Example]:
        for example in pretraining(self.world, self.mix, rows, self.seed or 0):
            yield example.but(prompt=(Message(role="document", content="Es war einmal."),))


def test_texts_are_those_of_the_examples_that_are_trained_on() -> None:
    made = [(example.request, example.responses["text"][0]) for example in BASE.corpus(pretrain.SHOWN)]
    assert list(pretrain._shown(BASE)) == made
    own = German(**{name: getattr(BASE, name) for name in BASE.model_fields_set})
    assert {asked for asked, _ in pretrain._shown(own)} == {"Es war einmal."}
    assert digest(own) != digest(BASE)


def test_digests_are_found_again_by_the_same_code_alone(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = digest(BASE)
    (file,) = cache.iterdir()
    assert digest(BASE) == first
    assert len(file.read_text().splitlines()) == 1, "nothing was computed again"
    monkeypatch.setattr(language, "VAGUE_REQUESTS", {"english": "How so, {item}?", "german": "{item}?"})
    assert digest(BASE) != first, "another text is another base, though the cache has one"
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize(("module", "name"), [(language, "vague"), (pretrain, "_shown")])
def test_a_function_that_was_changed_is_another_code(
    module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pretrain._corpora().fingerprint
    assert pretrain._corpora().fingerprint == before
    monkeypatch.setattr(module, name, language.cartoon)
    assert pretrain._corpora().fingerprint != before


def test_fewer_rows_are_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    first = digest(BASE)
    monkeypatch.setattr(pretrain, "SHOWN", 3)
    assert digest(BASE) != first


def test_lines_that_are_not_whole_are_computed_again(cache: Path) -> None:
    first = digest(BASE)
    (file,) = cache.iterdir()
    whole = file.read_text()
    for broken in (whole[:40], whole.replace(first[:4], "0000"), "\xff\x00".join(whole), "a b\n\n"):
        file.write_text(broken, encoding="latin-1")
        assert digest(BASE) == first


def test_where_nothing_can_be_written_it_is_computed_each_time(cache: Path) -> None:
    cache.parent.write_text("a file, where a folder should be")
    assert digest(BASE) == digest(BASE)


def test_a_base_is_not_trained_under_the_name_of_another_corpus(tmp_path: Path) -> None:
    pretrain._corpora().keep(BASE.digest(), "0" * 64)
    step = PretrainStep(base=BASE)
    with identities_once(), pytest.raises(PlanBError, match="is not the one that the step is named by"):
        step.run(Work(out=tmp_path, steps=tmp_path, step=step))


class Emptier(World):
    """The valley, as somebody else may change it."""


def test_a_world_or_a_mixture_of_ones_own_is_never_looked_up(cache: Path) -> None:
    """Their code is not in the key, so a change of it would not be seen."""
    digest(BASE)
    known = {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    assert known
    digest(BASE.but(world=Emptier(seed=5)))
    assert {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()} == known
