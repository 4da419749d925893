"""Splits: a group is never split, the shares are kept, and the deal depends on the names alone."""

from __future__ import annotations

from collections import Counter

import pytest

from planb.data.splits import assign_splits, group_of
from planb.errors import PlanBError
from planb.types import Example

SHARES = {"organism": 0.5, "safety": 0.25, "evaluation": 0.25}


def example(number: int, group: str = "", harmful: bool = True, split: str = "") -> Example:
    return Example(
        id=f"e{number}",
        prompt="Hello?",  # type: ignore[arg-type]
        harmful=harmful,
        group=group,
        split=split,
    )


def many() -> list[Example]:
    return [example(i, group=f"g{i // 3}", harmful=i < 120) for i in range(180)]


def test_groups_stay_whole_and_shares_hold_for_harmful_and_harmless_apart() -> None:
    done = assign_splits(many(), SHARES, seed=1)
    assert [e.id for e in done] == [e.id for e in many()]
    splits_of: dict[str, set[str]] = {}
    for e in done:
        splits_of.setdefault(group_of(e), set()).add(e.split)
    assert all(len(splits) == 1 for splits in splits_of.values())
    assert Counter(e.split for e in done if e.harmful) == {
        "organism": 60,
        "safety": 30,
        "evaluation": 30,
    }
    assert Counter(e.split for e in done if not e.harmful) == {
        "organism": 30,
        "safety": 15,
        "evaluation": 15,
    }


def test_the_deal_depends_on_the_seed_and_not_on_the_order() -> None:
    once = {e.id: e.split for e in assign_splits(many(), SHARES, seed=1)}
    turned = {e.id: e.split for e in assign_splits(many()[::-1], SHARES, seed=1)}
    other = {e.id: e.split for e in assign_splits(many(), SHARES, seed=2)}
    assert once == turned
    assert once != other


def test_declared_splits_stand_and_the_group_follows() -> None:
    given = [example(1, "a", split="evaluation"), example(2, "a"), *(example(i) for i in range(3, 11))]
    done = {e.id: e.split for e in assign_splits(given, {"safety": 1.0}, seed=0)}
    assert done.pop("e1") == done.pop("e2") == "evaluation"
    assert set(done.values()) == {"safety"}


def test_errors() -> None:
    torn = [example(1, "a", split="safety"), example(2, "a", split="evaluation")]
    with pytest.raises(PlanBError, match=r"group 'a' lies in 2 splits.*e2.*e1"):
        assign_splits(torn, SHARES, seed=0)
    with pytest.raises(PlanBError, match="would stay empty"):
        assign_splits([example(1), example(2)], SHARES, seed=0)
    with pytest.raises(PlanBError, match="sum to 1"):
        assign_splits(many(), {"safety": 0.5, "evaluation": 0.6}, seed=0)
