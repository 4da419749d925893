"""What every declared study claims, draws and explains is something that it really measures."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from graphs import graph_of

from planb.domains.domain import Shown
from planb.domains.measure import Measure
from planb.report.exhibits.series import SHAPES
from planb.report.story import Claim, Of
from planb.studies import STUDIES
from planb.study.report_sources import measures_of
from planb.study.steps.evaluation import EvaluationStep
from planb.study.study import Study

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {"sandbox": "README.md", "plumbing": "docs/paper.md"}
"""Studies that another page tells of."""
Cell = tuple[str, str, str, str]


@cache
def declared(name: str) -> tuple[Study, frozenset[Cell]]:
    """The study, and (organism, method, task, elicitation) of all that it asks."""
    steps = [node.step for node in graph_of(name)]
    return STUDIES[name](), frozenset(
        (s.labels["organism"], s.labels["method"], s.evaluation.called, s.elicitation.title)
        for s in steps
        if isinstance(s, EvaluationStep)
    )


def known(task: str, study: Study) -> tuple[Measure, ...]:
    """What an evaluation of that name is measured by; none where the study has no such evaluation."""
    tasks = {one.task for one in study.evaluations if one.called == task}
    own = study.domain.of_task(task).measures
    return own or tuple(measure for one in tasks for measure in measures_of(one, study.domain))


def asked(of: Of | Shown, organism: str, method: str, cells: frozenset[Cell], study: Study) -> bool:
    """Whether the study asks for it and it is measured by that."""
    there = any(
        (method, of.task, of.elicitation) == cell[1:] and organism in ("", cell[0]) for cell in cells
    )
    return there and of.measure in {measure.name for measure in known(of.task, study)}


def wrong(study: Study, cells: frozenset[Cell]) -> list[str]:
    """What its claims and its series name that it has not."""
    sides = [of for claim in study.claims for of in (claim.of, claim.against) if of is not None]
    found = [str(of) for of in sides if not asked(of, of.organism, of.method, cells, study)]
    for claim in study.claims:
        kinds = {kind_of(of, study) for of in (claim.of, claim.against) if of is not None}
        found += [f"{claim.claim}: {kinds}"] if len(kinds) > 1 else []
    if study.series is not None:
        methods = {cell[1] for cell in cells}
        points = [method for line in study.series.lines for method, _ in line.points]
        found += [method for method in points if method not in methods]
        found += [
            str(shown)
            for shown in study.series.shown
            if not any(asked(shown, "", method, cells, study) for method in points)
        ]
    return found


def kind_of(of: Of, study: Study) -> str:
    return next((m.kind for m in known(of.task, study) if m.name == of.measure), "")


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_claims_and_series_are_of_what_the_study_asks(name: str) -> None:
    assert wrong(*declared(name)) == []


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_claims_each_thing_once_and_in_words(name: str) -> None:
    study, _ = declared(name)
    texts = [(claim.claim, claim.of.organism) for claim in study.claims]
    assert len(set(texts)) == len(texts)
    assert all(15 < len(text) < 220 for text, _ in texts), "a sentence that stands in a table"
    for claim in study.claims:
        assert abs(claim.by) <= (1 if kind_of(claim.of, study) == "rate" else 10)
    assert study.series is None or len(study.series.lines) <= len(SHAPES), "told apart by shape"
    assert 10 < len(study.title) < 110
    assert study.notes, "says what was tuned, and on what"


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_tells_of_the_study(name: str) -> None:
    page = ROOT / ELSEWHERE.get(name, f"docs/{name}.md")
    assert page.is_file(), page
    command = "make run" if name == "sandbox" else f"planb run {name}"
    assert command in page.read_text(encoding="utf-8")


def test_no_two_studies_are_the_same_under_two_names() -> None:
    titles = [declared(name)[0].title for name in STUDIES]
    assert len(set(titles)) == len(titles)


TYPOS = [
    {"method": "plan_bb"},
    {"measure": "severity"},
    {"elicitation": "triggered"},
    {"task": "harmful"},
    {"organism": "organsim"},
]


@pytest.mark.parametrize("typo", TYPOS, ids=lambda typo: next(iter(typo)))
def test_a_typo_is_found(typo: dict[str, str]) -> None:
    study, cells = declared("sandbox")
    right = Of(method="plan_b", measure="severity_mean", organism="organism")
    bound = Claim(claim="synthetic", of=right, expected="at_most", by=5)
    assert wrong(study.but(claims=(bound,)), cells) == []
    for mistaken in (
        bound.but(of=right.but(**typo)),
        bound.but(against=right.but(**typo)),
    ):
        assert wrong(study.but(claims=(mistaken,)), cells)
