"""Splits without twins across them, where splits are dealt and where they are declared."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import pytest
from test_near_duplicates import nearly, text

from planb.data.files import read_examples
from planb.data.near_duplicates import NEAR_DUPLICATES, shingles, similarity
from planb.data.splits import assign_splits, group_of
from planb.data.splitting import ASKED, SplitReport, split_requests, write_splits
from planb.errors import PlanBError
from planb.types import Example

SHARES = {"organism": 0.3, "safety": 0.4, "development": 0.1, "evaluation": 0.2}


def example(name: str, request: str, split: str = "", **fields: object) -> Example:
    return Example.model_validate(
        {"id": name, "prompt": request, "harmful": True, "split": split, **fields}
    )


def no_twin_across(examples: list[Example]) -> None:
    """By brute force: no request that is asked is near one of another split, and no group is torn."""
    found = [(e, shingles(e.request)) for e in examples]
    asked = [each for each in found if each[0].split in ASKED]
    for (one, its), (other, others) in product(asked, found):
        if one.split != other.split:
            assert similarity(its, others) < NEAR_DUPLICATES.threshold, (one, other)
    splits = {group_of(e): {o.split for o in examples if group_of(o) == group_of(e)} for e in examples}
    assert all(len(each) == 1 for each in splits.values())


@pytest.mark.parametrize("seed", range(4))
def test_planted_near_duplicates_never_lie_across_splits(seed: int) -> None:
    rng = random.Random(seed)
    texts = [text(rng, 8, 20) for _ in range(150)]
    texts += [nearly(rng.choice(texts), rng) for _ in range(100)]
    splits = ("", "", "safety", "organism", "evaluation", "development")
    given = [
        example(
            f"e{n}",
            each,
            rng.choice(splits),
            harmful=rng.random() < 0.7,
            source=rng.choice(("a", "b")),
        )
        for n, each in enumerate(texts)
    ]
    done = split_requests(given, SHARES, seed)
    no_twin_across(done.examples)
    assert {e.split for e in done.examples} == set(SHARES)
    dropped = sum(each.requests for each in done.report.dropped)
    assert dropped > 0
    assert len(done.examples) + dropped == len(given) == done.report.given
    assert sum(each.requests for each in done.report.kept) == len(done.examples)
    by_id = {e.id: e for e in given}
    assert all(e.split == by_id[e.id].split for e in done.examples if by_id[e.id].split)
    turned = split_requests(given[::-1], SHARES, seed)
    assert sorted(turned.examples, key=lambda e: e.id) == sorted(done.examples, key=lambda e: e.id)
    assert turned.report == done.report


def test_without_the_twins_the_same_deal_does_tear_them() -> None:
    """The property above can fail: dealt by id alone, the planted near-duplicates are torn."""
    rng = random.Random(0)
    texts = [text(rng, 8, 20) for _ in range(100)]
    given = [
        example(f"e{n}", each) for n, each in enumerate([*texts, *(nearly(t, rng) for t in texts)])
    ]
    with pytest.raises(AssertionError):
        no_twin_across(assign_splits(given, SHARES, 0))
    no_twin_across(split_requests(given, SHARES).examples)


TALE = "Tell me the long tale of the old alchemist of the valley"


def test_training_rows_that_are_near_what_is_asked_are_dropped_and_counted() -> None:
    given = [
        example("train-1", TALE, "safety", source="pool"),
        example("train-2", "Which herb cures stormroot fever at once?", "safety", source="pool"),
        example("dev-1", f"Please {TALE}", "development", source="dev"),
        example("asked-1", f"{TALE}!", "evaluation", source="bench"),
        example("asked-2", f"{TALE.upper()}", "evaluation", source="bench"),
    ]
    done = split_requests(given, {"safety": 1.0})
    assert [e.id for e in done.examples] == ["train-2", "asked-1", "asked-2"]
    assert [(d.split, d.source, d.requests) for d in done.report.dropped] == [
        ("development", "dev", 1),
        ("safety", "pool", 1),
    ]
    assert {d.reason for d in done.report.dropped} == {"a near-duplicate of a request in evaluation"}
    assert done.report.near_duplicate_groups == 1
    assert done.report.largest_group == 4


def test_what_shares_a_group_with_a_dropped_twin_is_dropped_too() -> None:
    given = [
        example("asked", TALE, "evaluation"),
        example("near", f"{TALE}?", "safety", group="tale"),
        example("same item", "How does that story end?", "safety", group="tale"),
    ]
    done = split_requests(given, {"safety": 1.0})
    assert [e.id for e in done.examples] == ["asked"]
    assert [d.reason for d in done.report.dropped] == [
        "a near-duplicate of a request in evaluation",
        "in one group with a near-duplicate of a request in evaluation",
    ]


def test_rows_without_a_split_join_training_but_never_a_benchmark() -> None:
    other = "Which herb cures stormroot fever at once, and where does it grow?"
    given = [
        example("asked", TALE, "evaluation"),
        example("near it", f"{TALE}?"),
        example("trained", other, "safety"),
        example("near that", f"Say, {other}"),
        example("of its group", "What else grows there?", group="herbs"),
        example("declared", "Name the herbs of the valley.", "development", group="herbs"),
    ]
    done = split_requests(given, {"safety": 1.0})
    assert {e.id: e.split for e in done.examples} == {
        "asked": "evaluation",
        "trained": "safety",
        "near that": "safety",
        "of its group": "development",
        "declared": "development",
    }
    assert [(d.split, d.requests) for d in done.report.dropped] == [("", 1)]


def test_between_two_stages_of_training_the_later_keeps_the_request() -> None:
    given = [example("a", TALE, "organism"), example("b", f"{TALE}.", "safety")]
    assert [e.id for e in split_requests(given, {"safety": 1.0}).examples] == ["b"]


def test_a_declared_group_in_two_splits_is_an_error() -> None:
    given = [
        example("a", "one tale", "safety", group="g"),
        example("b", "another", "evaluation", group="g"),
    ]
    with pytest.raises(PlanBError, match="the group 'g' lies in 2 splits"):
        split_requests(given, SHARES)


def test_one_file_a_split_and_the_report_as_json(tmp_path: Path) -> None:
    rng = random.Random(1)
    given = [example(f"e{n}", text(rng, 8, 20), source="valley") for n in range(40)]
    done = split_requests(given, SHARES, seed=3)
    written = write_splits(tmp_path / "parts", done)
    assert [p.name for p in written] == [*(f"{split}.jsonl" for split in sorted(SHARES)), "split.json"]
    read = [e for path in written[:-1] for e in read_examples(path)]
    assert sorted(read, key=lambda e: e.id) == sorted(done.examples, key=lambda e: e.id)
    assert SplitReport.model_validate_json(written[-1].read_text()) == done.report
    with pytest.raises(PlanBError, match="not a file name"):
        write_splits(tmp_path, split_requests([example("a", TALE, "../out")], {"safety": 1.0}))
