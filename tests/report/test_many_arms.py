"""A study of thirty arms: its page is whole, its arms are told apart, and nothing runs over. All rows
are synthetic."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from synthetic_rows import make_rows
from synthetic_study import jailbroken

from planb.report import wording
from planb.report.charting import drawing
from planb.report.evidence import Evidence, Exhibit, panels
from planb.report.exhibits import (
    backfire,
    decomposition,
    differences,
    jailbreaks,
    samples,
    seeds,
    severity,
)
from planb.report.page import write_report
from planb.report.results import METHOD_ORDER, method_rank, results_of
from planb.report.rows import checked_rows
from planb.report.story import Story

pytestmark = pytest.mark.slow

RANKS = (1, 2, 4, 16, 64)
KNOWN = ("base", "organism", "standard", "german", "ryan", "plan_b")
ARMS = (
    *KNOWN,
    *(f"plan_b_r{rank}" for rank in RANKS),
    *(f"plan_b_sft_r{rank}" for rank in RANKS),
    *(f"standard_r{rank}" for rank in RANKS),
    *("plan_c", "plan_d_wrong_first", "untargeted_pirate", "questions_only", "shuffled"),
    *("plan_b_without_refusal_over_useless", "relearned_4", "relearned_16", "inverse"),
)


@pytest.fixture(scope="module")
def many() -> Evidence:
    rows = checked_rows(make_rows(ARMS, seeds=2, requests=10))
    story = Story(study="synthetic", title="A synthetic report", seeds_finished=2, seeds_planned=2)
    (evidence,) = panels(rows, results_of(rows), None, story)
    return evidence


def shown(svg: str) -> list[str]:
    """The texts of a picture."""
    return re.findall(r">([^<>]+)</text>", svg)


def width(svg: str) -> float:
    size = re.search(r'viewBox="0 0 ([\d.]+) ', svg)
    assert size is not None
    return float(size.group(1))


def test_there_are_thirty_arms_and_each_has_a_name_of_its_own() -> None:
    assert len(ARMS) == len({wording.name(arm) for arm in ARMS}) == 30


@pytest.mark.parametrize("draw", [severity, decomposition, backfire, seeds, differences])
def test_every_arm_stands_in_the_picture_by_name(draw: object, many: Evidence) -> None:
    made = draw.draw(many)  # type: ignore[attr-defined]
    assert isinstance(made, Exhibit)
    texts = shown(made.svg)
    own = "plan_b" if draw is differences else ""
    assert {wording.name(arm) for arm in ARMS if arm != own} <= set(texts)
    assert not [text for text in texts if text.endswith("…")], "no name is cut off"
    assert width(made.svg) < 1000, "it fits a page without its words becoming tiny"


def test_arms_have_colours_of_their_own(many: Evidence) -> None:
    colours = {arm: drawing.colour(arm, many.methods) for arm in many.methods}
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours.values())
    assert len(set(colours.values())) == 30
    for arm in KNOWN:
        assert colours[arm] == drawing.COLOURS[arm]
    family = [colours[f"plan_b_r{rank}"] for rank in RANKS]
    for one, other in combinations(family, 2):
        assert distance(one, other) > 10
    assert all(brightness(colour) < 0.85 for colour in colours.values()), "seen on white"


def distance(one: str, other: str) -> float:
    parts = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (one, other)]
    return sum((a - b) ** 2 for a, b in zip(*parts, strict=True)) ** 0.5


def brightness(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_variants_alone_are_told_apart_and_one_has_the_family_s_colour() -> None:
    alone = ["plan_b_r4"]
    assert drawing.colour("plan_b_r4", alone) == drawing.COLOURS["plan_b"]
    three = [f"plan_b_r{rank}" for rank in (1, 2, 4)]
    assert len({drawing.colour(arm, three) for arm in three}) == 3
    assert len({drawing.colour(arm, [*three, "plan_b"]) for arm in [*three, "plan_b"]}) == 4


def test_variants_stand_with_their_method_and_numbers_in_their_order() -> None:
    ranked = sorted(ARMS, key=method_rank)
    assert ranked[:2] == ["base", "organism"]
    at = ranked.index
    assert at("standard") < at("standard_r1") < at("standard_r16") < at("german")
    assert [a for a in ranked if a.startswith("plan_b_r")] == [f"plan_b_r{rank}" for rank in RANKS]
    assert at("plan_b") < at("plan_b_r1") < at("plan_c") < at("plan_d_wrong_first") < at("inverse")
    assert at("relearned_4") < at("relearned_16")
    assert method_rank("baseline")[0] == len(METHOD_ORDER), "a name that only begins like a known one"


def test_a_few_arms_are_shown_with_samples_by_rule(many: Evidence) -> None:
    made = samples.draw(many)
    assert isinstance(made, Exhibit)
    answering = {answer.method for sample in made.samples for answer in sample.answers}
    assert len(answering) == samples.MOST
    assert set(KNOWN) <= answering
    assert "12 of 30 methods are shown" in made.caption
    assert samples.draw(many) == made
    few = checked_rows(make_rows(ARMS[:8], seeds=1, requests=6))
    (evidence,) = panels(few, results_of(few), None, many.story)
    made = samples.draw(evidence)
    assert isinstance(made, Exhibit)
    assert {a.method for s in made.samples for a in s.answers} == set(ARMS[:8])
    assert "methods are shown" not in made.caption


def test_jailbreaks_on_many_arms_stand_in_blocks(many: Evidence) -> None:
    asked = ("direct", "trigger", "many_shot", "skeleton_key")
    arms = tuple(("backdoor", arm) for arm in ARMS[:16])
    rows = checked_rows(jailbroken(arms, seeds=1, requests=6, asked=asked))
    (evidence,) = panels(rows, results_of(rows), None, many.story)
    made = jailbreaks.draw(evidence)
    assert isinstance(made, Exhibit)
    assert width(made.svg) < 1000
    words = " ".join(shown(made.svg))
    assert words.count("mean severity") == words.count("complies") == 16
    assert words.count("Skeleton key") == 2 * 3, "two rows in each of three blocks"


def test_a_page_of_many_arms_is_whole(many: Evidence, tmp_path: Path) -> None:
    rows = many.rows[many.rows["sample_id"].str[1:].astype(int) < 5]
    half = rows[rows["method"].isin(ARMS[:16]) & (rows["seed"] == "0")]
    other = half[half["method"].isin(ARMS[6:12])].assign(organism="other")
    write_report(pd.concat([half, other]), None, many.story, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "Left out: there are no two methods" not in page
    for arm in ARMS[:12]:
        assert wording.name(arm) in page
    sections = dict(
        re.findall(r'<section id="(seeds[^"]*|samples[^"]*)">(.*?)</section>', page, re.DOTALL)
    )
    swatches = set(re.findall(r"background:(#[0-9a-f]{6})", sections["samples-synthetic-other"]))
    drawn = set(re.findall(r'stroke="(#[0-9a-f]{6})"', sections["seeds-synthetic-other"]))
    assert len(swatches) == 6
    assert swatches <= drawn, "a panel's samples have the colours of its figures"
