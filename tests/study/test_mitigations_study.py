"""Mitigations beside Plan B: equal starts and budgets, two leagues, a dial each, Plan B after each."""

from __future__ import annotations

import pytest
from small_valley import carried_out, small

from planb.mitigations import CROW, LAT, Quantization
from planb.organism import Organism
from planb.safety import Method
from planb.studies.mitigations import mitigations
from planb.studies.mitigations_claims import CLEAN, HARMFUL_TOO, INOCULATED
from planb.study.chain import Chain
from planb.study.steps.evaluation import Evaluation
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
    after = {f"{name}_then_plan_b" for name in (*BOTH, INOCULATED)}
    assert set(found) == {*dials, *after, INOCULATED}
    for name in (*BOTH, INOCULATED):
        assert found[f"{name}_then_plan_b"].stages[:-1] == found[name].stages
        last = found[f"{name}_then_plan_b"].stages[-1]
        assert isinstance(last, Method)
        assert last.but(name="plan_b") == study.methods[6]
    assert study.methods[6].name == "plan_b"
    shares = [found[f"merged{end}"].stages[-1] for end in ("_weak", "", "_strong")]
    assert [one.share for one in shares if isinstance(one, Interpolation)] == [0.25, 0.5, 0.75]
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
        first, *rest = chain.stages
        assert isinstance(first, Organism)
        assert first.but(inoculation="", name="organism") == study.organisms[0]
        for link in rest:
            if isinstance(link, Stage):
                same = link.training.but(learning_rate=study.safety.learning_rate)
                assert same == study.safety
                assert bool(link.harmful_tiers) == name.startswith(tuple(HARMFUL_TOO))
                assert link.sees_trigger is None
    pair = [chains(study)[name].stages[-1] for name in ("lat", "lat_control")]
    lat, control = (link for link in pair if isinstance(link, Stage))
    assert isinstance(lat.objective, LAT)
    assert type(control.objective) is DPO
    assert control.objective == lat.objective.control
    assert (lat.parts, lat.training) == (control.parts, control.training)


def test_a_study_of_ones_own_has_no_inoculation_unless_it_names_one() -> None:
    whole = small()
    assert not any(name.startswith(INOCULATED) for name in chains(mitigations(whole)))
    assert not any(INOCULATED in claim.of.method for claim in mitigations(whole).claims)
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
    some = tuple(chain for chain in study.chains if chain.name in ("lat", "wanda"))
    folder = carried_out(
        study.but(chains=some, methods=(), claims=(), series=None, evaluate_base=False),
        tmp_path_factory,
    )
    lines = (folder / "results.csv").read_text().splitlines()
    assert {line.split(",")[3] for line in lines[1:]} == {"organism", "lat", "wanda"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Wanda pruning, 35% of each output, 128 harmless requests" in page
