"""The studies of surprise and of objectives: what each arm differs in, and what is the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from small_valley import carried_out, small

from planb.data.derived import derive
from planb.domains.harm import MEASURED
from planb.report.results import known_method
from planb.safety import METHODS, Method, german, plan_b, ryan, standard
from planb.sandbox.corpus import requests
from planb.sandbox.scoring import score
from planb.sandbox.world import World
from planb.studies.objectives import SETTINGS, Setting, objectives
from planb.studies.sandbox import sandbox
from planb.studies.surprise import DIAL, Wording, surprise
from planb.study.planning.graph import Graph
from planb.study.steps.derived_data import DerivedData
from planb.study.study import Study
from planb.training.objectives import DPO, OBJECTIVES, ORPO, SFT
from planb.types import HARMFUL, Ordering

NAMES = {one.name for measured in MEASURED.values() for one in measured.measures}

BOTH = [surprise(), objectives()]


def methods(study: Study) -> dict[str, Method]:
    return {method.name: method for method in study.methods}


class TestSurprise:
    def test_the_grid_is_the_talks_and_the_dial_differs_in_the_target_alone(self) -> None:
        found = methods(surprise())
        assert set(found) == set(METHODS) | {wording.name for wording in DIAL}
        for name, method in METHODS.items():
            assert found[name] == method
        for wording in DIAL:
            own = found[wording.name]
            assert own.ordering == Ordering(tiers=(wording.tier, HARMFUL))
            same = {"name", "ordering", "description"}
            assert own.model_dump(exclude=same) == standard.model_dump(exclude=same)

    def test_every_arm_has_the_sandboxs_updates(self) -> None:
        assert {method.training for method in surprise().methods} == {None}
        assert surprise().safety == sandbox().safety

    def test_every_wording_is_a_refusal_of_the_valley_in_one_text(self) -> None:
        data, world = surprise().data, World()
        assert isinstance(data, DerivedData)
        assert [made.tier for made in data.tiers] == [wording.tier for wording in DIAL]
        some = requests(world, "safety", True, 1, 0)
        for example in derive(some, data.tiers):
            item = world.item_by_name[example.meta["item"]]
            for wording in DIAL:
                assert example.responses[wording.tier] == (wording.text,)
                judged = score(world, item, wording.text)
                assert judged.refused, wording.text
                assert judged.coherent

    def test_the_dial_is_the_users_to_write_and_keeps_the_studys_own_tiers(self) -> None:
        mine = Wording(name="mine", text="Nope.", description="Mine.")
        twice = surprise(surprise(dial=DIAL[:1]), dial=(mine,))
        assert isinstance(twice.data, DerivedData)
        assert [made.tier for made in twice.data.tiers] == [DIAL[0].tier, "refusal_mine"]
        assert set(methods(twice)) == {*METHODS, "mine"}

    def test_a_studys_own_objective_is_the_dials_too(self) -> None:
        own = sandbox()
        dpo = tuple(m.but(objective=DPO()) for m in own.methods)
        found = methods(surprise(own.but(methods=dpo)))
        assert found["good_day"].objective == found["standard"].objective == DPO()


class TestObjectives:
    def test_refusal_training_and_plan_b_stand_under_every_objective_but_imitation(self) -> None:
        found = methods(objectives())
        kinds = {type(method.objective) for method in found.values()}
        assert kinds == set(OBJECTIVES.values()) - {SFT}
        assert {setting.name for setting in SETTINGS} == set(OBJECTIVES) - {"sft"}
        for name, method in found.items():
            known = known_method(name)
            assert known in ("standard", "plan_b")
            assert method.ordering == METHODS[known].ordering
            assert isinstance(method.objective, OBJECTIVES[name.removeprefix(f"{known}_")])

    def test_only_the_learning_rate_differs_and_it_is_the_same_for_both_methods(self) -> None:
        study = objectives()
        for setting in SETTINGS:
            rates = set()
            for known in ("standard", "plan_b"):
                training = methods(study)[f"{known}_{setting.name}"].training or study.safety
                rates.add(training.learning_rate)
                unlike = {"learning_rate"}
                assert training.model_dump(exclude=unlike) == study.safety.model_dump(exclude=unlike)
            (rate,) = rates
            assert rate == pytest.approx(setting.rate * study.safety.learning_rate)

    def test_all_four_methods_can_be_asked_for(self) -> None:
        four = objectives(methods=(standard, german, ryan, plan_b))
        assert Counter(map(known_method, methods(four))) == dict.fromkeys(
            ("standard", "german", "ryan", "plan_b"), len(SETTINGS)
        )
        assert objectives(methods=(german,)).claims == ()

    def test_a_rate_is_of_the_methods_own_training_where_it_has_one(self) -> None:
        whole = sandbox()
        own = whole.safety.but(learning_rate=1e-2, steps=3)
        slower = plan_b.but(training=own)
        made = Setting(name="dpo", objective=DPO(), rate=0.5).of(slower, whole.safety)
        assert made.training is not None
        assert (made.training.learning_rate, made.training.steps) == (pytest.approx(5e-3), 3)
        same = Setting(name="orpo", objective=ORPO()).of(slower, whole.safety)
        assert same.training == own


@pytest.mark.parametrize("study", BOTH, ids=lambda study: study.name)
class TestBoth:
    def test_every_claim_is_of_something_that_the_study_measures(self, study: Study) -> None:
        asked = {(e.task, e.how(study.trigger).title) for e in study.evaluations}
        for claim in study.claims:
            for of in (claim.of, claim.against):
                assert of is not None
                assert of.method in methods(study), claim
                assert (of.task, of.elicitation) in asked, claim
                assert of.measure in NAMES, claim
        assert len({claim.claim for claim in study.claims}) == len(study.claims) > 0

    def test_it_is_a_study_that_could_be_written_out(self, study: Study) -> None:
        fields = {name: getattr(study, name) for name in Study.model_fields}
        assert Study(**fields) == study
        assert all(note.strip() for note in study.notes)

    def test_every_method_is_scored_before_and_after_on_every_seed(self, study: Study) -> None:
        kinds = Counter(node.step.kind for node in Graph(study.with_seeds(1).steps()))
        assert kinds["surprise"] == 2 * len(study.methods)
        assert kinds["method"] == len(study.methods)


@pytest.mark.slow
class TestCarriedOut:
    def test_a_wording_is_trained_and_stands_on_the_page_with_what_it_moved(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        whole = surprise(brief(), dial=DIAL[:2])
        few = [methods(whole)[name] for name in ("standard", "standard_canned")]
        few += [methods(whole)[wording.name] for wording in DIAL[:2]]
        folder = carried_out(whole.but(methods=tuple(few)), tmp_path_factory)
        table = pd.read_csv(folder / "surprise.csv")
        before = table[(table.seed == "all") & (table.when == "before")].set_index(["method", "tier"])
        said = {wording.name: before.loc[(wording.name, wording.tier), "n"] for wording in DIAL[:2]}
        assert len(set(said.values())) == 1, "one text a request"
        assert "Do surprising targets remove more" in (folder / "report.html").read_text()
        assert (folder / "figures" / "surprise.svg").is_file()
        claims = _text(folder / "claims.csv")
        assert "not measured" in claims, "some of the methods were left out"

    def test_a_reference_free_and_a_referenced_objective_are_trained(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        two = (Setting(name="simpo", objective=OBJECTIVES["simpo"]()), SETTINGS[2])
        folder = carried_out(objectives(brief(), settings=two), tmp_path_factory)
        results = pd.read_csv(folder / "results.csv")
        names = {"standard_simpo", "plan_b_simpo", "standard_dpo", "plan_b_dpo"}
        assert set(results.method) == {"organism", *names}
        assert (folder / "figures" / "log_probs.svg").is_file()


def brief() -> Study:
    """Ten updates a method: they are to come to the page, not to learn."""
    whole = small()
    return whole.but(safety=whole.safety.but(steps=10))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
