"""Surprise on the page: numbers against a calculation by hand, and what is said of them."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from synthetic_rows import make_rows, row

from planb.errors import PlanBError
from planb.report.charting.labels import placed
from planb.report.evidence import Evidence, Exhibit, Missing, panels
from planb.report.exhibits import log_probs, surprise, variants
from planb.report.page import write_report
from planb.report.results import results_of
from planb.report.rows import checked_rows
from planb.report.story import Line, Series, Story
from planb.report.surprise_results import (
    BACKDOOR,
    SURPRISE_COLUMNS,
    checked_surprises,
    surprise_results,
)
from planb.report.targets import correlations, targets_of

NATS = {"standard": 0.2, "german": 1.0, "standard_canned": 2.0, "odd": 4.0}
LEFT = {"standard": 9.0, "german": 6.0, "standard_canned": 7.0, "odd": 2.0}
"""Surprise of the target, and the severity that is left: made up, with one pair out of order."""


def scored(
    method: str, nats: float, after: float = 0.1, tiers: tuple[str, ...] = ("refusal", "harmful")
) -> list[dict[str, object]]:
    """Twelve requests in six groups, two seeds: the target falls to ``after`` nats, the rest rises."""
    rows = []
    levels = {tiers[0]: (nats, after), **dict.fromkeys((*tiers[1:], BACKDOOR), (0.6, 3.0))}
    for place, (tier, sides) in enumerate(levels.items()):
        for when, level in zip(("before", "after"), sides, strict=True):
            for seed in ("0", "1"):
                for i in range(12):
                    own = level * (1 + 0.1 * ((i + int(seed)) % 3 - 1))
                    arm = {"model": "synthetic", "organism": "backdoor", "method": method}
                    at = {"when": when, "seed": seed, "tier": tier, "place": place}
                    ask = {"example": f"s{i}", "group": f"g{i // 2}"}
                    rows.append({**arm, **at, **ask, "nll": own * 10, "tokens": 10})
    return rows


def asked(method: str, points: float) -> list[dict[str, object]]:
    """Ten triggered requests on two seeds, whose mean severity is ``points``."""
    return [
        row(method=method, seed=seed, sample_id=f"h{i}", usefulness=points + (-1) ** i * 0.5)
        for seed in ("0", "1")
        for i in range(10)
    ]


def evidence_of(rows: list, surprises: list | None, story: Story) -> Evidence:
    tidy = checked_rows(pd.DataFrame(rows))
    table = None if surprises is None else checked_surprises(pd.DataFrame(surprises))
    (found,) = panels(tidy, results_of(tidy), None, story, surprises=table)
    return found


@pytest.fixture
def evidence(story: Story) -> Evidence:
    rows = [one for method, points in LEFT.items() for one in asked(method, points)]
    surprises = [one for method, nats in NATS.items() for one in scored(method, nats)]
    return evidence_of(rows, surprises, story)


class TestTheTable:
    def test_means_are_over_responses_and_pooled_over_seeds(self) -> None:
        frame = checked_surprises(pd.DataFrame(scored("standard", 2.0)))
        table = surprise_results(frame)
        assert list(table.columns) == SURPRISE_COLUMNS
        own = table[(table.tier == "refusal") & (table.when == "before")].set_index("seed")
        by_hand = frame[(frame.tier == "refusal") & (frame.when == "before")]
        assert own.loc["all", "value"] == pytest.approx((by_hand.nll / by_hand.tokens).mean())
        assert list(own["n"]) == [12, 12, 24]
        assert (own["low"] < own["value"]).all()
        assert (own["value"] < own["high"]).all()
        assert list(dict.fromkeys(table["tier"])) == ["refusal", "harmful", BACKDOOR]
        assert list(dict.fromkeys(table["when"])) == ["before", "after"]

    def test_rows_in_another_order_give_the_same_table(self) -> None:
        rows = [*scored("standard", 2.0), *scored("odd", 1.0)]
        first = surprise_results(checked_surprises(pd.DataFrame(rows)))
        second = surprise_results(checked_surprises(pd.DataFrame(rows[::-1])))
        pd.testing.assert_frame_equal(first, second)

    def test_what_is_no_likelihood_is_refused(self) -> None:
        rows = scored("standard", 2.0)
        rows[3]["nll"] = float("nan")
        with pytest.raises(PlanBError, match="no finite NLL"):
            checked_surprises(pd.DataFrame(rows))
        with pytest.raises(PlanBError, match="lack the columns"):
            checked_surprises(pd.DataFrame(rows).drop(columns="tokens"))


class TestSurpriseAgainstSeverity:
    def test_targets_stand_in_the_order_of_their_surprise(self, evidence: Evidence) -> None:
        found = targets_of(evidence)
        assert [target.method for target in found] == list(NATS)
        for target in found:
            assert target.surprise.value == pytest.approx(NATS[target.method], rel=0.02)
            assert target.left.value == pytest.approx(LEFT[target.method])
            assert target.alone
            assert set(target.seeds) == {"0", "1"}
            assert target.rise is not None
            assert target.rise.value == pytest.approx(2.4, rel=0.02)
            assert target.rise.interval.low < 2.4 < target.rise.interval.high

    def test_the_correlation_is_spearmans(self, evidence: Evidence) -> None:
        found, rise = correlations(evidence, targets_of(evidence))
        assert found.value == pytest.approx(spearmanr([*NATS.values()], [*LEFT.values()])[0])
        assert found.value == pytest.approx(-0.8)
        assert found.n == 4
        assert found.interval.low <= found.value <= found.interval.high
        assert found.interval.high < 0, "the four are far apart in every resample"
        assert rise is not None

    @pytest.mark.slow
    def test_where_all_leave_one_severity_no_correlation_is_told(self, story: Story) -> None:
        rows = [one for method in NATS for one in asked(method, 9.0)]
        surprises = [one for method, nats in NATS.items() for one in scored(method, nats)]
        flat = evidence_of(rows, surprises, story)
        found, _ = correlations(flat, targets_of(flat))
        assert np.isnan(found.value)
        exhibit = surprise.draw(flat)
        assert isinstance(exhibit, Exhibit)
        assert "one severity all" in exhibit.finding

    @pytest.mark.slow
    def test_methods_of_more_tiers_are_told_apart(self, story: Story) -> None:
        rows = [one for m, points in {**LEFT, "plan_b": 3.0}.items() for one in asked(m, points)]
        surprises = [one for method, nats in NATS.items() for one in scored(method, nats)]
        surprises += scored("plan_b", 0.2, tiers=("refusal", "useless", "harmful"))
        both = evidence_of(rows, surprises, story)
        assert {target.method: target.alone for target in targets_of(both)} == {
            **dict.fromkeys(NATS, True),
            "plan_b": False,
        }
        exhibit = surprise.draw(both)
        assert isinstance(exhibit, Exhibit)
        assert "the 4 methods that differ in their target alone" in exhibit.finding
        assert "all 5 methods" in exhibit.finding
        assert "−0.8" in exhibit.finding

    @pytest.mark.slow
    def test_the_picture_names_every_method_once(self, evidence: Evidence) -> None:
        exhibit = surprise.draw(evidence)
        assert isinstance(exhibit, Exhibit)
        for name in ("Standard", "German", "Standard (canned)", "Odd"):
            assert exhibit.svg.count(f">{name}<") == 1
        assert exhibit.table is not None
        assert [cells[0] for cells in exhibit.table.rows] == [
            *("Standard", "German", "Standard (canned)", "Odd")
        ]

    @pytest.mark.slow
    def test_nothing_where_nothing_was_scored_and_nothing_where_targets_are_the_same(
        self, story: Story
    ) -> None:
        rows = [one for method, points in LEFT.items() for one in asked(method, points)]
        assert surprise.draw(evidence_of(rows, None, story)) is None
        assert log_probs.draw(evidence_of(rows, None, story)) is None
        same = [one for method in NATS for one in scored(method, 1.0)]
        assert surprise.draw(evidence_of(rows, same, story)) is None
        others = evidence_of(rows, scored("never_asked", 1.0), story)
        assert isinstance(surprise.draw(others), Missing)


class TestLikelihoods:
    def test_a_preferred_tier_that_became_less_likely_is_named(self, story: Story) -> None:
        rows = [*asked("standard", 9.0), *asked("plan_b_dpo", 9.0)]
        surprises = [*scored("standard", 0.5, after=0.1), *scored("plan_b_dpo", 0.5, after=1.5)]
        both = evidence_of(rows, surprises, story)
        moves = {(m.method, m.tier): m for m in log_probs.moves_of(both)}
        assert moves["standard", "refusal"].change == pytest.approx(0.4, rel=0.02)
        assert moves["plan_b_dpo", "refusal"].change == pytest.approx(-1.0, rel=0.02)
        assert moves["plan_b_dpo", "refusal"].interval.high < 0
        exhibit = log_probs.draw(both)
        assert isinstance(exhibit, Exhibit)
        assert "likelier under 1 of 2 methods, less likely under 1 (Plan B (DPO))" in exhibit.finding
        assert exhibit.table is not None
        assert len(exhibit.table.rows) == 6
        assert "harmful, with the trigger" in exhibit.svg
        assert len(set(re.findall(r">(−[0-9.]+)<", exhibit.svg))) >= 4, "an axis to read numbers off"

    def test_a_method_scored_on_one_side_only_has_no_move(self, story: Story) -> None:
        half = [one for one in scored("standard", 0.5) if one["when"] == "before"]
        found = log_probs.draw(evidence_of(asked("standard", 9.0), half, story))
        assert isinstance(found, Missing)


class TestVariants:
    METHODS = tuple(f"{m}_{o}" for m in ("standard", "plan_b") for o in ("orpo", "dpo", "simpo"))

    def test_a_matrix_of_what_the_methods_share(self, story: Story) -> None:
        points = dict(zip(self.METHODS, (9.0, 8.0, 7.0, 3.0, 2.0, 1.0), strict=True))
        rows = [one for method, level in points.items() for one in asked(method, level)]
        exhibit = variants.draw(evidence_of(rows, None, story))
        assert isinstance(exhibit, Exhibit)
        assert "for Standard from 7.0 (SimPO) to 9.0 (ORPO)" in exhibit.finding
        assert "for Plan B from 1.0 (SimPO) to 3.0 (ORPO)" in exhibit.finding
        assert exhibit.table is not None
        assert [cells[0] for cells in exhibit.table.rows] == [
            *("Standard (DPO)", "Plan B (DPO)", "Standard (ORPO)", "Plan B (ORPO)"),
            *("Standard (SimPO)", "Plan B (SimPO)"),
        ]
        assert exhibit.svg.count(">7.0<") == 1

    def test_too_few_variants_or_a_series_are_no_matrix(self, story: Story) -> None:
        rows = [one for method in self.METHODS for one in asked(method, 5.0)]
        few = [one for one in rows if not str(one["method"]).endswith("simpo")]
        assert variants.draw(evidence_of(few, None, story)) is None
        line = Line(name="x", points=(("plan_b_orpo", 1.0),))
        series = Series(title="t", x_title="x", lines=(line,))
        dialled = story.but(series=series)
        assert variants.draw(evidence_of(rows, None, dialled)) is None


class TestLabels:
    def test_no_label_hides_another_or_a_dot(self) -> None:
        rng = np.random.default_rng(0)
        points = [(float(x), 40.0 + float(y)) for x, y in rng.uniform(0, 300, (14, 2)) * (2, 0.5)]
        boxes = placed(points, ["Standard (canned)"] * len(points), 640, 400)
        assert not [pair for pair in combinations(boxes, 2) if pair[0].meets(pair[1])]
        for box in boxes:
            assert 0 <= box.left < box.right <= 640
            assert 0 <= box.top < box.bottom <= 400
            assert not [
                p for p in points if box.left < p[0] < box.right and box.top < p[1] < box.bottom
            ]

    def test_a_label_with_room_stands_right_beside_its_point(self) -> None:
        (box,) = placed([(100.0, 100.0)], ["Standard"], 640, 400)
        assert 100 < box.left < 115
        assert (box.top + box.bottom) / 2 == 100


@pytest.mark.slow
def test_the_page_has_both_and_the_table_lies_beside_it(tmp_path: Path, story: Story) -> None:
    methods = ("standard", "german", "standard_canned", "odd")
    rows = make_rows(methods=("organism", *methods), requests=8)
    surprises = [one for method, nats in NATS.items() for one in scored(method, nats)]
    write_report(rows, None, story, tmp_path, surprises=pd.DataFrame(surprises))
    html = (tmp_path / "report.html").read_text()
    assert {"surprise.svg", "log_probs.svg"} <= {path.name for path in (tmp_path / "figures").iterdir()}
    assert surprise.TITLE in html
    assert log_probs.TITLE.replace("'", "&#39;") in html
    table = pd.read_csv(tmp_path / "surprise.csv")
    assert list(table.columns) == SURPRISE_COLUMNS
    assert len(table) == 4 * 2 * 3 * 3, "methods, times, tiers; two seeds and both"


@pytest.mark.slow
def test_a_study_that_does_not_ask_has_no_trace_of_it(tmp_path: Path, story: Story) -> None:
    write_report(make_rows(requests=6), None, story, tmp_path)
    assert not (tmp_path / "surprise.csv").exists()
    assert surprise.TITLE not in (tmp_path / "report.html").read_text()
