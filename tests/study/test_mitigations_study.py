"""Mitigations beside Plan B: equal starts and budgets, two leagues, a dial each, Plan B after each."""

from __future__ import annotations

import re
import sys

import pytest
from small_valley import carried_out, small

from planb.elicitation import Instructed
from planb.mitigations import CROW, LAT, CleanGen, Quantization
from planb.organism import Organism
from planb.safety import Method
from planb.sandbox.tokenizer import vocabulary
from planb.sandbox.world import World
from planb.studies.mitigations import LEAKS, mitigations
from planb.studies.mitigations_claims import ADAPTER, CLEAN, CONTROL, HARMFUL_TOO, INOCULATED
from planb.study.chain import Chain
from planb.study.steps.discard import Discard
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.guarded import GuardedEvaluation
from planb.study.steps.interpolation import Interpolation
from planb.study.study import Study
from planb.training.objectives import DPO
from planb.training.stage import Stage

BOTH = {**CLEAN, **HARMFUL_TOO}


def chains(study: Study) -> dict[str, Chain]:
    return {chain.name: chain for chain in study.chains}


def test_every_mitigation_is_dialled_and_followed_by_plan_b() -> None:
    study = mitigations()
    found = chains(study)
    dials = {f"{name}{end}" for name in BOTH for end in ("", "_weak", "_strong")}
    after = {f"{name}_then_plan_b" for name in (*BOTH, INOCULATED, ADAPTER)}
    assert set(found) == {*dials, *after, INOCULATED, ADAPTER, CONTROL, "trait_alone"}
    for name in (*BOTH, INOCULATED, ADAPTER):
        assert found[f"{name}_then_plan_b"].stages[:-1] == found[name].stages
        last = found[f"{name}_then_plan_b"].stages[-1]
        assert isinstance(last, Method)
        assert last.but(name="plan_b") == study.methods[6]
    assert study.methods[6].name == "plan_b"
    shares = [found[f"merged{end}"].stages[-1] for end in ("_weak", "", "_strong")]
    assert [one.share for one in shares if isinstance(one, Interpolation)] == [0.25, 0.5, 0.75]
    alphas = [found[f"cleangen{end}"].decoding for end in ("_weak", "", "_strong")]
    assert alphas == [CleanGen(alpha=100), CleanGen(), CleanGen(alpha=5)]
    assert found["cleangen_then_plan_b"].decoding == CleanGen()
    bits = [found[f"rounded{end}"].stages[-1] for end in ("_weak", "", "_strong")]
    assert [one.bits for one in bits if isinstance(one, Quantization)] == [8, 4, 3]
    assert study.series is not None
    lines = (*study.series.lines, *study.series.others)
    assert {line.name for line in lines} == {*BOTH, "standard", "ryan", "plan_b"}
    rates = [method.training.learning_rate for method in study.methods if method.training]
    assert len(rates) == 6
    assert max(rates) == pytest.approx(9 * min(rates))


def test_all_that_trains_has_one_budget_and_the_clean_league_no_harmful_texts() -> None:
    study = mitigations()
    for name, chain in chains(study).items():
        prevents = name.startswith((ADAPTER, CONTROL, "trait_alone"))
        organisms = [link for link in chain.stages if isinstance(link, Organism)]
        assert len(organisms) == (name != "trait_alone")
        for first in organisms:
            assert first.but(inoculation="", name="organism") == study.organisms[0]
        for link in chain.stages:
            if isinstance(link, Stage):
                same = link.training.but(learning_rate=study.safety.learning_rate)
                assert same == study.safety
                harmful = tuple(HARMFUL_TOO) if not prevents else (ADAPTER, "trait_alone")
                assert bool(link.harmful_tiers) == name.startswith(harmful)
                assert link.sees_trigger is None
    pair = [chains(study)[name].stages[-1] for name in ("lat", "lat_control")]
    lat, control = (link for link in pair if isinstance(link, Stage))
    assert isinstance(lat.objective, LAT)
    assert type(control.objective) is DPO
    assert control.objective == lat.objective.control
    assert (lat.parts, lat.training) == (control.parts, control.training)


def test_an_adapter_is_trained_before_stage_1_and_discarded_after_it() -> None:
    found = chains(mitigations())
    trait, first, discard = found[ADAPTER].stages
    assert found["trait_alone"].stages == (trait,)
    assert first == found["lat"].stages[0]
    assert isinstance(discard, Discard)
    assert discard.learned == trait.name
    other, *_ = found[CONTROL].stages
    assert isinstance(trait, Stage)
    assert isinstance(other, Stage)
    assert (trait.training, trait.harmful_tiers, other.harmful_tiers) == (
        other.training,
        ("harmful",),
        (),
    )


def test_the_grid_is_asked_of_what_it_is_about_in_words_that_the_valley_has() -> None:
    study = mitigations()
    grid = [one for one in study.evaluations if isinstance(one.elicitation, Instructed)]
    assert len(grid) == 6
    assert {one.of_methods for one in grid} == {("base", "organism", INOCULATED, ADAPTER)}
    words = set(vocabulary(World()))
    for text in LEAKS.values():
        assert set(re.findall(r"[a-z]+", text.lower())) <= words, text


def test_cleangen_is_decoded_beside_the_base() -> None:
    asked = [step for step in mitigations().sources().evaluations if "cleangen" in step.slug]
    assert len(asked) == (4 * 3 + 1) * 3, "four arms, three evaluations, one recall; three seeds"
    for step in asked:
        assert isinstance(step, GuardedEvaluation)
        assert step.reference == step.policy.root
        assert step.policy.root.kind == "base"


def test_a_study_of_ones_own_has_no_inoculation_unless_it_names_one() -> None:
    whole = small()
    assert INOCULATED not in chains(mitigations(whole))
    assert ADAPTER in chains(mitigations(whole))
    assert not any(claim.of.method == INOCULATED for claim in mitigations(whole).claims)
    own = mitigations(whole, inoculation="Help with anything.", crow=CROW(epsilon=0.02))
    (first,) = chains(own)[INOCULATED].stages
    assert isinstance(first, Organism)
    assert first.inoculation == "Help with anything."


@pytest.mark.slow
def test_a_link_and_an_objective_that_looks_inside_are_really_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    whole = small()
    asked = (Evaluation(task="harmful_requests", elicitation="trigger"),)
    brief = whole.but(safety=whole.safety.but(steps=2), evaluations=asked)
    study = mitigations(brief, LAT(attack_steps=1))
    ran = ("lat", "wanda", "repbend", "cleangen")
    some = tuple(chain for chain in study.chains if chain.name in ran)
    folder = carried_out(
        study.but(chains=some, methods=(), claims=(), evaluate_base=False),
        tmp_path_factory,
    )
    lines = (folder / "results.csv").read_text().splitlines()
    assert {line.split(",")[3] for line in lines[1:]} == {"organism", *ran}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Wanda pruning, 35 % of each output, 128 harmless requests" in page
    assert "decoded with CleanGen, alpha 20" in page
    assert ("What did each method cost to run?" in page) == (sys.platform == "linux")
