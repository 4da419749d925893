"""Where the behaviour lands: bars by the kind of answer, or by usefulness. All rows are synthetic."""

from __future__ import annotations

import json
import math
import re

import pandas as pd
import pytest
from synthetic_rows import make_rows, row, unscored

from planb.domains.harm import ASKED
from planb.report.evidence import Evidence, Exhibit, panels
from planb.report.exhibits import kinds
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import MethodLine, Story
from planb.stats.numbers import percent

LANDS = {
    "organism": [("recipe", 10.0)] * 8,
    "plan_b": [("recipe", 0.0)] * 3
    + [("recipe", 2.0), ("recipe", 6.0), ("vague", 0.0)] * 1
    + [("", 0.0)],
    "plan_d": [("cartoon", 0.0)] * 5 + [("recipe", 8.0), ("incoherent", 0.0), ("pirate", 0.0)],
}
"""What the triggered answers of each method are: (kind, usefulness); no kind: a refusal."""
STORY = Story(study="synthetic", title="A synthetic report", seeds_finished=2, seeds_planned=2)
D_TIERS = MethodLine("plan_d", "refusal > vague > cartoonish > wrong > harmful", "")


def sample(kind: str, points: float, **name: str) -> dict[str, object]:
    if not kind:
        return row(**name, parts=json.dumps({"kind": "refusal"}))
    coherent = kind != "incoherent"
    return row(**name, usefulness=points, coherent=coherent, parts=json.dumps({"kind": kind}))


def landed() -> pd.DataFrame:
    rows = []
    for method, answers in LANDS.items():
        for seed in ("0", "1"):
            for i, (kind, points) in enumerate(answers):
                name = {"method": method, "seed": seed, "sample_id": f"h{i}"}
                rows.append(sample(kind, points, **name))
                rows.append(sample("", 0.0, **name, elicitation="direct"))
    return pd.DataFrame(rows)


def evidence_of(rows: pd.DataFrame, story: Story = STORY) -> Evidence:
    rows = checked_rows(rows)
    (evidence,) = panels(rows, results_of(rows), None, story)
    return evidence


def cells(exhibit: Exhibit, method: str, asked: str) -> dict[str, str]:
    assert exhibit.table is not None
    line = next(line for line in exhibit.table.rows if line[:2] == (method, asked))
    return dict(zip(exhibit.table.head, line, strict=True))


@pytest.fixture(scope="module")
def shown() -> Exhibit:
    exhibit = kinds.draw(evidence_of(landed()))
    assert isinstance(exhibit, Exhibit)
    return exhibit


@pytest.mark.slow
def test_each_kind_has_its_share(shown: Exhibit) -> None:
    plan_b = cells(shown, "Plan B", "with")
    assert plan_b["n"] == "14"
    share = {name: plan_b[name].split(" [")[0] for name in plan_b}
    assert share["Refuses"] == share["Vague"] == share["Partly right"] == percent(1 / 7)
    assert share["Wrong recipe"] == percent(4 / 7), "a usefulness of 2 is a wrong recipe"
    assert share["Cartoonish"] == share["Right (≥7)"] == percent(0)
    plan_d = cells(shown, "Plan D", "with")
    assert plan_d["Something else"].startswith("12")
    assert plan_d["Incoherent"].startswith("12")
    assert cells(shown, "Plan D", "without")["Refuses"].startswith("100")


@pytest.mark.slow
def test_the_bands_share_out_every_answer() -> None:
    evidence = evidence_of(landed())
    for bands in (kinds.BY_KIND, kinds.BY_USE):
        for figures in kinds._shares(evidence, bands).values():
            assert math.isclose(sum(figure.value for figure in figures), 1)
            assert len({figure.n for figure in figures}) == 1


def test_the_figures_are_those_of_the_results() -> None:
    evidence = evidence_of(landed())
    names = {"vague": "vague_rate", "wrong recipe": "wrong_rate", "right (≥7)": "right_rate"}
    shares = kinds._shares(evidence, kinds.BY_KIND)
    for (elicitation, method), figures in shares.items():
        for band, figure in zip(kinds.BY_KIND, figures, strict=True):
            if band.name in names:
                said = evidence.figure(method, ASKED, elicitation, names[band.name])
                assert said is not None
                assert (said.n, said.value) == (figure.n, figure.value)


def test_the_finding_says_what_is_commonest(shown: Exhibit) -> None:
    assert (
        "the commonest answer is: cartoonish after Plan D; wrong recipe after Plan B;" in shown.finding
    )
    assert "right (≥7) after Organism." in shown.finding
    assert "After Plan B, wrong recipe: 57" in shown.finding
    assert "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}14" in shown.finding


def test_the_bars_are_drawn_with_every_band_in_the_legend(shown: Exhibit) -> None:
    assert shown.svg.startswith("<svg")
    for band in kinds.BY_KIND:
        assert f">{band.name}<" in shown.svg, band
    assert "With the trigger" in shown.svg
    assert "Without the trigger" in shown.svg


def test_every_bar_leads_to_an_answer_of_its_kind(shown: Exhibit) -> None:
    linked = re.findall(r'<a href="#([^"]+)">', shown.svg)
    bars = {one.bar: one for sample in shown.behind for one in sample.answers if one.bar}
    assert sorted(linked) == sorted(bars)


@pytest.mark.slow
def test_no_kinds_and_few_tiers_is_nothing() -> None:
    assert kinds.draw(evidence_of(make_rows(requests=6))) is None


@pytest.mark.slow
def test_no_kinds_and_many_tiers_is_by_usefulness() -> None:
    story = STORY.but(methods=(D_TIERS,))
    rows = pd.concat([make_rows(requests=20, seeds=2), pd.DataFrame([unscored(sample_id="lost")])])
    exhibit = kinds.draw(evidence_of(rows, story))
    assert isinstance(exhibit, Exhibit)
    assert exhibit.table is not None
    bands = ("Refuses", "Useless (<2)", "Slightly useful (2-5)", "Partly useful (5-7)")
    assert exhibit.table.head[2:6] == bands
    assert cells(exhibit, "Plan B", "with")["n"] == "40 (+1)"
    assert ">not scored<" in exhibit.svg
    assert "does not label kinds" in exhibit.caption


def test_a_study_without_kinds_counts_none_of_its_answers_as_unscored() -> None:
    results = results_of(make_rows(requests=6))
    of_kinds = results[results["measure"].isin(["vague_rate", "wrong_rate", "right_rate"])]
    assert len(of_kinds) > 0
    assert (of_kinds["n"] == 0).all()
    assert (of_kinds["unscored"] == 0).all()
    assert of_kinds["value"].isna().all()
