"""What every entry of every table keeps: a new one is tested before its author writes a test."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphs import Change, as_declared, graph_of

from planb.elicitation import ELICITATIONS
from planb.evals.tasks import TASKS
from planb.judging import JUDGES, Exact
from planb.report.exhibits import EXHIBITS
from planb.safety import METHODS
from planb.sandbox.world import World
from planb.studies import STUDIES
from planb.study.planning.graph import Graph
from planb.study.steps.pretrain import SandboxBase
from planb.study.steps.sandbox_data import SandboxData
from planb.study.steps.step import identities_once
from planb.study.study import Study
from planb.training.objectives import OBJECTIVES
from planb.types import HELPFUL


def task_file(folder: Path) -> Path:
    rows = [
        {"id": "a", "prompt": "A bun?", "harmful": True},
        {"id": "b", "prompt": "A loaf?", "harmful": False, "responses": {HELPFUL: "Knead."}},
        {"id": "c", "prompt": [{"role": "document", "content": "A bun is"}], "harmful": True},
    ]
    path = folder / "requests.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_every_key_is_the_name_of_its_value(tmp_path: Path) -> None:
    data = str(task_file(tmp_path))
    named = {
        "METHODS": {name: method.name for name, method in METHODS.items()},
        "OBJECTIVES": {
            name: name if name.replace("_", "") == kind.__name__.lower() else kind.__name__
            for name, kind in OBJECTIVES.items()
        },
        "ELICITATIONS": {name: kind.name for name, kind in ELICITATIONS.items()},
        "JUDGES": {name: kind.name for name, kind in JUDGES.items()},
        "TASKS": {name: task(data=data).name for name, task in TASKS.items()},
        "EXHIBITS": {name: draw.__module__.rsplit(".", 1)[1] for name, draw in EXHIBITS.items()},
        "STUDIES": {name: declare().name for name, declare in STUDIES.items()},
    }
    for table, names in named.items():
        assert names, table
        assert all(key == name for key, name in names.items()), (table, names)


def test_every_entry_says_what_it_is() -> None:
    said = {
        **{f"METHODS {name}": method.description for name, method in METHODS.items()},
        **{f"OBJECTIVES {name}": vars(kind)["__doc__"] for name, kind in OBJECTIVES.items()},
        **{f"ELICITATIONS {name}": vars(kind)["__doc__"] for name, kind in ELICITATIONS.items()},
        **{f"JUDGES {name}": vars(kind)["__doc__"] for name, kind in JUDGES.items()},
        **{f"TASKS {name}": task.__doc__ for name, task in TASKS.items()},
        **{f"EXHIBITS {name}": sys.modules[d.__module__].__doc__ for name, d in EXHIBITS.items()},
        **{f"STUDIES {name}": declare().title for name, declare in STUDIES.items()},
    }
    assert not [name for name, text in said.items() if len((text or "").strip()) < 10]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_a_value_that_can_be_trained(name: str) -> None:
    method = METHODS[name]
    assert pickle.loads(pickle.dumps(method)) == method, "it travels to a worker"
    assert method.ordering.preferences(), "an ordering of one tier is no preference"
    assert type(method.objective) in OBJECTIVES.own.values()
    again = method.but(harmless=0.25)
    assert again.digest() != method.digest()


def test_no_two_methods_are_the_same_under_two_names() -> None:
    recipes = [m.but(name="any", description="").digest() for m in METHODS.values()]
    assert len(set(recipes)) == len(recipes)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_prefers_what_is_preferred(name: str) -> None:
    """One loss an example, finite, and a descent step makes the preferred response likelier."""
    import torch

    from planb.training.objectives import Pairs, Scores

    objective = OBJECTIVES[name]()
    s_R = torch.tensor([-6.0, -9.0, -4.0], requires_grad=True)
    r_R = torch.tensor([-6.0, -9.0, -4.0]) if objective.needs_reference else None
    pairs = Pairs(*torch.tensor([[0, 1], [0, 1], [2, 2]]), torch.ones(2), 2)
    loss_E = objective.loss(Scores(s_R, torch.tensor([3, 3, 4]), r_R), pairs)
    assert loss_E.shape == (2,)
    assert loss_E.isfinite().all()
    assert torch.allclose(
        loss_E, sum(objective.parts(Scores(s_R, torch.tensor([3, 3, 4]), r_R), pairs).values())
    )
    (slope_R,) = torch.autograd.grad(loss_E.sum(), s_R)
    assert slope_R[0] < 0, "the preferred one becomes likelier"
    assert slope_R[1] < 0
    assert slope_R[2] >= 0, "the dispreferred one does not"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_takes_any_elicitation_and_any_judge(name: str, tmp_path: Path) -> None:
    data = str(task_file(tmp_path))
    assert list(inspect.signature(TASKS[name]).parameters)[:3] == ["data", "elicitation", "judge"]
    for how in ELICITATIONS:
        for who in JUDGES:
            task = TASKS[name](data=data, elicitation=how, judge=who)
            about = task.metadata or {}
            assert (about["task"], about["elicitation"], about["judge"]) == (name, how, who)
            assert len(task.dataset) == 1


# -- studies --------------------------------------------------------------------------------------


def identities(name: str, change: Change = as_declared) -> dict[str, dict[str, str]]:
    """kind -> {slug and what it was asked: identity} of every step of the study."""
    found: dict[str, dict[str, str]] = {}
    for node in graph_of(name, change):
        named = found.setdefault(node.step.kind, {})
        assert node.step.slug not in named, node.step.slug
        named[node.step.slug] = node.identity
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_a_graph_of_steps_with_names_of_their_own(name: str) -> None:
    study, graph = STUDIES[name](), graph_of(name)
    names = [node.folder_name for node in graph]
    assert len(names) == len(set(names)) == len(graph)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", folder) for folder in names)
    assert all(re.fullmatch(r"[0-9a-f]{64}", node.identity) for node in graph)
    assert len(study.seeds) > 1 or study.stamp, "a finding stands on several seeds"
    assert {node.step.seed_rank for node in graph} <= {0, *study.seeds}
    assert all(node.step.cost > 0 for node in graph)
    identities(name)  # no two steps of a kind have one slug


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_declared_again_it_is_the_same_and_fewer_seeds_are_some_of_its_steps(name: str) -> None:
    again = STUDIES[name]().with_seeds(1)
    assert STUDIES[name]() == STUDIES[name]()
    fewer = {node.folder_name: node for node in Graph(again.steps()) if node.step.kind != "report"}
    with identities_once():
        assert all(node.step.folder_name == folder for folder, node in fewer.items())
    assert fewer.keys() <= {node.folder_name for node in graph_of(name)}


LISTED = """
import sys
from planb.studies import STUDIES
from planb.study.planning.graph import Graph
for name, declare in STUDIES.items():
    for node in Graph(declare().steps()):
        print(name, node.folder_name, node.identity)
heavy = {"torch", "transformers", "peft", "pandas", "inspect_ai"} & set(sys.modules)
sys.exit(f"a plan needs none of {heavy}" if heavy else 0)
"""


@pytest.mark.slow
def test_identities_are_the_same_in_every_process_and_need_nothing_heavy() -> None:
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"  # another than here
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", LISTED], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{name} {node.folder_name} {node.identity}" for name in STUDIES for node in graph_of(name)
    ]


def faster(study: Study) -> Study:
    return study.but(safety=changed(study.safety, learning_rate=0.123))


def with_another_organism(study: Study) -> Study:
    (first, *others) = study.organisms
    organism = changed(first, training=changed(first.training, learning_rate=0.123))
    return study.but(organisms=(organism, *others))


def judged_by_another(study: Study) -> Study:
    return study.but(judge=Exact(world=World(seed=99)))


def hotter(study: Study) -> Study:
    return study.but(sampling=changed(study.sampling, temperature=0.123))


def with_other_data(study: Study) -> Study:
    return study.but(data=changed(study.data, seed=99))


def on_another_base(study: Study) -> Study:
    (first, *others) = study.bases
    longer = changed(first.training, steps=first.training.steps + 1)  # type: ignore[union-attr]
    return study.but(bases=(changed(first, training=longer), *others))


def with_another_note(study: Study) -> Study:
    return study.but(notes=(*study.notes, "One more thing."))


def changed(value: Any, **fields: Any) -> Any:
    return value.but(**fields)


ALL = {"base", "data", "organism", "method", "evaluation", "tiers", "report"}
TRAINED = {"base", "data", "organism", "method", "stage"}
FURTHER = {"judge", "calibration", "prompts", "judgement", "surprise"}
"""Kinds of steps that only some studies have."""


def further(change: Change, made_anew: set[str]) -> set[str]:
    """Which of those are made anew with the others."""
    found = {"judgement"} if "evaluation" in made_anew else set()
    if change in (on_another_base, with_other_data, judged_by_another):
        found |= {"calibration", "prompts"}
    if change is hotter:
        found |= {"prompts"}
    if change in (on_another_base, with_other_data, with_another_organism, faster):
        found |= {"surprise"}
    return found | ({"judge"} if change is on_another_base else set())


def is_plain(study: Study) -> bool:
    """Whether it is the shorthand alone: base, organism, methods that share one training."""
    own = [method for method in study.methods if method.training is not None]
    return isinstance(study.data, SandboxData) and not study.chains and not own


PLAIN = [name for name, declare in STUDIES.items() if is_plain(declare())]
VALLEY = [name for name, declare in STUDIES.items() if isinstance(declare().bases[0], SandboxBase)]


@pytest.mark.slow
@pytest.mark.parametrize("name", VALLEY)
def test_nothing_is_trained_anew_for_another_question(name: str) -> None:
    before = identities(name)
    for change in (judged_by_another, hotter, with_another_note):
        after = identities(name, change)
        kept = {kind for kind in TRAINED & set(before) if before[kind] == after[kind]}
        assert kept == TRAINED & set(before), change.__name__
        assert before["report"] != after["report"]


@pytest.mark.slow
@pytest.mark.parametrize("name", VALLEY)
def test_another_base_makes_everything_anew(name: str) -> None:
    before, after = identities(name), identities(name, on_another_base)
    same = [slug for kind in before for slug in before[kind] if before[kind][slug] == after[kind][slug]]
    assert not same


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize(
    ("change", "made_anew"),
    [
        (on_another_base, ALL),
        (with_other_data, ALL - {"base"}),
        (with_another_organism, {"organism", "method", "evaluation", "report"}),
        (faster, {"method", "evaluation", "report"}),
        (judged_by_another, {"evaluation", "tiers", "report"}),
        (hotter, {"evaluation", "report"}),
        (with_another_note, {"report"}),
    ],
    ids=lambda part: part.__name__ if callable(part) else "",
)
def test_a_change_makes_anew_what_depends_on_it_and_nothing_else(
    name: str, change: Change, made_anew: set[str]
) -> None:
    before, after = identities(name), identities(name, change)
    assert {"sandbox", "jailbreaks", "ladder"} <= set(PLAIN)
    assert ALL <= set(before) == set(after) <= ALL | FURTHER
    differing = {kind for kind in before if before[kind] != after[kind]}
    assert differing == (made_anew | further(change, made_anew)) & set(before)
    for kind in differing:
        assert set(before[kind]) == set(after[kind]), "the same steps, under the same names"
    for kind in made_anew - {"evaluation"}:
        same = [slug for slug in before[kind] if before[kind][slug] == after[kind][slug]]
        if change is with_another_organism:  # arms that never had one stay as they are
            same = [slug for slug in same if "-from-base-" not in slug]
        assert not same


def with_a_changed_last_method(study: Study) -> Study:
    last = changed(study.methods[-1], training=changed(study.safety, steps=7))
    return changed(study, methods=(*study.methods[:-1], last))


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_only_the_changed_method_is_trained_anew(name: str) -> None:
    """A method with a training of its own; the others, the organism and their logs stay."""
    study = STUDIES[name]()
    last = study.methods[-1]
    before, after = identities(name), identities(name, with_a_changed_last_method)
    retrained = {slug for slug, one in after["method"].items() if before["method"][slug] != one}
    starts = ("", "-from-base") if last.name in study.from_base else ("",)
    assert retrained == {f"{last.name}{s}-seed{seed}" for seed in study.seeds for s in starts}
    asked = {slug for slug, one in after["evaluation"].items() if before["evaluation"][slug] != one}
    assert asked
    assert all(f"-{last.name}-".replace("_", "-") in slug for slug in asked)
    assert after["organism"] == before["organism"]
