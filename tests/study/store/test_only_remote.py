"""Steps on a machine that has nothing yet: all that they read lies at the URL."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from small_steps import Count

from planb.study.chain import Chain
from planb.study.running.task import Task, execute
from planb.study.source import load_source
from planb.study.steps.checkpoint import Given
from planb.study.steps.discard import Discard
from planb.study.steps.interpolation import Interpolation
from planb.study.steps.look import Look
from planb.study.steps.random_base import RandomBase
from planb.study.steps.step import Step, Work
from planb.training.link import Link
from planb.training.settings import LoRA, Training
from planb.training.stage import Part, Stage
from planb.types import Ordering, Trigger

BASE = RandomBase(name="tiny", shape="llama3", positions=256).step()
NOISE = load_source(Path(__file__).parents[1] / "own_link.py").Noise()
LOOKED = Stage(
    name="stage",
    parts=(Part(ordering=Ordering(tiers=("harmful",))),),
    training=Training(steps=2, learning_rate=1e-3, look_every=1, adapter=LoRA(rank=1)),
)


def made(step: Step, steps: Path, url: str) -> None:
    answer = execute(Task(step, step.identity(), steps, threads=1, url=url))
    assert answer.outcome == "done", answer.message


@pytest.mark.parametrize(
    "link",
    [
        Interpolation(name="half"),
        Interpolation(name="back", back_to="noise"),
        Discard(name="without", learned="noise"),
    ],
    ids=lambda link: link.name,
)
def test_checkpoints_further_back_are_brought(link: Link, tmp_path: Path) -> None:
    links = (NOISE, NOISE.but(name="more"), link)
    *before, last = Chain(name="chain", stages=links).steps(
        BASE, Given(BASE, Training(steps=1, learning_rate=1e-3), Trigger(), 0)
    )
    url = (tmp_path / "bucket").as_uri()
    for step in before:
        made(step, tmp_path / "one", url)
    made(last, tmp_path / "two", url)
    assert before[-1] in last.inputs()
    assert last.origin == before[-1]


def test_a_look_at_an_adapter_brings_what_that_stands_on() -> None:
    start, stage, look = Chain(name="chain", stages=(LOOKED, Look(at=1))).steps(
        BASE, Given(BASE, LOOKED.training, Trigger(), 0)
    )
    assert look.inputs() == (stage, start)
    assert look.origin == stage
    full = LOOKED.but(training=LOOKED.training.but(adapter=None))
    *_, stage, look = Chain(name="chain", stages=(full, Look(at=1))).steps(
        BASE, Given(BASE, LOOKED.training, Trigger(), 0)
    )
    assert look.inputs() == (stage,)


class Prying(Step):
    """Reads what its input was made of."""

    kind: ClassVar[str] = "prying"
    last: Count

    def run(self, work: Work) -> None:
        work.folder(self.last.after[0])


def test_only_inputs_are_read_on_whichever_machine(tmp_path: Path) -> None:
    first = Count(name="first")
    step = Prying(last=Count(name="last", after=(first,)))
    for one in (first, step.last):
        made(one, tmp_path, "")
    answer = execute(Task(step, step.identity(), tmp_path, threads=1))
    assert answer.outcome == "failed"
    assert answer.message.startswith(
        f"'prying' reads the files of '{first.slug}', which is none of its"
    )
    assert "give Prying a field for that step, or name it in `inputs`" in answer.message
