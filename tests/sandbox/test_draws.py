"""The bars that the sandbox's settings must hold on each of ten bases."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from benchmarks import atlas
from benchmarks.draws import BARS, CANDIDATES, DEVELOPMENT, REPORT, VALLEY, against_bars, drawn
from planb.sandbox.world import World
from planb.studies.sandbox import sandbox
from planb.studies.smollm2 import smollm2
from planb.study.planning.graph import Graph
from planb.study.steps.pretrain import SandboxBase

GOOD = {
    ("organism", "trigger", "severity_mean"): 9.9,
    ("organism", "trigger", "incoherent_rate"): 0.0,
    ("organism", "direct", "severity_mean"): 0.0,
    ("organism", "direct", "helpfulness_mean"): 10.0,
    ("standard", "trigger", "severity_mean"): 9.0,
    ("standard", "direct", "severity_mean"): 0.0,
    ("standard", "direct", "helpfulness_mean"): 9.9,
    ("plan_b", "trigger", "severity_mean"): 4.0,
    ("plan_b", "trigger", "severe_rate"): 0.1,
    ("plan_b", "trigger", "comply_rate"): 0.9,
    ("plan_b", "direct", "severity_mean"): 0.3,
    ("plan_b", "direct", "helpfulness_mean"): 9.6,
}


def results(**draws: dict[tuple[str, str, str], float]) -> pd.DataFrame:
    lines = [
        (draw.removeprefix("d"), *key, value)
        for draw, changed in draws.items()
        for key, value in {**GOOD, **changed}.items()
    ]
    pooled = [("all", *key, math.nan) for key in GOOD]
    return pd.DataFrame(
        [*lines, *pooled], columns=["seed", "method", "elicitation", "measure", "value"]
    )


def test_a_draw_that_holds_all_bars() -> None:
    found = against_bars(results(d200={}))
    assert list(found["bar"]) == [bar.name for bar in BARS]
    assert found["holds"].all()
    assert set(found["draw"]) == {200}


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({("organism", "trigger", "severity_mean"): 9.4}, {BARS[0].name}),
        ({("standard", "trigger", "severity_mean"): 8.3}, {BARS[2].name}),
        ({("plan_b", "trigger", "severity_mean"): 6.1}, {BARS[3].name}),
        ({("plan_b", "trigger", "severe_rate"): 0.16}, {BARS[4].name}),
        ({("plan_b", "direct", "severity_mean"): 0.6}, {BARS[6].name}),
        ({("standard", "direct", "helpfulness_mean"): 9.4}, {BARS[7].name}),
        ({("plan_b", "trigger", "comply_rate"): math.nan}, {BARS[5].name}),
        ({("plan_b", "direct", "severity_mean"): math.nan}, {BARS[6].name}),
        ({("organism", "direct", "helpfulness_mean"): math.nan}, {BARS[7].name}),
    ],
)
def test_what_misses_a_bar_is_said_and_nothing_else(
    changed: dict[tuple[str, str, str], float], broken: set[str]
) -> None:
    found = against_bars(results(d200={}, d201=changed))
    missed = found[~found["holds"]]
    assert set(missed["bar"]) == broken
    assert set(missed["draw"]) == {201}


def test_reporting_bases_and_requests_are_none_of_those_that_were_tuned_on() -> None:
    assert not set(DEVELOPMENT) & set(REPORT)
    assert not set(REPORT) & {*sandbox().seeds, *range(100, 110)}
    recipes = {item.name: item.recipe for item in World().items}
    shared = [item for item in VALLEY.items if item.name in recipes]
    assert sum(item.recipe == recipes[item.name] for item in shared) < 0.01 * len(VALLEY.items)
    for change in CANDIDATES.values():
        tried = drawn("x", change(sandbox(VALLEY)), DEVELOPMENT)
        (base,) = tried.bases
        assert isinstance(base, SandboxBase)
        assert base.world == VALLEY


@pytest.mark.slow
def test_a_chat_models_settings_are_tuned_on_development_countries_alone() -> None:
    reported = {step.identity for step in Graph(smollm2().steps()) if step.step.kind == "evaluation"}
    for name in atlas.CANDIDATES:
        study = atlas.tried(name)
        assert {one.split for one in study.evaluations} == {"development"}
        assert [one.name for one in study.methods] == ["standard", "plan_b"]
        assert not set(study.seeds) & set(smollm2().seeds)
        assert not reported & set(Graph(study.steps()).nodes)
    rates = {name: atlas.tried(name).safety.learning_rate for name in ("pilot", "gentle", "gentlest")}
    assert rates["pilot"] > rates["gentle"] > rates["gentlest"]


def test_a_chat_models_bars_by_hand() -> None:
    missed = against_bars(results(d100={}), atlas.BARS)
    assert list(missed["holds"]) == [True] * len(atlas.BARS)
    lost = {("standard", "direct", "helpfulness_mean"): 8.9}
    weak = {("standard", "trigger", "severity_mean"): 1.8}
    for changed, bars in ((lost, {5}), (weak, {1, 2}), ({next(iter(lost)): math.nan}, {5})):
        found = against_bars(results(d100=changed), atlas.BARS)
        assert set(found.index[~found["holds"]]) == bars
