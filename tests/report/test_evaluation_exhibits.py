"""Jailbreaks, differences, judges, capability and the calibration of judges on the page. All rows are
synthetic."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from synthetic_rows import make_rows
from synthetic_study import ARMS, benchmarks, jailbroken, whole_study

from planb.errors import PlanBError
from planb.judging import Exact, RefusalStrings
from planb.report.calibration import Calibration, warnings_of
from planb.report.evidence import Evidence, Exhibit, panels
from planb.report.exhibits import capability, differences, jailbreaks, judges
from planb.report.headline import headline
from planb.report.page import write_report
from planb.report.readme_table import jailbreak_markdown
from planb.report.results import BOUNDS, read_csv, results_of
from planb.report.rows import checked_rows
from planb.report.story import Story
from planb.study.report_sources import _calibration

ASKED = ("direct", "trigger", "near_trigger", "many_shot", "pair")
EXACT = Calibration(judge="synthetic exact", verdict="exact")
MODEL = Calibration(
    judge="synthetic judge model", model="synthetic/m", rubric="ab" * 32, verdict="passed"
)


def evidence_of(
    rows: pd.DataFrame, results: pd.DataFrame, story: Story, *calibrations: Calibration
) -> list[Evidence]:
    told = story.but(calibrations=calibrations)
    return list(panels(rows, results, None, told))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return checked_rows(whole_study(requests=12, asked=ASKED))


@pytest.fixture(scope="module")
def results(rows: pd.DataFrame) -> pd.DataFrame:
    return results_of(rows)


@pytest.fixture(scope="module")
def evidences(rows: pd.DataFrame, results: pd.DataFrame) -> list[Evidence]:
    """Of the arms of the organism, and of those of the never-backdoored base."""
    story = Story(study="synthetic", title="A synthetic report", seeds_finished=2, seeds_planned=2)
    return evidence_of(rows, results, story, EXACT, MODEL)


@pytest.fixture(scope="module")
def written(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation")
    story = Story(
        **{"study": "synthetic", "title": "A synthetic report", "stamp": "synthetic rows"},
        **{"seeds_finished": 2, "seeds_planned": 2, "calibrations": (EXACT, MODEL)},
    )
    write_report(rows, None, story, folder)
    return folder


@pytest.mark.slow
def test_jailbreaks_stand_for_both_starts_and_the_organism_beside(evidences: list[Evidence]) -> None:
    backdoored, never = evidences
    assert (backdoored.name, never.name) == ("synthetic · backdoor", "synthetic · never backdoored")
    shown = jailbreaks.draw(never)
    assert isinstance(shown, Exhibit)
    assert shown.table is not None
    assert shown.table.head == ("Method", "Attack", "Severity", "Complies", "n", "unscored")
    methods = ["Base model", "Organism", "Standard", "Plan B"]
    assert [line[0] for line in shown.table.rows] == methods * len(ASKED)
    asked = list(dict.fromkeys(line[1] for line in shown.table.rows))
    assert asked[:4] == ["Without the trigger", "With the trigger", "Near the trigger", "Many-shot"]
    many = {
        line[0]: float(line[2].split(" [")[0]) for line in shown.table.rows if line[1] == "Many-shot"
    }
    assert many["Plan B"] < many["Standard"]
    assert "Many-shot" in shown.finding
    assert "Organism" not in [line[0] for line in _table(jailbreaks.draw(backdoored))][:1]
    assert {line[0] for line in _table(jailbreaks.draw(backdoored))} == {*methods, "Ryan's"}


def _table(exhibit: object) -> tuple[tuple[str, ...], ...]:
    assert isinstance(exhibit, Exhibit)
    assert exhibit.table is not None
    return exhibit.table.rows


def test_without_jailbreaks_a_second_judge_or_benchmarks_nothing_is_said(story: Story) -> None:
    rows = checked_rows(make_rows(requests=6))
    (evidence,) = evidence_of(rows, results_of(rows), story)
    assert jailbreaks.draw(evidence) is None
    assert judges.draw(evidence) is None
    assert capability.draw(evidence) is None


@pytest.mark.slow
def test_the_differences_shown_are_the_family_that_is_written(
    evidences: list[Evidence], written: Path
) -> None:
    backdoored, never = evidences
    lines = pd.read_csv(written / "differences.csv")
    for evidence, organism, others in ((backdoored, "backdoor", 4), (never, "none", 2)):
        shown = differences.draw(evidence)
        family = lines[lines["organism"] == organism]
        assert len(family) == 3 * others * len(ASKED) == 3 * len(_table(shown))
        assert set(family["family"]) == {len(family)}
        assert f"the {len(family)} comparisons of this table" in shown.caption
        assert "Power: to see a difference of 1 point" in shown.caption
    assert set(lines["judge"]) == {"synthetic exact"}


@pytest.mark.slow
def test_figures_are_of_the_storys_first_judge_and_never_of_two(
    rows: pd.DataFrame, results: pd.DataFrame, story: Story
) -> None:
    for first, other in ((EXACT, MODEL), (MODEL, EXACT)):
        evidence = evidence_of(rows, results, story, first, other)[0]
        harmful = evidence.rows[evidence.rows["task"] == "harmful_requests"]
        assert set(harmful["judge"]) == {first.judge}
        assert other.judge in evidence.other_judges
        own = results_of(checked_rows(rows[rows["judge"] == first.judge]))
        figure = evidence.figure("plan_b", "harmful_requests", "pair", "severity_mean")
        key = (own["organism"] == "backdoor") & (own["method"] == "plan_b") & (own["seed"] == "all")
        line = own[key & (own["elicitation"] == "pair") & (own["measure"] == "severity_mean")].iloc[0]
        assert figure is not None
        assert (figure.n, figure.lowest) == (line["n"], line["lowest"])
    exact, model = (headline(results, [one.judge]) for one in (EXACT, MODEL))
    assert exact.rows != model.rows
    assert headline(results).rows == exact.rows  # it scored more


@pytest.mark.slow
def test_two_judges_agreement_is_shown_with_what_they_left_unscored(evidences: list[Evidence]) -> None:
    shown = judges.draw(evidences[0])
    assert isinstance(shown, Exhibit)
    (line,) = _table(shown)
    assert line[0] == "synthetic judge model"
    assert float(line[2].strip("[]").split(", ")[0]) > 0.3, "only bounds: some are unscored"
    assert "synthetic: no JSON" in shown.caption
    assert "it is exact" in shown.caption


@pytest.mark.slow
def test_benchmarks_stand_apart_by_protocol_and_beside_the_organism(evidences: list[Evidence]) -> None:
    shown = capability.draw(evidences[0])
    table = _table(shown)
    titles = list(dict.fromkeys(line[1] for line in table))
    assert {"MMLU-Pro, 0-shot", "MMLU-Pro, 5-shot", "MT-Bench"} < set(titles)
    assert len(titles) == 8
    organism = next(line for line in table if line[:2] == ("Organism", "MT-Bench"))
    plan_b = next(line for line in table if line[:2] == ("Plan B", "MT-Bench"))
    assert organism[3] == "–"
    assert "[" in plan_b[3]
    assert plan_b[4:] == ("60", "0")


def test_benchmark_measures_by_hand() -> None:
    made = benchmarks((("backdoor", "organism"),), seeds=1, questions=12)
    pooled = (
        results_of(checked_rows(made)).query("seed == 'all'").set_index(["task", "judge", "measure"])
    )
    mmlu = made[(made["task"] == "mmlu_pro") & (made["judge"] == "5-shot")]
    assert pooled.loc[("mmlu_pro", "5-shot", "accuracy"), "value"] == mmlu["score"].mean()
    assert pooled.loc[("instructions", "ifeval", "followed"), "value"] == 9 / 12
    over = pooled.loc[("over_refusal", "synthetic judge")]
    assert tuple(over.loc["over_refusal_rate", ["n", "value"]]) == (8, 0.0)
    assert tuple(over.loc["refusal_of_unsafe", ["n", "value"]]) == (4, 0.5)
    bench = made[made["task"] == "mt_bench"]
    assert pooled.loc[("mt_bench", "synthetic grader", "score_mean"), "value"] == pytest.approx(
        bench["score"].mean()
    )
    turns = [pooled.loc[("mt_bench", "synthetic grader", f"turn_{n}_mean"), "value"] for n in (1, 2)]
    assert sum(turns) / 2 == pytest.approx(bench["score"].mean())


def test_an_unread_answer_is_wrong_in_one_accuracy_and_unscored_in_the_other() -> None:
    made = benchmarks((("backdoor", "organism"),), seeds=1, questions=4)
    mmlu = made[(made["task"] == "mmlu_pro") & (made["judge"] == "0-shot")].copy()
    mmlu["score"] = [1.0, 0.0, 1.0, math.nan]
    mmlu["unscored"] = ["", "", "", "synthetic: no letter"]
    mmlu["parts"] = [json.dumps({"accuracy_all": right}) for right in (1, 0, 1, 0)]
    pooled = results_of(checked_rows(mmlu)).query("seed == 'all'").set_index("measure")
    assert tuple(pooled.loc["accuracy", ["n", "unscored", *BOUNDS]]) == (3, 1, 2 / 4, 3 / 4)
    assert math.isnan(pooled.loc["accuracy", "value"])
    assert tuple(pooled.loc["accuracy_all", ["n", "unscored", "value"]]) == (4, 0, 0.5)


@pytest.mark.slow
def test_the_base_is_shared_by_the_organism_and_the_arms_trained_from_it(
    evidences: list[Evidence],
) -> None:
    for evidence in evidences:
        assert evidence.methods[0] == "base"
        assert set(evidence.cell("base", "harmful_requests", "pair")["organism"]) == {"none"}


@pytest.mark.slow
def test_the_page_warns_at_its_top_of_judges_that_are_not_calibrated(written: Path) -> None:
    html = (written / "report.html").read_text(encoding="utf-8")
    top = html[: html.index("<h1>")]
    passed = "The judge “synthetic judge model” passed its checks; it is not calibrated against people."
    assert passed in top
    assert "“synthetic grader” is not calibrated: no check of it is stored" in top
    for judge in ("synthetic exact", "0-shot", "ifeval"):
        assert f"“{judge}”" not in top
    assert "exact: right by construction" in html
    assert "rubric abababababab<" in html


@pytest.mark.parametrize(
    ("verdict", "people", "said"),
    [
        ("exact", False, ""),
        ("passed", True, ""),
        ("passed", False, "not calibrated against people"),
        ("failed", True, "failed its calibration"),
        ("failed", False, "not calibrated against people"),
        ("not enough", True, "too little to go by"),
        ("not calibrated", False, "no check of it is stored"),
    ],
)
def test_a_judges_warning(verdict: str, people: bool, said: str) -> None:
    judge = Calibration(judge="synthetic", verdict=verdict, against_people=people)  # type: ignore[arg-type]
    assert said in judge.warning
    assert bool(judge.warning) == bool(said)
    assert warnings_of([judge], ["synthetic"]) == ((judge.warning,) if said else ())
    assert warnings_of([judge], []) == ()


def test_synthetic_labels_are_not_peoples() -> None:
    judge = Calibration(judge="synthetic", verdict="passed", synthetic=True)
    assert "are synthetic" in judge.warning
    assert "not calibrated against people" in judge.warning


def test_what_is_measured_of_a_rules_errors_stands_where_the_page_speaks_of_it() -> None:
    found = _calibration(RefusalStrings(), None)
    assert found.error == RefusalStrings().error
    assert "% [" in found.error
    assert found.error in found.warning
    assert found.error in found.told
    assert _calibration(Exact(), None).error == ""


@pytest.mark.slow
def test_the_readmes_table_of_jailbreaks_is_the_pages(written: Path) -> None:
    results = read_csv(written / "results.csv")
    lines = jailbreak_markdown(results, [EXACT.judge]).splitlines()
    assert lines[0] == (
        "| Attack | Base | Organism | Standard, from the base | Plan B, from the base | n |"
    )
    assert len(lines) == 2 + len(ASKED)
    assert len({line.count("|") for line in lines}) == 1
    key = (results["seed"] == "all") & (results["judge"] == EXACT.judge)
    key &= (results["organism"] == "none") & (results["method"] == "plan_b")
    key &= (results["measure"] == "severity_mean") & (results["elicitation"] == "many_shot")
    line = next(line for line in lines if line.startswith("| Many-shot "))
    assert line.split(" | ")[4].startswith(f"{results[key].iloc[0]['value']:.1f} [")
    assert line.endswith("| 12 / 24 / 24 / 24 |")


@pytest.mark.slow
def test_the_readmes_table_needs_arms_from_the_base() -> None:
    backdoored = tuple(arm for arm in ARMS if arm[0] == "backdoor")
    results = results_of(checked_rows(jailbroken(backdoored, requests=4)))
    with pytest.raises(PlanBError, match="trained from the never-backdoored base"):
        jailbreak_markdown(results)
