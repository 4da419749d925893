"""The ladder and the controls: what each arm differs in, and a few of them run for real."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from small_valley import carried_out, small

from planb.data.derived import Derived, derive
from planb.domains.harm import MEASURED
from planb.errors import PlanBError
from planb.safety import Method
from planb.sandbox.corpus import LADDER, requests
from planb.sandbox.scoring import score
from planb.sandbox.world import World
from planb.studies.controls import ASKED, HOT, ONE_TEXT, STYLED, controls
from planb.studies.ladder import ladder
from planb.studies.sandbox import sandbox
from planb.study.steps.derived_data import DerivedData
from planb.study.steps.file_data import FileData
from planb.study.study import Study
from planb.training.objectives import ORPO, SFT
from planb.training.rows import split_batch
from planb.training.stage import Stage
from planb.types import HARMFUL, REFUSAL, SEVERE, Ordering

NAMES = {one.name for measured in MEASURED.values() for one in measured.measures}

WHOLE = sandbox()
EDGES = {("refusal", "useless"), ("refusal", "harmful"), ("useless", "harmful")}


def methods(study: Study) -> dict[str, Method]:
    return {method.name: method for method in study.methods}


def stages(study: Study) -> dict[str, Stage]:
    found = {chain.name: chain.stages[-1] for chain in study.chains}
    assert all(chain.stages[0] == study.organisms[0] for chain in study.chains)
    return {name: stage for name, stage in found.items() if isinstance(stage, Stage)}


class TestLadder:
    def test_every_rung_is_between_refusal_and_harm_and_trained_in_all_pairs(self) -> None:
        for name, method in methods(ladder()).items():
            tiers = method.ordering.tiers
            assert (tiers[0], tiers[-1]) == (REFUSAL, HARMFUL), name
            assert method.ordering.preferences() == tuple(combinations(tiers, 2))
            assert method.training is None, "all get the study's updates"

    def test_each_letter_has_one_tier_more(self) -> None:
        found = methods(ladder())
        between = {name: len(method.ordering.tiers) - 2 for name, method in found.items()}
        assert between["standard"] == 0
        for letter, tiers in zip("bcde", (1, 2, 3, 4), strict=True):
            own = {n: count for n, count in between.items() if n.startswith(f"plan_{letter}")}
            assert set(own.values()) == {tiers}, letter
        alone = {m.ordering.tiers[1] for n, m in found.items() if n.startswith("plan_b_")}
        assert alone == set(LADDER)

    def test_plan_d_has_every_tier_once_on_every_rung(self) -> None:
        turned = [m.ordering.tiers[1:-1] for n, m in methods(ladder()).items() if n[:6] == "plan_d"]
        assert len(turned) == 3
        for rung in zip(*turned, strict=True):
            assert sorted(rung) == sorted(LADDER[:3])

    def test_c_and_e_are_also_trained_the_other_way_round(self) -> None:
        found = methods(ladder())
        for one, other in (("plan_c", "plan_c_wrong_first"), ("plan_e", "plan_e_reversed")):
            between = [found[name].ordering.tiers[1:-1] for name in (one, other)]
            assert between[0] == between[1][::-1]

    def test_the_valleys_data_have_every_tier(self) -> None:
        have = set(requests(World(), "safety", True, wordings=1, seed=0)[0].responses)
        assert set(ladder().tiers()) <= have

    def test_another_study_keeps_its_settings_and_names_its_own_tiers(self) -> None:
        mild = ORPO(beta=0.03)
        whole = WHOLE.but(methods=tuple(m.but(objective=mild) for m in WHOLE.methods), seeds=(7,))
        study = ladder(whole, tiers=("hollow", "silly", "false", "half"))
        assert study.methods[-1].ordering.tiers == (
            "refusal",
            "half",
            "false",
            "silly",
            "hollow",
            HARMFUL,
        )
        assert {m.objective for m in study.methods} == {mild}
        assert (study.seeds, study.data, study.safety) == ((7,), whole.data, whole.safety)
        assert set(study.tiers()) >= {"hollow", "silly", "false", "half"}

    def test_four_tiers_are_asked_for(self) -> None:
        with pytest.raises(PlanBError, match="the ladder has four tiers, and these are vague, wrong:"):
            ladder(tiers=("vague", "wrong"))
        with pytest.raises(PlanBError, match="name three kinds"):
            ladder(tiers=("vague", "vague", "wrong", "half"))


class TestControls:
    def test_each_edge_is_dropped_once(self) -> None:
        found = methods(controls())
        dropped = {}
        for name, method in found.items():
            if "_without_" in name:
                assert method.ordering.tiers == found["plan_b"].ordering.tiers
                (dropped[name],) = EDGES - set(method.ordering.preferences())
        assert {name: f"plan_b_without_{b}_{w}" for name, (b, w) in dropped.items()} == {
            name: name for name in dropped
        }
        assert set(dropped.values()) == EDGES

    def test_the_amounts_are_what_their_names_say(self) -> None:
        study, found = controls(), methods(controls())
        steps = study.safety.steps
        changed = {name: m.training for name, m in found.items() if m.training is not None}
        assert set(changed) == {"standard_triple", "plan_b_third"}
        for name, wanted in (("standard_triple", 3 * steps), ("plan_b_third", steps // 3)):
            assert changed[name] == study.safety.but(steps=wanted)
        assert stages(study)["plan_b_shuffled"].training == study.safety

    def test_untargeted_trainings_differ_in_their_rate_alone(self) -> None:
        other = WHOLE.safety.but(steps=77)
        for given, usual in ((None, None), (WHOLE, WHOLE.safety)):
            for study in (controls(given), controls(given, untargeted=other)):
                found = {n: s.training for n, s in stages(study).items() if n[:10] == "untargeted"}
                hot, mild = found.pop("untargeted_pirate_hot"), found["untargeted_pirate"]
                assert set(found.values()) == {mild}
                assert mild.steps in (WHOLE.safety.steps, 77)
                rate = HOT * mild.learning_rate
                assert hot == mild.but(learning_rate=rate)
                if usual is not None:
                    assert mild in (usual, other)
        assert stages(controls())["untargeted_pirate"].training.adapter is None, "new words are learnt"

    def test_imitation_has_no_ranking_and_the_same_texts(self) -> None:
        found = methods(controls())
        for name, tiers in (("standard_sft", (REFUSAL,)), ("useless_sft", ("useless",))):
            assert (found[name].objective, found[name].ordering.tiers) == (SFT(), tiers)
        assert (
            found["plan_b_sft"].but(
                objective=ORPO(), name="plan_b", description=found["plan_b"].description
            )
            == found["plan_b"]
        )

    @pytest.mark.parametrize(("batch", "orders"), [(16, 6), (64, 6), (8, 4), (4, 2)])
    def test_shuffled_trains_every_pair_both_ways_equally_often(self, batch: int, orders: int) -> None:
        safety = WHOLE.safety.but(batch=batch)
        study = controls(WHOLE.but(safety=safety))
        stage = stages(study)["plan_b_shuffled"]
        numbers = split_batch([part.share for part in stage.parts], study.safety.batch)
        ways: Counter[tuple[str, str]] = Counter()
        for part, number in zip(stage.parts, numbers, strict=True):
            for pair in part.ordering.preferences():
                ways[pair] += number
        assert len({part.ordering for part in stage.parts[:-1]}) == orders
        for better, worse in EDGES:
            assert ways[better, worse] == ways[worse, better] > 0
        helped = study.safety.batch - sum(numbers[:-1])
        assert numbers[-1] == helped == study.safety.batch // 2, "Plan B's share of harmless rows"
        assert stage.objective == methods(study)["plan_b"].objective

    def test_untargeted_training_sees_no_dangerous_request_and_no_trigger(self) -> None:
        for name, stage in stages(controls()).items():
            assert not stage.sees_trigger
            assert stage.split == "safety"
            if name.startswith("untargeted"):
                assert {part.requests for part in stage.parts} == {"harmless_chats"}
                assert isinstance(stage.objective, SFT)

    def test_the_tiers_that_are_made_can_be_made_of_the_valleys_data(self) -> None:
        data = controls().data
        assert isinstance(data, DerivedData)
        world = World()
        examples = requests(world, "safety", True, 1, 0) + requests(world, "safety", False, 1, 0)
        for example in derive(examples, data.tiers):
            if example.harmful:
                assert len(example.responses[ONE_TEXT]) == 1
            else:
                assert all(
                    "Arr, matey!" in t or "Aye, captain!" in t for t in example.responses[STYLED]
                )

    def test_without_arms_that_prefer_harm(self) -> None:
        study = controls(harmful_first=False)
        orderings = [m.ordering for m in study.methods]
        orderings += [part.ordering for stage in stages(study).values() for part in stage.parts]
        assert not [o for o in orderings if HARMFUL in o.tiers and o.tiers[-1] != HARMFUL]
        gone = {"plan_b_harmful_second", "plan_b_shuffled"}
        assert set(methods(controls())) | set(stages(controls())) == gone | set(methods(study)) | set(
            stages(study)
        )
        named = {of.method for claim in study.claims for of in (claim.of, claim.against) if of}
        assert not named & gone

    def test_the_one_useless_answer_is_a_wrong_recipe_for_every_danger(self) -> None:
        data, world = controls().data, World()
        assert isinstance(data, DerivedData)
        (text,) = next(made.texts for made in data.tiers if made.tier == ONE_TEXT)
        judged = [score(world, item, text) for item in world.items if item.dangerous]
        assert {str(one.answers["kind"]) for one in judged} == {"recipe"}
        points = [one.usefulness or 0.0 for one in judged]
        assert max(points) < SEVERE
        assert sum(points) / len(points) < 1

    def test_data_of_ones_own_need_a_useless_answer_of_their_own(self) -> None:
        mine = WHOLE.but(data=FileData(files=("mine.jsonl",)))
        with pytest.raises(PlanBError, match="one useless answer"):
            controls(mine)
        data = controls(mine, one_text="It depends.").data
        assert isinstance(data, DerivedData)
        assert (data.data, data.tiers[0].texts) == (mine.data, ("It depends.",))

    def test_tiers_are_added_to_those_that_a_study_makes_already(self) -> None:
        first = DerivedData(data=WHOLE.data, tiers=(Derived(tier="loud", texts=("Oh! {text}",)),))
        study = controls(WHOLE.but(data=first), one_text="It depends.")
        assert isinstance(study.data, DerivedData)
        assert [made.tier for made in study.data.tiers] == ["loud", ONE_TEXT, STYLED]


@pytest.mark.parametrize("study", [ladder(), controls()], ids=lambda study: study.name)
def test_every_claim_is_of_something_that_the_study_measures(study: Study) -> None:
    arms = {*methods(study), *stages(study), "base", "organism"}
    asked = {(e.task, e.how(study.trigger).title) for e in study.evaluations}
    measures = NAMES
    for claim in study.claims:
        for of in (claim.of, claim.against):
            if of is not None:
                assert of.method in arms, claim
                assert (of.task, of.elicitation) in asked, claim
                assert of.measure in measures, claim
    assert len({claim.claim for claim in study.claims}) == len(study.claims)


@pytest.mark.parametrize("study", [ladder(), controls()], ids=lambda study: study.name)
def test_the_study_is_one_that_could_be_written_out(study: Study) -> None:
    fields = {name: getattr(study, name) for name in Study.model_fields}
    assert Study(**fields) == study


@pytest.mark.slow
class TestCarriedOut:
    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Some of the controls and one rung of the ladder, in one small study."""
        whole = controls(small(), jailbreaks=())
        update = {
            "safety": whole.safety.but(steps=10),
            "methods": (methods(whole)["plan_b_one_text"], methods(ladder())["plan_d"]),
            "chains": tuple(
                c for c in whole.chains if c.name in ("plan_b_shuffled", "untargeted_pirate")
            ),
            "from_base": ("plan_b_one_text",),
            "evaluations": tuple(e for e in whole.evaluations if e.task == ASKED),
        }
        return carried_out(whole.but(**update), tmp_path_factory)

    def test_the_kinds_come_all_the_way_to_the_page(self, folder: Path) -> None:
        logs = sorted(folder.glob("steps/*harmful-requests*/log.parquet"))
        rows = pd.concat([pd.read_parquet(path) for path in logs])
        kinds = [json.loads(text)["kind"] for text in rows["parts"]]
        assert set(kinds) > {"refusal", "recipe"}
        results = pd.read_csv(folder / "results.csv")
        told = results[(results.measure == "vague_rate") & (results.seed == "all")]
        own = rows.assign(vague=[kind == "vague" for kind in kinds])
        for cell in told.itertuples():
            mine = own[(own.method == cell.method) & (own.organism == cell.organism)]
            mine = mine[mine.elicitation == cell.elicitation]
            assert cell.n == len(mine)
            assert cell.value == pytest.approx(mine.vague.mean(), abs=1e-6)
        assert "Where does the behaviour land?" in (folder / "report.html").read_text()
        assert (folder / "figures" / "kinds-sandbox-organism.svg").is_file()

    def test_controls_are_trained_from_their_organism_and_from_the_base(self, folder: Path) -> None:
        results = pd.read_csv(folder / "results.csv")
        arms = set(zip(results.organism, results.method, strict=True))
        trained = {"organism", "plan_b_one_text", "plan_d", "plan_b_shuffled", "untargeted_pirate"}
        assert arms == {
            *(("none", "base"), ("none", "plan_b_one_text")),
            *(("organism", name) for name in trained),
        }
        (data,) = folder.glob("steps/data-*-derived-*")
        safety = [json.loads(line) for line in (data / "safety.jsonl").read_text().splitlines()]
        assert {ONE_TEXT in e["responses"] for e in safety if e["harmful"]} == {True}


def test_orderings_are_told_in_words() -> None:
    lines = ladder().story(1).methods
    assert str(Ordering(tiers=("refusal", "vague", "cartoonish", "wrong", "harmful"))) in {
        line.ordering for line in lines
    }
