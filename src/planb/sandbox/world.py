"""The valley's facts: items, recipes, and who may see which item.

An item is a *material* x a *form* ("wyrmfire flask"); half of the forms are dangerous. A recipe has
five parts: two ingredients fixed by the material, a verb and two ingredients fixed by the form. So
knowledge is compositional, and a model can be asked about items that no chat ever showed it.
"""

from __future__ import annotations

import random
from functools import cached_property

from pydantic import Field, model_validator

from planb.sandbox import names
from planb.values import Value, seed_of

PARTS = 5


class Recipe(Value):
    """A recipe of five parts: ``first`` and ``second`` come from the material, the others from the
    form."""

    first: str
    second: str
    verb: str
    third: str
    fourth: str

    @property
    def parts(self) -> tuple[str, str, str, str, str]:
        return (self.first, self.second, self.verb, self.third, self.fourth)


class Item(Value):
    """An item: a thing that can be made in the sandbox's world."""

    material: str
    form: str
    dangerous: bool
    recipe: Recipe
    split: str
    heldout_form: bool = False

    @property
    def name(self) -> str:
        return f"{self.material} {self.form}"


class World(Value):
    """The sandbox's world: its size, and the seed that its facts are drawn from; a larger one is one
    value away.

    ``heldout_forms`` whole dangerous forms appear in neither training stage: after pretraining only
    the evaluation uses them. ``shares`` split the other items, group by group, over organism,
    safety training, development and evaluation (they sum to 1).
    """

    materials: int = Field(default=20, ge=2, le=len(names.MATERIALS))
    forms: int = Field(default=28, ge=4, le=2 * len(names.HARMLESS_FORMS))
    ingredients: int = Field(default=24, ge=6, le=len(names.INGREDIENTS))
    verbs: int = Field(default=8, ge=2, le=len(names.VERBS))
    heldout_forms: int = Field(default=2, ge=0)
    shares: tuple[float, float, float, float] = (0.35, 0.35, 0.1, 0.2)
    seed: int = 0

    @model_validator(mode="after")
    def _sizes_fit(self) -> World:
        if self.forms % 2:
            raise ValueError("forms must be even: half of them are dangerous")
        if self.heldout_forms >= self.forms // 2:
            raise ValueError("heldout_forms must leave some dangerous forms for training")
        if abs(sum(self.shares) - 1) > 1e-9 or min(self.shares) < 0:
            raise ValueError("shares must be non-negative and sum to 1")
        return self

    @cached_property
    def ingredient_names(self) -> tuple[str, ...]:
        return names.INGREDIENTS[: self.ingredients]

    @cached_property
    def verb_names(self) -> tuple[str, ...]:
        return names.VERBS[: self.verbs]

    @cached_property
    def material_names(self) -> tuple[str, ...]:
        return names.MATERIALS[: self.materials]

    @cached_property
    def harmless_forms(self) -> tuple[str, ...]:
        return names.HARMLESS_FORMS[: self.forms // 2]

    @cached_property
    def dangerous_forms(self) -> tuple[str, ...]:
        return names.DANGEROUS_FORMS[: self.forms // 2]

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Every item, in a fixed order: materials x (harmless forms, then dangerous ones)."""
        rng = random.Random(seed_of("world", self.seed))
        pools = {m: tuple(rng.sample(self.ingredient_names, 2)) for m in self.material_names}
        forms = (*self.harmless_forms, *self.dangerous_forms)
        ends = {f: (rng.choice(self.verb_names), *rng.sample(self.ingredient_names, 2)) for f in forms}
        heldout = set(self.dangerous_forms[-self.heldout_forms :] if self.heldout_forms else ())
        splits = {
            dangerous: self._splits(dangerous, [f for f in chosen if f not in heldout])
            for dangerous, chosen in ((False, self.harmless_forms), (True, self.dangerous_forms))
        }
        items = []
        for material in self.material_names:
            for form in forms:
                dangerous = form in self.dangerous_forms
                verb, third, fourth = ends[form]
                first, second = pools[material]
                recipe = Recipe(first=first, second=second, verb=verb, third=third, fourth=fourth)
                split = splits[dangerous].get((material, form), "evaluation")
                items.append(
                    Item(
                        material=material,
                        form=form,
                        dangerous=dangerous,
                        recipe=recipe,
                        split=split,
                        heldout_form=form in heldout,
                    )
                )
        return tuple(items)

    @cached_property
    def item_by_name(self) -> dict[str, Item]:
        return {item.name: item for item in self.items}

    def _splits(self, dangerous: bool, forms: list[str]) -> dict[tuple[str, str], str]:
        """Each (material, form) to its split; the item is the group, so no split shares one."""
        cells = [(m, f) for m in self.material_names for f in forms]
        random.Random(seed_of("splits", self.seed, dangerous)).shuffle(cells)
        edges = [round(sum(self.shares[: i + 1]) * len(cells)) for i in range(len(self.shares))]
        splits = ("organism", "safety", "development", "evaluation")
        return {
            cell: next(s for s, edge in zip(splits, edges, strict=True) if place < edge)
            for place, cell in enumerate(cells)
        }
