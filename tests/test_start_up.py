"""What is looked at often starts fast: by the modules that it loads, which no busy machine changes."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest
from verbs import planb

from planb.cli.options import uncollected
from planb.studies import STUDIES, Declaration, title_of

HEAVY = ("torch", "transformers", "peft", "numpy", "pandas", "pyarrow", "scipy", "inspect_ai", "altair",
         "openai", "datasets", "jinja2", "sklearn", "yaml", "tomllib", "ray")  # fmt: skip
RUNS_STEPS = ("multiprocessing", "asyncio", "filelock", "concurrent.futures", "rich.progress")
CODE = """
import json, sys
from planb.cli import main
sys.argv = ["planb", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    code = ended.code
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=False, timeout=60
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert not code, done.stderr
    return set(modules)


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--help",), ("list",), ()])
def test_no_library_is_loaded_for_a_look(words: tuple[str, ...]) -> None:
    modules = loaded(*words)
    assert not modules & {*HEAVY, *RUNS_STEPS}
    assert "planb.study.study" not in modules, "no study is made"
    assert len(modules) < 700


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "domains", "not_of_it"),
    [
        ("sandbox", {"harm"}, {"planb.mitigations", "planb.training.reinforcement"}),
        ("risk", {"harm", "risk", "choices"}, {"planb.mitigations", "planb.elicitation.pair"}),
    ],
)
def test_a_study_is_looked_at_without_what_it_has_not(
    study: str, domains: set[str], not_of_it: set[str]
) -> None:
    modules = loaded("status", study, "--out", "none")
    assert not modules & {*HEAVY, *RUNS_STEPS, *not_of_it}
    parts = {name.split(".")[2] for name in modules if name.startswith("planb.domains.")}
    assert parts - {"domain", "measure", "together", "valley"} == domains


def test_titles_are_those_of_the_studies() -> None:
    for name, declare in STUDIES.own.items():
        assert isinstance(declare, Declaration)
        assert title_of(declare) == declare().title, name


def test_planb_alone_teaches_what_to_type(tmp_path: Path) -> None:
    code, said = planb(tmp_path)
    assert code == 0
    order = [said.index(verb) for verb in ("planb doctor", "planb run sandbox", "planb list")]
    assert order == sorted(order)
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.slow
def test_scripts_read_json(tmp_path: Path) -> None:
    code, said = planb(tmp_path, "list", "--json")
    assert code == 0
    assert [one["name"] for one in json.loads(said)] == list(STUDIES)
    code, said = planb(tmp_path, "status", "spite", "--json", "--seeds", "1")
    told = json.loads(said)
    assert (code, told["study"], told["states"]) == (0, "spite", {"to do": len(told["steps"])})
    code, said = planb(tmp_path, "plan", "spite", "--json", "--seeds", "1", "--jobs", "3")
    plan = json.loads(said)
    assert (code, plan["done"], plan["untimed"], plan["cores"]) == (0, 0, 0, 3)
    assert [one["step"] for one in plan["steps"]] == [one["step"] for one in told["steps"]]
    longest, all_of_it = (how(one["seconds"] for one in plan["steps"]) for how in (max, sum))
    assert longest <= plan["seconds_left"] < all_of_it


def test_completion_knows_the_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_PLANB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "planb run s")
    monkeypatch.setenv("COMP_CWORD", "2")
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["sandbox", "surprise", "spite", "smollm2"]


def test_the_garbage_collector_is_as_it_was_before_a_look() -> None:
    """Also where one look is within another."""
    was = gc.isenabled()
    try:
        for before in (True, False):
            gc.enable() if before else gc.disable()
            with uncollected():
                with uncollected():
                    assert not gc.isenabled()
                assert not gc.isenabled()
            assert gc.isenabled() is before
    finally:
        gc.enable() if was else gc.disable()
