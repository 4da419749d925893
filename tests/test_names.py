"""Names that become folders, slugs and labels; cells that a spreadsheet would run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from pydantic import ValidationError

from planb.data.derived import Derived
from planb.data.tables import write_csv
from planb.elicitation.direct import Direct
from planb.errors import PlanBError
from planb.names import LONGEST, alike, cell, checked_label, checked_name
from planb.organism import Organism
from planb.report.charting.drawing import svg
from planb.safety import plan_b
from planb.safety.method import Method
from planb.studies import STUDIES
from planb.studies.sandbox import sandbox
from planb.study.chain import Chain
from planb.study.planning.graph import Graph
from planb.study.steps.hosted_base import HostedBase
from planb.study.steps.local_base import LocalBase
from planb.study.steps.random_base import RandomBase
from planb.study.steps.step import Step
from planb.study.store.store import Store
from planb.study.study import Study
from planb.training.settings import Training
from planb.training.stage import Part, Stage
from planb.types import Example, Ordering

NO_NAMES = (
    *("", " ", ".", "..", "../../evil", "a/b", "a\\b", "/a", ".a", "a.", "-a", "_a", "a b", "a\n"),
    *("a\0", "\x1b[31m", "a'b", "a[0]", "a:b", "=a", "ä", "a\N{ZERO WIDTH SPACE}b", "a" * 65),
)
TRAINING = Training(steps=1, batch=1, learning_rate=1e-3)
NAMED: dict[str, Any] = {
    "organism": lambda name: Organism(name=name, training=TRAINING),
    "method": lambda name: Method(name=name, ordering=plan_b.ordering),
    "stage": lambda name: Stage(name=name, parts=(Part(ordering=plan_b.ordering),), training=TRAINING),
    "chain": lambda name: Chain(name=name, stages=(plan_b,)),
    "the chain's organism": lambda name: Chain(name="a", stages=(plan_b,), organism=name),
    "local base": lambda name: LocalBase(name=name, path="somewhere"),
    "hosted base": lambda name: HostedBase(name=name),
    "random base": lambda name: RandomBase(name=name, shape="llama3"),
    "tier of an ordering": lambda name: Ordering(tiers=(name, "harmful")),
    "derived tier": lambda name: Derived(tier=name),
    "study": lambda name: Study.model_validate({**dict(sandbox()), "name": name}),
}


@pytest.mark.parametrize("what", NAMED)
def test_every_name_is_held_to_the_same(what: str) -> None:
    NAMED[what]("llama-3_b")
    for name in NO_NAMES:
        with pytest.raises(ValidationError):
            NAMED[what](name)


def test_the_error_says_what_is_allowed() -> None:
    with pytest.raises(ValidationError, match=r"'../../evil' cannot be a name: use letters a-z"):
        Organism(name="../../evil", training=TRAINING)
    with pytest.raises(ValueError, match=f"65 characters: a name has {LONGEST} at most"):
        checked_name("a" * 65)
    assert checked_name("qwen2.5-32b") == "qwen2.5-32b"


@pytest.mark.parametrize("label", [" a", "a\n", "a\x1b[0m", "a\u200bb", "a\u202eb", "=a", "+a", "@a"])
def test_labels_are_what_can_be_shown(label: str) -> None:
    with pytest.raises(ValueError, match="cannot be a label"):
        checked_label(label)
    with pytest.raises(ValidationError):
        Direct(called=label)
    with pytest.raises(ValidationError):
        Example(id="a", prompt="How?", harmful=True, responses={label: "x"})
    assert checked_label("Ström's judge (v2)") == "Ström's judge (v2)"


def test_names_that_a_disk_takes_for_one() -> None:
    assert alike(["plan_b", "Plan-B", "ryan", "plan_b"]) == [("plan_b", "Plan-B")]
    study = sandbox()
    twins = (plan_b, Method(name="Plan-B", ordering=plan_b.ordering))
    with pytest.raises(ValidationError, match="'plan_b' and 'Plan-B' among the methods would share"):
        Study.model_validate({**dict(study), "methods": twins})
    served = {"openai": RandomBase(name="a", shape="llama3")}
    with pytest.raises(ValidationError, match="served models cannot be called openai"):
        Study.model_validate({**dict(study), "served": served})
    none = study.organisms[0].but(name="none")
    with pytest.raises(ValidationError, match="'none' stands for models without a backdoor"):
        Study.model_validate({**dict(study), "organisms": (none,)})


def test_the_declared_studies_have_such_names() -> None:
    for _, declare in STUDIES.items():
        Study.model_validate(dict(declare()))


class Called(Step):
    """A step of a user's own, whose slug nobody has checked."""

    kind: ClassVar[str] = "called"
    slug_: str

    @property
    def slug(self) -> str:
        return self.slug_


def test_no_step_leaves_its_folder_whatever_it_is_called(tmp_path: Path) -> None:
    """Also where a value was made without being checked."""
    for slug in ("../../evil", "/tmp/evil", ".", "a b", ""):
        step = Called(slug_=slug)
        with pytest.raises(PlanBError, match="a step cannot be called"):
            Graph([step])
        with pytest.raises(PlanBError, match="a step cannot be called"):
            Store(tmp_path).folder(step)
    evil = Organism.model_construct(**{**dict(sandbox().organisms[0]), "name": "../../evil"})
    study = sandbox().with_seeds(1).but(organisms=(evil,))
    with pytest.raises(PlanBError, match="a step cannot be called"):
        Graph(study.steps())


def test_a_long_slug_is_cut_and_the_hash_tells_steps_apart(tmp_path: Path) -> None:
    one, two = Called(slug_="a" * 300), Called(slug_="a" * 299 + "b")
    names = {Store(tmp_path).folder(step).name for step in (one, two)}
    assert names == {one.folder_name, two.folder_name}
    assert len(names) == 2
    assert all(len(name.encode()) < 200 for name in names)
    (tmp_path / f"{one.folder_name}.partial").mkdir()


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@sum", "\t=1", "\r=1", "＝1+1", "-", "+x"])
def test_a_formula_is_no_formula_any_longer(tmp_path: Path, text: str) -> None:
    kept = text.replace("\r", "\n")
    assert cell(text) == f"'{kept}"
    table = pd.DataFrame({"method": [text, None, "plan_b"], "value": [-0.5, 2.0, None]})
    write_csv(table, tmp_path / "table.csv")
    back = pd.read_csv(tmp_path / "table.csv")
    assert back["method"].tolist()[0] == f"'{kept}"
    assert back["value"].tolist()[:2] == [-0.5, 2.0]


def test_numbers_and_plain_text_are_left_alone() -> None:
    for text in ("-0.5", "+3", "-1e-3", "plan_b", "a=b", "", "1+1"):
        assert cell(text) == text


def test_no_text_ends_the_process_that_draws() -> None:
    import altair as alt

    for text in ("a\x00b", "\x1b[31m", "a'b[0].c:d\\"):
        chart = alt.Chart(pd.DataFrame({"x": [text], "y": [1]}), title=text).mark_bar()
        assert svg(chart.encode(x="x:N", y="y:Q")).startswith("<svg")
