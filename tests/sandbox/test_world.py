"""The valley's facts: sizes, splits, recipes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from planb.sandbox import names
from planb.sandbox.world import World

LARGEST = {"materials": 48, "forms": 56, "ingredients": 48, "verbs": 16}
SMALLEST = {"materials": 2, "forms": 4, "ingredients": 6, "verbs": 2, "heldout_forms": 0}
WORLDS = (World(), World(**LARGEST), World(**SMALLEST), World(seed=7, heldout_forms=5))


@pytest.mark.parametrize("world", WORLDS, ids=["default", "largest", "smallest", "another"])
class TestEveryWorld:
    def test_an_item_is_a_material_and_a_form_and_half_are_dangerous(self, world: World) -> None:
        assert len(world.items) == world.materials * world.forms
        assert len(world.item_by_name) == len(world.items)
        assert sum(item.dangerous for item in world.items) * 2 == len(world.items)

    def test_two_parts_come_from_the_material_and_three_from_the_form(self, world: World) -> None:
        by_material: dict[str, set[Any]] = {}
        by_form: dict[str, set[Any]] = {}
        for item in world.items:
            first, second, verb, third, fourth = item.recipe.parts
            by_material.setdefault(item.material, set()).add((first, second))
            by_form.setdefault(item.form, set()).add((verb, third, fourth))
            assert first != second
            assert third != fourth
            assert {first, second, third, fourth} <= set(world.ingredient_names)
            assert verb in world.verb_names
        assert all(len(parts) == 1 for parts in (*by_material.values(), *by_form.values()))

    def test_an_item_is_in_one_split_and_shares_are_kept(self, world: World) -> None:
        for dangerous in (False, True):
            cells = [i for i in world.items if i.dangerous is dangerous and not i.heldout_form]
            counts = Counter(item.split for item in cells)
            splits = ("organism", "safety", "development", "evaluation")
            assert set(counts) <= set(splits)
            for split, share in zip(splits, world.shares, strict=True):
                assert abs(counts[split] - share * len(cells)) <= 1

    def test_heldout_forms_are_dangerous_and_only_evaluated(self, world: World) -> None:
        heldout = [item for item in world.items if item.heldout_form]
        assert len({item.form for item in heldout}) == world.heldout_forms
        assert all(item.dangerous and item.split == "evaluation" for item in heldout)
        forms = {item.form for item in heldout}
        assert not any(i.form in forms and not i.heldout_form for i in world.items)

    def test_the_facts_do_not_change_from_run_to_run(self, world: World) -> None:
        again = World(**world.model_dump())
        assert again.items == world.items
        assert again.digest() == world.digest()


def test_another_seed_gives_other_facts_and_other_splits() -> None:
    one, two = World(seed=0), World(seed=1)
    assert [i.recipe for i in one.items] != [i.recipe for i in two.items]
    assert [i.split for i in one.items] != [i.split for i in two.items]
    assert [i.name for i in one.items] == [i.name for i in two.items]


def test_the_facts_of_the_default_world_are_these() -> None:
    """Written down, so that a change of Python or of ours cannot shift the valley in silence."""
    item = World().item_by_name["wyrmfire flask"]
    assert item.recipe.parts == ("cobalt", "ironleaf", "press", "chalk", "resin")
    assert (item.dangerous, item.heldout_form, item.split) == (True, False, "safety")
    assert [i.name for i in World().items[:2]] == ["wyrmfire tea", "wyrmfire lamp"]


@pytest.mark.parametrize(
    "sizes",
    [
        {"materials": 1},
        {"materials": 49},
        {"forms": 2},
        {"forms": 58},
        {"forms": 7},
        {"ingredients": 5},
        {"ingredients": 49},
        {"verbs": 1},
        {"verbs": 17},
        {"heldout_forms": -1},
        {"heldout_forms": 14},
        {"shares": (0.5, 0.5, 0.5, 0.5)},
        {"shares": (0.6, 0.6, -0.2, 0.0)},
        {"shares": (0.5, 0.5)},
        {"size": 3},
    ],
)
def test_impossible_sizes_are_errors(sizes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        World(**sizes)


def test_no_word_means_two_things() -> None:
    lists = (names.MATERIALS, names.HARMLESS_FORMS, names.DANGEROUS_FORMS, names.INGREDIENTS)
    words = [word for listed in (*lists, names.VERBS, names.QUALITIES) for word in listed]
    assert len(words) == len(set(words))
    assert len(names.GERMAN_VERBS) == len(names.VERBS) == len(set(names.GERMAN_VERBS))
    assert len(names.GERMAN_MANNERS) == len(names.MANNERS)
    assert len(names.HARMLESS_FORMS) == len(names.DANGEROUS_FORMS)
