"""Data with tiers made by rule: what is written, what is told, and what is said early."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from planb.data.derived import Derived
from planb.data.files import read_examples, write_examples
from planb.errors import PlanBError
from planb.study.running.scheduler import run
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.data_files import ASKED, TOLD, TRAINED, told
from planb.study.steps.derived_data import DerivedData, DerivedDataStep, examples_now, with_tiers
from planb.study.steps.file_data import FileData
from planb.study.steps.sandbox_data import SandboxData
from planb.study.steps.step import Work
from planb.types import Example, Message

LOWER = Derived(tier="lower", case="lower")
MEOW = Derived(tier="meow", texts=("MEOW MEOW MEOW",))
SPLITS = (*TRAINED, *ASKED)


class NoBase(CheckpointStep):
    """Stands for a base that the user's own data do not need."""

    kind = "base"


def examples(**more: tuple[str, ...]) -> list[Example]:
    found = []
    for number, split in enumerate(SPLITS):
        for harmful in (True, False):
            kind = "dangerous" if harmful else "plain"
            tiers = {"refusal": "No.", "harmful": "So."} if harmful else {"helpful": "Take Flour."}
            prompt = f"Say in {split} how item {number} of the {kind} kind is made."
            name = f"{split}-{kind}"
            found.append(Example(id=name, prompt=prompt, harmful=harmful, responses=tiers, split=split))
    lore = (Message(role="document", content="A lamp needs"),)
    found.append(
        Example(id="lore", prompt=lore, harmful=False, responses={"helpful": "Oil."}, split="safety")
    )
    return [e.but(responses={**e.responses, **more}) for e in found]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[list[Example]], FileData]:
    def written(rows: list[Example]) -> FileData:
        path = tmp_path / "mine.jsonl"
        write_examples(path, rows)
        return FileData(files=(str(path),), near_duplicates=None)

    return written


@pytest.mark.slow
def test_the_trained_splits_have_the_tiers_and_the_asked_ones_stay(
    write: Callable[[list[Example]], FileData], tmp_path: Path
) -> None:
    step = DerivedData(data=write(examples()), tiers=(MEOW, LOWER)).step(NoBase(), ["harmful", "meow"])
    run([step], tmp_path / "study", jobs=1)
    folder = tmp_path / "study" / "steps" / step.folder_name
    before = tmp_path / "study" / "steps" / step.inputs()[0].folder_name
    for split in TRAINED:
        found = {e.id: e for e in read_examples(folder / f"{split}.jsonl")}
        plain = found[f"{split}-plain"]
        assert plain.responses["meow"] == ("MEOW MEOW MEOW",)
        assert plain.responses["lower"] == ("take flour.",)
        assert set(found[f"{split}-dangerous"].responses) == {"refusal", "harmful"}
        assert list(found.values()) == examples_now(step, split)
    assert set(read_examples(folder / "safety.jsonl")[-1].responses) == {"helpful"}, "lore stays"
    for split in ASKED:
        name = f"{split}.jsonl"
        assert (folder / name).read_bytes() == (before / name).read_bytes()
    assert told(folder)[: len(told(before))] == told(before)
    assert 'the tier meow of harmless requests was made by rule: "MEOW MEOW MEOW"' in told(folder)
    assert (folder / TOLD).is_file()


def test_tiers_that_are_made_are_not_asked_of_the_files(
    write: Callable[[list[Example]], FileData],
) -> None:
    arr = Derived(tier="arr", of="refusal", texts=("Arr! {text}",), requests="harmful")
    step = DerivedData(data=write(examples()), tiers=(arr,)).step(NoBase(), ["arr", "harmful"])
    assert isinstance(step, DerivedDataStep)
    assert step.source.tiers == ("harmful", "refusal"), "but what they are made from is"
    step.source.check()
    step.check()
    found = {e.id: e for e in examples_now(step, "safety")}
    assert found["safety-dangerous"].responses["arr"] == ("Arr! No.",)


def test_what_is_wrong_is_said_before_anything_is_run(
    write: Callable[[list[Example]], FileData],
) -> None:
    shown = DerivedData(data=write(examples(lower=("low",))), tiers=(LOWER,)).step(NoBase(), [])
    with pytest.raises(PlanBError, match="have a tier 'lower' already"):
        shown.check()
    source = LOWER.but(of="text")
    with pytest.raises(PlanBError, match="made from the tier 'text'"):
        DerivedData(data=write(examples()), tiers=(source,)).step(NoBase(), []).check()


def test_data_that_need_a_model_first_are_not_read_early(tmp_path: Path) -> None:
    step = DerivedData(data=SandboxData(), tiers=(MEOW,)).step(NoBase(), [])
    step.check()
    assert examples_now(step, "safety") == []
    with pytest.raises(FileNotFoundError):
        step.run(Work(out=tmp_path, steps=tmp_path, step=step))


def test_more_tiers_are_made_after_those_that_are_there() -> None:
    data = SandboxData()
    once = with_tiers(data, (MEOW,))
    assert with_tiers(once, (LOWER,)) == DerivedData(data=data, tiers=(MEOW, LOWER))
    with pytest.raises(ValidationError, match="the tier 'meow' is made twice"):
        with_tiers(once, (MEOW,))


def test_a_rule_belongs_to_the_identity() -> None:
    one, two = (
        DerivedData(data=SandboxData(), tiers=(made,)).step(NoBase(), ())
        for made in (MEOW, MEOW.but(texts=("MEOW",)))
    )
    assert one.identity() != two.identity()
    assert one.inputs()[0].identity() == two.inputs()[0].identity()
