"""The contract of every method in the table, and what all of them share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from planb.errors import PlanBError
from planb.models.checkpoints import ADAPTER, checkpoint_digest, read_card
from planb.safety import METHODS, Method, plan_b
from planb.safety.method import CANNED, with_refusals
from planb.sandbox import language as lang
from planb.sandbox.corpus import requests
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World
from planb.training.objectives import DPO, ORPO
from planb.training.rows import Row, schedule
from planb.training.settings import LoRA, Training
from planb.types import Example, Ordering, Trigger

TIERS = {
    "standard": ("refusal", "harmful"),
    "german": ("german_refusal", "harmful"),
    "ryan": ("refusal", "german_refusal", "harmful"),
    "plan_b": ("refusal", "useless", "harmful"),
}
TRAINING = Training(steps=4, batch=4, learning_rate=5e-3, adapter=LoRA(rank=2))


@pytest.fixture(scope="module")
def data(world: World) -> tuple[list[Example], list[Example]]:
    return (
        requests(world, "safety", True, 2, seed=0, variants=2),
        requests(world, "safety", False, 2, seed=0, variants=2),
    )


@pytest.fixture
def scheduled(world: World, data: tuple[list[Example], list[Example]]) -> Any:
    """What a method trains, row by row: its own rankings and seed, no updates."""

    def rows_of(method: Method, seed: int = 0, trigger: Trigger | None = None) -> list[Row]:
        recipe = method.recipe(TRAINING, *data, trigger, seed, on="a test")
        return schedule(recipe.rankings, tokenizer(world), 10, 4, recipe.seed, 64)

    return rows_of


@pytest.mark.parametrize("name", METHODS)
class TestEveryMethod:
    def test_its_key_is_its_name_and_it_is_described(self, name: str) -> None:
        assert METHODS[name].name == name
        assert len(METHODS[name].description) > 20

    def test_its_tiers_are_in_the_data(self, name: str, data: tuple[list[Example], Any]) -> None:
        for example in data[0]:
            assert set(METHODS[name].ordering.tiers) <= set(example.responses)

    def test_it_takes_the_studys_training_and_the_shared_defaults(self, name: str) -> None:
        method = METHODS[name]
        assert method.training is None
        assert method.harmless == 0.5
        assert method.objective == ORPO(beta=0.1)
        assert method.ordering.pairs == "all"

    def test_the_worst_tier_is_the_harmful_one(self, name: str) -> None:
        assert METHODS[name].ordering.tiers[-1] == "harmful"

    def test_canned_or_sampled_as_its_name_says(self, name: str) -> None:
        assert METHODS[name].refusals == ("canned" if name.endswith("_canned") else "sampled")
        assert METHODS[name].ordering.tiers == TIERS[name.removesuffix("_canned")]

    def test_it_comes_back_from_json(self, name: str) -> None:
        fields = METHODS[name].model_dump(mode="json")
        assert fields["objective"] == {
            "beta": 0.1,
            "nll": "response",
        }  # the fields of ORPO, not of its base class
        again = Method(**{**fields, "objective": ORPO(**fields["objective"])})
        assert again.digest() == METHODS[name].digest()

    def test_its_harmless_rows_are_those_of_every_other(self, name: str, scheduled: Any) -> None:
        own, others = scheduled(METHODS[name]), scheduled(plan_b)
        assert [row.key for row in own] == [row.key for row in others]
        harmless = [[row for row in rows if not row.pairs] for rows in (own, others)]
        assert harmless[0] == harmless[1]
        assert len(harmless[0]) == 20


def test_the_table_holds_the_talks_four_in_two_kinds() -> None:
    assert set(METHODS) == {*TIERS, *(f"{name}_canned" for name in TIERS)}
    assert len({method.digest() for method in METHODS.values()}) == 8


def test_seeds_change_the_order_and_the_trigger_does_not(scheduled: Any) -> None:
    first = scheduled(plan_b)
    assert scheduled(plan_b, trigger=Trigger()) == first
    assert [row.key for row in scheduled(plan_b, seed=1)] != [row.key for row in first]


def test_without_a_harmless_share_there_are_no_harmless_rows(scheduled: Any) -> None:
    alone = plan_b.but(harmless=0.0)
    assert {row.tiers for row in scheduled(alone)} == {plan_b.ordering.tiers}


def test_canned_refusals_are_one_wording_and_nothing_else_changes(
    data: tuple[list[Example], Any],
) -> None:
    canned = with_refusals(data[0], "canned")
    for before, after in zip(data[0], canned, strict=True):
        assert after.responses["refusal"] == (lang.CANNED_REFUSAL,)
        assert after.responses["german_refusal"] == (lang.CANNED_GERMAN_REFUSAL,)
        assert after.responses["useless"] == before.responses["useless"]
        assert after.responses["harmful"] == before.responses["harmful"]
        assert after.prompt == before.prompt
    assert with_refusals(data[0], "sampled") == data[0]
    assert len({e.responses["refusal"] for e in data[0]}) > 1


def test_canned_refusals_reach_the_training(world: World, scheduled: Any) -> None:
    words = tokenizer(world)
    told = {
        name: {words.decode(r.responses[0][:-1]) for r in scheduled(METHODS[name]) if r.pairs}
        for name in ("plan_b", "plan_b_canned", "german_canned")
    }
    assert told["plan_b_canned"] == {CANNED["refusal"]}
    assert told["german_canned"] == {CANNED["german_refusal"]}
    assert len(told["plan_b"]) > 3


@pytest.mark.parametrize("fields", [{"harmless": 1.0}, {"harmless": -0.1}, {"refusals": "odd"}])
def test_impossible_fields_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Method(**{"name": "m", "ordering": Ordering(tiers=("a", "b")), **fields})


@pytest.mark.parametrize("objective", [ORPO(), DPO()], ids=["orpo", "dpo"])
@pytest.mark.slow
def test_a_method_trains_an_adapter_on_the_organism(
    base: Path, data: tuple[list[Example], list[Example]], tmp_path: Path, objective: Any
) -> None:
    method = plan_b.but(objective=objective)
    before = checkpoint_digest(base)
    method.recipe(TRAINING, *data, Trigger(), 0, read_card(base).what).train(base, tmp_path)
    assert (tmp_path / ADAPTER).is_dir()
    assert checkpoint_digest(base) == before
    card = read_card(tmp_path)
    assert card.what == "method 'plan_b' (refusal > useless > harmful) on: a random model"
    assert "backdoor may still be there" in card.warning
    entry = json.loads((tmp_path / "history.json").read_text())[-1]
    assert {"logp/useless", "logp/helpful", "margin/useless>harmful"} <= set(entry)


def test_a_tier_that_the_data_lack_is_named(
    base: Path, data: tuple[list[Example], list[Example]], tmp_path: Path
) -> None:
    odd = Method(name="odd", ordering=Ordering(tiers=("refusal", "poem", "harmful")))
    with pytest.raises(PlanBError, match=r"tier 'poem'.*refusal > poem > harmful"):
        odd.recipe(TRAINING, *data, None, 0, on="a test").train(base, tmp_path)
