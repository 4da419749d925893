"""Tables that are open to packages and to files of one's own: what is found, and what is refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planb import catalogue
from planb.catalogue import Catalogue, function, load_source, subclass_of, value_named, value_of
from planb.errors import PlanBError
from planb.evals.tasks import ALL_TASKS
from planb.judging import JUDGES
from planb.studies import STUDIES
from planb.training.objectives import DPO, ORPO, Objective
from planb.types import Trigger

LOSSES: Catalogue[type[Objective]] = Catalogue(
    "objective", "planb.objectives", subclass_of(Objective), {"dpo": DPO, "orpo": ORPO}
)
ENTRIES = """
[planb.objectives]
halved = halved.losses:Halved
dpo = halved.losses:Halved
twice = halved.losses:Halved
broken = halved.nowhere:Halved
number = halved.losses:NUMBER
"""
LOSS = """
from planb.training.objectives import DPO
NUMBER = 7
class Halved(DPO):
    beta: float = 0.05
"""


def installed(site: Path, name: str, entries: str) -> None:
    """The metadata that an installer writes."""
    about = site / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entries)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two packages; the second takes a name of the first."""
    site = tmp_path / "site"
    installed(site, "halved", ENTRIES)
    installed(site, "other", "[planb.objectives]\ntwice = other:Twice\n")
    (site / "halved").mkdir()
    (site / "halved" / "losses.py").write_text(LOSS)
    monkeypatch.syspath_prepend(str(site))
    catalogue._declared.cache_clear()
    catalogue._points.cache_clear()
    yield
    catalogue._declared.cache_clear()
    catalogue._points.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "halved"]:
        del sys.modules[name]


@pytest.mark.parametrize("spec", ["dpo", {"name": "dpo"}, {"name": "dpo", "beta": 0.1}])
def test_a_value_by_name_with_fields(spec: Any) -> None:
    assert value_named(spec, LOSSES) == DPO(beta=0.1)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "ppo",
            r"no objective is called 'ppo'\. Did you mean 'dpo'\? There are: dpo, orpo; one of your",
        ),
        ({"beta": 0.1}, "no objective is called ''"),
        (
            {"name": "dpo", "beta": "much", "gamma": 1},
            "these are no fields of the objective 'dpo': beta: .*number.*; gamma: .*not permitted",
        ),
        ("planb.judging:Exact", "is no objective: it must be a subclass of Objective"),
        ("planb.judging:Exakt", "cannot be found .*Exakt"),
        ("no_such_module:Loss", "cannot be found .*no_such_module"),
        ("no/such/file.py:Loss", "there is no file .*no/such/file.py"),
        (":Loss", "cannot be found"),
        ("json:", "cannot be found"),
    ],
)
def test_what_names_no_value_is_refused_in_one_line(spec: Any, said: str) -> None:
    with pytest.raises(PlanBError, match=said) as refused:
        value_named(spec, LOSSES)
    assert "\n" not in str(refused.value)


def test_each_kind_of_table_says_what_an_entry_must_be() -> None:
    values: Catalogue[Trigger] = Catalogue(
        "trigger", "planb.none", value_of(Trigger), {"it": Trigger()}
    )
    functions: Catalogue[Any] = Catalogue("task", "planb.none", function, {})
    assert values["it"] == Trigger()
    assert functions["json:loads"]
    with pytest.raises(PlanBError, match="is no trigger: it must be a Trigger"):
        values["json:loads"]
    with pytest.raises(PlanBError, match="is no task: it must be a function"):
        functions["planb.types:Trigger"]


@pytest.mark.usefixtures("packages")
def test_packages_add_to_a_table_and_are_loaded_when_they_are_asked_for() -> None:
    assert list(LOSSES) == ["dpo", "orpo", "broken", "halved", "number", "twice"]
    assert "halved" in LOSSES
    assert "halved.losses" not in sys.modules, "the names alone import nothing"
    kind = LOSSES["halved"]
    assert value_named({"name": "halved"}, LOSSES) == kind()
    assert LOSSES.name_of(kind, "halved") == "halved"
    assert LOSSES.name_of(kind, "dpo") == "halved.losses:Halved", "the name of another"
    assert LOSSES.name_of(DPO, "dpo") == "dpo"
    assert LOSSES.get("nobodys") is None


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "dpo",
            r"'dpo' is declared by planb itself and by the package halved: .*'module:name' \(halved",
        ),
        ("twice", "'twice' is declared by the package halved and by the package other"),
        (
            "broken",
            "'broken' of the package halved cannot be loaded from halved.nowhere:Halved: Module",
        ),
        ("number", "'number' of the package halved is no objective: it must be a subclass"),
    ],
)
def test_a_packages_faults_are_told_when_its_entry_is_asked_for(name: str, said: str) -> None:
    assert LOSSES["orpo"] is ORPO, "what is not broken works beside it"
    with pytest.raises(PlanBError, match=said):
        LOSSES[name]


@pytest.mark.parametrize("table", [JUDGES, ALL_TASKS, STUDIES], ids=lambda table: table.what)
def test_planbs_own_tables_are_literal_and_open(table: Catalogue[Any]) -> None:
    assert list(table)[: len(table.own)] == list(table.own)
    assert table.group.startswith("planb.")
    with pytest.raises(PlanBError, match="of your own is"):
        table["nothing of that name"]


# -- files of one's own ----------------------------------------------------------------------------

OWN = "class Own:\n    where = __name__\n"


def own(path: Path, text: str = OWN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _nothing_stays_loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name in catalogue._LOADED:
            del sys.modules[name], catalogue._LOADED[name]


def test_a_file_is_loaded_once_under_its_own_name_wherever_it_lies(tmp_path: Path) -> None:
    path = own(tmp_path / "deep" / "my_losses.py")
    module = load_source(path)
    assert module.Own.where == "my_losses"
    assert load_source(path) is module
    assert catalogue._imported("my_losses:Own", "loss") is module.Own
    assert catalogue._imported(f"{path}:Own", "loss") is module.Own


def test_a_file_with_the_name_of_another_module_gets_a_number(tmp_path: Path) -> None:
    names = [load_source(own(tmp_path / at / "my_loss.py")).__name__ for at in ("a", "b", "c")]
    assert names == ["my_loss", "my_loss_2", "my_loss_3"]
    assert load_source(own(tmp_path / "json.py")).__name__ == "json_2"
    assert load_source(own(tmp_path / "d" / "this.py")).__name__ == "this_2", (
        "not imported, but importable"
    )
    assert load_source(own(tmp_path / "my-loss.v2.py")).__name__ == "my_loss_v2"


def test_another_process_finds_the_same_classes_under_the_same_names(tmp_path: Path) -> None:
    """What the workers do: load the files that were loaded here, then unpickle."""
    made = [load_source(own(tmp_path / at / "my_loss.py")).Own for at in ("a", "b")]
    code = (
        "import pickle, sys; from planb.catalogue import load_sources\n"
        "load_sources(pickle.load(sys.stdin.buffer))\n"
        "print([own.where for own in pickle.load(sys.stdin.buffer)])"
    )
    sources = {name: path for name, path in catalogue.loaded_sources().items() if "my_loss" in name}
    sent = pickle.dumps(dict(reversed(sources.items()))) + pickle.dumps(made)
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=False)
    assert done.stdout.decode().strip() == "['my_loss', 'my_loss_2']", done.stderr.decode()


def test_a_file_that_fails_leaves_nothing_and_says_where(tmp_path: Path) -> None:
    path = own(tmp_path / "my_fault.py", "x = 1\ny = x / 0\n")
    with pytest.raises(PlanBError, match=r"my_fault.py, line 2: ZeroDivisionError"):
        load_source(path)
    assert "my_fault" not in sys.modules
    path.write_text(OWN)
    assert load_source(path).Own.where == "my_fault"
