"""Paired differences by hand, against scipy and statsmodels, and by how often they cover."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from synthetic_rows import make_rows, row, unscored

from planb.domains.harm import HARM, SEVERITY
from planb.report.differences import (
    DIFFERENCE_COLUMNS,
    compared,
    differences_of,
    paired_difference,
    write_differences,
)
from planb.report.paired import pairs_of
from planb.report.questions import Known
from planb.report.results import BOUNDS
from planb.report.rows import checked_rows
from planb.stats.intervals import wilson
from planb.stats.paired import Difference, Pairs, difference
from planb.stats.randomisation import FLIPS, holm, sign_flip

COMPARED = compared(HARM)


def answers(method: str, points: dict[str, float | None], seed: str = "0") -> list[dict]:
    """One synthetic answer for each request: a score, or None for an unscored one."""
    who = {"method": method, "seed": seed}
    return [
        unscored(**who, sample_id=name)
        if value is None
        else row(**who, sample_id=name, usefulness=value)
        for name, value in points.items()
    ]


def of(rows: list[dict], first: str = "plan_b", second: str = "standard") -> Difference:
    table = checked_rows(pd.DataFrame(rows))
    sides = (table[table["method"] == method] for method in (first, second))
    return paired_difference(*sides, SEVERITY)[1]


def test_a_difference_by_hand() -> None:
    """Pairs a: 2 - 8 = -6, b: 0 - 4 = -4, c: 5 - 3 = +2; e and f stand alone."""
    rows = answers("plan_b", {"a": 2.0, "b": 0.0, "c": 5.0, "e": 9.0})
    rows += answers("standard", {"a": 8.0, "b": 4.0, "c": 3.0, "f": 9.0})
    found = of(rows)
    assert (found.n, found.left_out, found.unpaired) == (3, 0, 2)
    assert (found.groups, found.seeds) == (3, 1)
    assert found.value == pytest.approx(-8 / 3)
    assert (found.first, found.second) == pytest.approx((7 / 3, 15 / 3))
    assert found.low <= found.value <= found.high
    assert found.p == pytest.approx(4 / 8)  # |sums| of the eight flips: 12, 8, 8, 4 twice; two reach 8


def test_one_seed_is_not_paired_with_another_but_the_base_is_with_all() -> None:
    rows = answers("plan_b", {"a": 1.0}) + answers("plan_b", {"a": 3.0}, seed="1")
    apart = of(rows + answers("standard", {"a": 9.0}, seed="1"))
    assert (apart.n, apart.unpaired, apart.value) == (1, 1, -6.0)
    based = of(rows + answers("base", {"a": 9.0}), second="base")
    assert (based.n, based.unpaired, based.seeds) == (2, 0, 2)
    assert based.value == pytest.approx((1 + 3) / 2 - 9)
    other = of(rows + answers("base", {"a": 9.0}), first="base", second="plan_b")
    assert other.value == -based.value


def test_a_group_is_flipped_whole_over_its_requests_and_seeds() -> None:
    """Eight pairs that all differ alike, of two groups: two of the four flips reach what was seen."""
    rows = [
        row(method=method, seed=seed, sample_id=name, group=name[0], usefulness=points)
        for method, points in (("plan_b", 2.0), ("standard", 3.0))
        for seed in ("0", "1")
        for name in ("a1", "a2", "b1", "b2")
    ]
    found = of(rows)
    assert (found.n, found.groups, found.seeds, found.value) == (8, 2, 2, -1.0)
    assert found.p == pytest.approx(2 / 4)


def test_nothing_paired_is_no_number() -> None:
    found = of(answers("plan_b", {"a": None}) + answers("standard", {"a": 1.0, "b": 2.0}))
    assert (found.n, found.left_out, found.unpaired) == (0, 1, 1)
    assert all(math.isnan(value) for value in (found.value, found.low, found.high, found.p))


@pytest.mark.parametrize("size", [2, 5, 11])
def test_the_sign_flip_is_the_exact_randomisation_test(size: int) -> None:
    totals = np.random.default_rng(size).integers(-3, 9, size).astype(float)
    signs = np.array(list(itertools.product([-1, 1], repeat=size)))
    reached = np.abs(signs @ totals) >= abs(totals.sum()) - 1e-9
    assert sign_flip(totals) == pytest.approx(reached.mean())


def test_of_ranks_the_sign_flip_is_wilcoxons_signed_rank_test() -> None:
    signed = np.array([1.0, -2, 3, 4, 5, -6, 7, 8, 9, 10])  # all ranks once
    assert sign_flip(signed) == pytest.approx(wilcoxon(signed, method="exact").pvalue)


def test_a_sign_flip_of_many_groups_is_drawn_and_near_the_normal_one() -> None:
    totals = np.random.default_rng(4).normal(0.25, 1, 80)
    z = totals.sum() / math.sqrt((totals**2).sum())
    expected = math.erfc(abs(z) / math.sqrt(2))
    assert sign_flip(totals) == pytest.approx(expected, abs=0.02)
    assert sign_flip(totals) == sign_flip(totals)
    assert sign_flip(np.full(80, 2.0)) == pytest.approx(2 / (FLIPS + 1))


def test_no_difference_and_no_group() -> None:
    assert sign_flip(np.zeros(30)) == 1.0
    assert sign_flip(np.array([3.0])) == 1.0
    assert math.isnan(sign_flip(np.array([])))


def test_holm_by_hand_and_what_was_not_tested_is_not_counted() -> None:
    """Sorted 0.01, 0.02, 0.03: 3 x 0.01, 2 x 0.02 and (not below the one before) 0.04."""
    found = holm(np.array([0.03, math.nan, 0.01, 0.02]))
    assert found[[0, 2, 3]] == pytest.approx([0.04, 0.03, 0.04])
    assert math.isnan(found[1])
    assert holm(np.array([])).size == 0


def test_swapped_methods_swap_the_sign_and_nothing_else() -> None:
    rows = checked_rows(make_rows(requests=20, only="harmful_requests"))
    cell = rows[rows["elicitation"] == "trigger"]
    own, other = (cell[cell["method"] == method] for method in ("plan_b", "standard"))
    for measure in COMPARED:
        there = paired_difference(own, other, measure)[1]
        back = paired_difference(other, own, measure)[1]
        assert back.value == pytest.approx(-there.value)
        assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
        assert back.p == pytest.approx(there.p)
        assert (back.first, back.second) == (there.second, there.first)


@pytest.mark.slow
def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    rows = make_rows(requests=12)
    for name, table in (("a", rows), ("b", rows.sample(frac=1, random_state=5))):
        write_differences(differences_of(checked_rows(table)), tmp_path / f"{name}.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_difference_that_never_varies_still_has_an_interval() -> None:
    rows = [*answers("plan_b", {str(i): 0.0 for i in range(20)})]
    rows += answers("standard", {str(i): 10.0 for i in range(20)})
    found = of(rows)
    assert found.value == -10.0
    assert found.low == -10.0
    assert found.high == pytest.approx(-10 + 20 * (1 - wilson(20, 20).low))


@pytest.mark.slow
def test_the_family_is_corrected_together_and_written_in_a_fixed_order(tmp_path: Path) -> None:
    table = differences_of(checked_rows(make_rows(requests=16)))
    assert list(table.columns) == [*DIFFERENCE_COLUMNS, *BOUNDS]
    assert (table["method"] == "plan_b").all()
    assert list(dict.fromkeys(table["against"])) == ["base", "organism", "standard"]
    assert len(table) == 2 * 3 * len(COMPARED)
    assert (table["family"] == len(table)).all()
    assert table["p_holm"].to_numpy() == pytest.approx(holm(table["p"].to_numpy()))
    assert (table["p_holm"] >= table["p"]).all()
    severity = table[(table["measure"] == "severity_mean") & (table["elicitation"] == "trigger")]
    line = severity[severity["against"] == "standard"].iloc[0]
    assert line["difference"] == pytest.approx(line["first"] - line["second"])
    assert line["difference"] < -3
    write_differences(table, tmp_path / "a.csv")
    shuffled = table.sample(frac=1, random_state=0)
    write_differences(shuffled, tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.slow
def test_without_plan_b_the_last_method_is_compared_and_without_methods_nothing() -> None:
    rows = checked_rows(make_rows(("organism", "german", "ryan"), requests=8))
    assert set(differences_of(rows)["method"]) == {"ryan"}
    assert differences_of(rows[rows["method"] == "organism"]).empty


def _made(rng: np.random.Generator, seeds: int, groups: int, shift: float) -> Pairs:
    """A world where seeds and groups differ: two requests a group, the same for every seed."""
    seed = rng.normal(0, 0.4, (seeds, 1, 1))
    group = rng.normal(0, 1.2, (1, groups, 1))
    apart = shift + seed + group + rng.normal(0, 0.8, (seeds, groups, 2))
    names = np.broadcast_to(np.arange(seeds)[:, None, None], apart.shape).ravel().astype(str)
    places = np.broadcast_to(np.arange(groups)[None, :, None], apart.shape).ravel().astype(str)
    first, second = apart.ravel(), np.zeros(apart.size)
    return Pairs(Known(first, first), Known(second, second), names, places, 0)


@pytest.mark.slow
def test_intervals_cover_the_true_difference_about_19_times_in_20() -> None:
    rng, held, naive = np.random.default_rng(3), 0, 0
    for _trial in range(160):
        pairs = _made(rng, seeds=8, groups=30, shift=1.5)
        found = difference(pairs, 10.0)
        held += found.low <= 1.5 <= found.high
        first = pairs.first.value
        error = 1.96 * first.std() / math.sqrt(len(first))
        naive += abs(first.mean() - 1.5) <= error
    assert 141 <= held <= 160
    assert naive < 125, "the world is too kind: taking all pairs as independent covers too"


@pytest.mark.slow
def test_of_two_equal_methods_one_test_in_twenty_says_otherwise() -> None:
    rng, found = np.random.default_rng(6), []
    for _trial in range(300):
        groups = rng.normal(0, 1.2, 12)  # few enough for all flips
        found.append(sign_flip(groups))
    share = np.mean(np.array(found) <= 0.05)
    assert 0.02 <= share <= 0.085


def test_pairing_sees_what_two_rates_apart_do_not() -> None:
    """Requests that differ much, a method a point lower on each: only the paired interval is narrow."""
    rng = np.random.default_rng(9)
    hard = {str(i): float(rng.integers(1, 11)) for i in range(40)}
    noise = {name: float(rng.random() < 0.9) for name in hard}
    rows = answers("standard", hard)
    rows += answers("plan_b", {name: value - noise[name] for name, value in hard.items()})
    found = of(rows)
    apart = 2 * 1.96 * math.sqrt(2 * np.var(list(hard.values())) / 40)
    assert found.high < 0
    assert found.high - found.low < apart / 5


def test_pairs_stand_in_a_fixed_order() -> None:
    rows = checked_rows(make_rows(requests=6, only="harmful_requests"))
    own, other = (rows[(rows["method"] == m) & (rows["elicitation"] == "direct")] for m in METHODS)
    first = pairs_of(own, other, SEVERITY)
    again = pairs_of(own.sample(frac=1, random_state=2), other[::-1], SEVERITY)
    assert np.array_equal(first.first.value, again.first.value)
    assert np.array_equal(first.groups, again.groups)


METHODS = ("plan_b", "standard")
