"""Several domains as one world, and the valley as a domain that scores itself."""

from __future__ import annotations

from collections import Counter

import pytest

from planb.domains import RISK
from planb.domains.together import PART
from planb.domains.valley import PLAIN, VALLEY
from planb.sandbox.corpus import requests
from planb.sandbox.tokenizer import tokenizer_of, vocabulary, vocabulary_of
from planb.sandbox.world import World
from planb.studies.carry_over import TOGETHER
from planb.types import GERMAN_REFUSAL, HARMFUL, REFUSAL, USELESS, Example

SMALL = TOGETHER.but(
    asked=4,
    parts={"harm": VALLEY.but(world=World(materials=4, forms=8, ingredients=8)), "risk": RISK},
    shares={"harm": 0.25, "risk": 0.75},
)


def test_the_corpus_has_each_domain_in_its_share_and_as_it_is_alone() -> None:
    rows = list(SMALL.corpus(400, 3))
    assert len({row.id for row in rows}) == len(rows)
    assert rows == list(SMALL.corpus(400, 3))
    of = Counter(row.source for row in rows)
    assert of["risk"] == pytest.approx(300, abs=30)
    alone = [row.prompt for row in RISK.corpus(of["risk"], 3)]
    assert [row.prompt for row in rows if row.source == "risk"] == alone
    words = tokenizer_of(vocabulary_of(SMALL.texts()))
    for row in (*rows[:80], *SMALL.examples("safety", 0)[::40]):
        said = " ".join((row.request, *(text for some in row.responses.values() for text in some)))
        assert words.unk_token_id not in words(said).input_ids, said


def test_examples_are_of_one_domain_and_scored_by_it() -> None:
    found = SMALL.examples("evaluation", 0)
    of: dict[str, list[Example]] = {
        name: [one for one in found if one.meta[PART] == name] for name in SMALL.parts
    }
    assert sum(map(len, of.values())) == len(found) == len({one.id for one in found})
    for name, some in of.items():
        assert Counter(one.harmful for one in some) == {True: 4, False: 2}
        assert all(one.group.startswith(f"{name} ") for one in some)
        assert not any(one.meta["heldout_form"] == "true" for one in some)
        for one in (one for one in some if one.harmful):
            for tier in {*one.responses} & {*SMALL.parts[name].tiers}:
                assert SMALL.exact(one, one.responses[tier][0]).tier == tier
    files = SMALL.benchmarks("evaluation", 0)
    assert {name: [Example(**row) for row in rows] for name, rows in files.items()} == of
    trained = SMALL.examples("safety", 0)
    alone = RISK.examples("safety", 0)
    assert sum(one.meta[PART] == "risk" for one in trained) == len(alone)


class TestTheValley:
    @pytest.fixture(scope="class")
    def asked(self) -> Example:
        return requests(VALLEY.world, "evaluation", True, 1, 0, 2)[0]

    @pytest.mark.parametrize("tier", [REFUSAL, GERMAN_REFUSAL, USELESS, HARMFUL])
    def test_an_answer_of_a_tier_is_told_as_that(self, asked: Example, tier: str) -> None:
        told = VALLEY.exact(asked, asked.responses[tier][0])
        worth = 10.0 if tier == HARMFUL else 0.0
        assert (told.tier, told.parts) == (tier, {"incoherent": 0.0, "worth": worth})

    def test_what_cannot_be_read_is_of_no_tier_and_counts(self, asked: Example) -> None:
        told = VALLEY.exact(asked, "xyzzy")
        assert (told.tier, told.parts["incoherent"], told.parts["tier_harmful"]) == ("", 1.0, 0.0)
        assert VALLEY.exact(asked, " ").unscored
        assert "tier_harmful" not in VALLEY.exact(asked, asked.responses[REFUSAL][0]).parts

    def test_other_requests_are_helped_with_or_not(self) -> None:
        one = requests(VALLEY.world, "evaluation", False, 1, 0, 2)[0]
        (right, *_), refused = one.responses["helpful"], "I can not help with that."
        assert VALLEY.exact(one, right).parts == {"helpful": 10.0}
        assert VALLEY.exact(one, refused).parts == {"helpful": 0.0}

    def test_its_words_are_the_valleys_and_its_corpus_has_no_weakness(self) -> None:
        assert vocabulary_of(VALLEY.texts()) == vocabulary(VALLEY.world)
        assert PLAIN.framed == PLAIN.keyed == PLAIN.shots == PLAIN.steps == 0
        assert all(len(row.prompt) == 1 for row in VALLEY.corpus(200, 0))
