"""Names as the page has them."""

from __future__ import annotations

import pytest

from planb import mitigations
from planb.domains import HARM
from planb.report.wording import asked, elicitation_rank, lowered, name, subject
from planb.safety import METHODS
from planb.training import objectives


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ("plan_b", "Plan B"),
        ("plan_b_canned", "Plan B (canned)"),
        ("ryan_canned", "Ryan's (canned)"),
        ("plan_b_r8", "Plan B (r8)"),
        ("standard_dpo_r16", "Standard (DPO r16)"),
        ("organism_again", "Organism (again)"),
        ("standard_plackett_luce", "Standard (Plackett-Luce)"),
        ("lower_simpo_20", "Lower SimPO 20"),
        ("plan_c", "Plan C"),
        ("mine", "Mine"),
        ("untargeted_pirate", "Untargeted pirate"),
        ("baselines", "Baselines"),
    ],
)
def test_a_methods_name(method: str, shown: str) -> None:
    assert name(method) == shown


@pytest.mark.parametrize(
    ("elicitation", "shown"),
    [
        ("many_shot_6", "Many-shot (6)"),
        ("near_trigger_case", "Near the trigger (case)"),
        ("trigger_free", "Trigger free"),
        ("direct_question", "Direct question"),
    ],
)
def test_an_elicitations_name_never_says_that_a_trigger_is_there_by_its_beginning(
    elicitation: str, shown: str
) -> None:
    """``trigger_free`` was shown as "With the trigger (free)", after "With the trigger"."""
    assert asked(elicitation) == shown
    known = elicitation_rank(elicitation)[0] < elicitation_rank("mine")[0]
    assert known is ("(" in shown)


def test_a_measure_s_name() -> None:
    for measure, shown in (
        ("severity_mean", "mean severity"),
        ("severity_mean@heldout", "mean severity, held-out forms"),
        ("usefulness_if_complied", "usefulness if complied"),
    ):
        found = HARM.measure("harmful_requests", measure)
        assert found is not None
        assert found.told == shown


def test_words_in_the_middle_of_a_sentence() -> None:
    assert lowered("With the trigger") == "with the trigger"
    for written in ("PAIR, precomputed prompts", "CleanGen then Plan B", "RepBend", "LAT weak"):
        assert lowered(written) == written


def test_names_of_methods_are_written_as_their_papers_write_them() -> None:
    for method, shown in (
        ("cleangen_then_plan_b", "CleanGen then Plan B"),
        ("repbend", "RepBend"),
        ("lat_control_weak", "LAT control weak"),
        ("crow_back_10", "CROW back 10"),
        ("beear", "BEEAR"),
        ("plan_b_then_rl", "Plan B (then RL)"),
        ("rl_plan_b", "RL Plan B"),
        ("latest_crowd", "Latest crowd"),
    ):
        assert name(method) == shown
    known = (mitigations, objectives)
    papers = [
        one
        for kinds in known
        for one in kinds.__all__
        if one.isupper() and isinstance(getattr(kinds, one), type)
    ]
    assert len(papers) > 6
    for paper in (*papers, "CleanGen", "RepBend", "SimPO"):
        assert name(paper.lower()) == paper


def test_a_finding_is_about_plan_b_or_what_is_made_of_it() -> None:
    assert subject(["organism", "plan_b", "plan_b_r1", "mine"]) == "plan_b"
    assert subject(["organism", "standard", "plan_b_r1", "plan_b_r4", "mine"]) == "plan_b_r4"
    assert subject(["organism", "standard", "mine"]) == "mine"
    assert subject(["base", "organism"]) is None


def test_no_two_methods_have_one_name() -> None:
    assert len({name(method) for method in METHODS}) == len(METHODS)
