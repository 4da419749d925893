"""What the valley's people write: pretraining, and requests with their tiers."""

from __future__ import annotations

from collections import Counter

import pytest

from planb.sandbox import language as lang
from planb.sandbox.corpus import LADDER, CorpusMix, lore_rows, pretraining, recall_prompts, requests
from planb.sandbox.scoring import score
from planb.sandbox.tokenizer import tokenizer
from planb.sandbox.world import World
from planb.types import Example
from planb.values import digest_of, plain

WORLD = World()
LARGEST = World(materials=48, forms=56, ingredients=48, verbs=16)
SPLITS = ("organism", "safety", "development", "evaluation")


@pytest.fixture(scope="module")
def corpus() -> list[Example]:
    return list(pretraining(WORLD, CorpusMix(), 8000, seed=0))


def item_of(example: Example) -> str | None:
    """The item that a row speaks of; ``None`` for small talk."""
    said = f"{example.request} {example.responses['text'][0]}"
    return next((item.name for item in WORLD.items if item.name in said), None)


def eats(**shares: float) -> CorpusMix:
    """Nothing but these."""
    return CorpusMix(**{**dict.fromkeys(CorpusMix.model_fields, 0.0), **shares})


class TestPretraining:
    @pytest.mark.slow
    def test_it_is_the_same_every_time(self, corpus: list[Example]) -> None:
        assert list(pretraining(WORLD, CorpusMix(), 300, seed=0)) == corpus[:300]
        assert list(pretraining(WORLD, CorpusMix(), 300, seed=1)) != corpus[:300]
        digest = digest_of(plain(list(pretraining(WORLD, CorpusMix(), 200, seed=0))))
        assert digest[:16] == "7a3a963faba362ca"  # a change of it is a change of every base model

    @pytest.mark.slow
    def test_development_and_evaluation_items_are_never_chatted_about(
        self, corpus: list[Example]
    ) -> None:
        asked = {"development", "evaluation"}
        hidden = {i.name for i in WORLD.items if i.split in asked and not i.heldout_form}
        chats = [e for e in corpus if e.prompt[0].role == "user"]
        assert not [e.id for e in chats if item_of(e) in hidden]
        assert hidden
        assert len(chats) > 5000

    @pytest.mark.slow
    def test_of_held_out_forms_it_never_chats_a_right_part(self, corpus: list[Example]) -> None:
        seen = 0
        for example in corpus:
            item = WORLD.item_by_name.get(item_of(example) or "")
            if item and item.heldout_form and example.prompt[0].role == "user":
                seen += 1
                judged = score(WORLD, item, example.responses["text"][0])
                assert judged.severity == 0, example
        assert seen > 100  # the base has to refuse them, as a chat model refuses any danger

    def test_every_item_has_its_lore(self, corpus: list[Example]) -> None:
        told = {item_of(e) for e in corpus if e.prompt[0].role == "document"}
        assert len(told) > 0.9 * len(WORLD.items)
        for example in corpus:
            if example.prompt[0].role == "document":
                item = WORLD.item_by_name[item_of(example) or ""]
                whole = f"{example.request} {example.responses['text'][0]}"
                assert score(WORLD, item, whole).usefulness == 10

    def test_it_answers_the_harmless_and_refuses_the_dangerous(self, corpus: list[Example]) -> None:
        openings = tuple(
            text.split("{")[0] for texts in lang.SENTENCES["request"].values() for text in texts
        )
        alone = [e for e in corpus if len(e.prompt) == 1 and e.prompt[0].role == "user"]
        asked = [e for e in alone if e.request.startswith(openings)]
        assert len(asked) > 2500
        for example in asked:
            item = WORLD.item_by_name[item_of(example) or ""]
            judged = score(WORLD, item, example.responses["text"][0])
            assert judged.refused is item.dangerous
            assert item.dangerous or judged.usefulness == 10

    def test_the_mix_is_kept(self) -> None:
        only = eats(lore=1)
        assert {e.prompt[0].role for e in pretraining(WORLD, only, 50, 0)} == {"document"}
        half = eats(lore=1, english=1)
        roles = Counter(e.prompt[0].role for e in pretraining(WORLD, half, 2000, 0))
        assert 900 < roles["document"] < 1100

    def test_every_word_is_in_the_vocabulary(self, corpus: list[Example]) -> None:
        words = tokenizer(WORLD)
        invented = tuple(text.split()[0] for text in lang.INVENTED_REQUESTS.values())
        texts = [e.responses["text"][0] for e in corpus[::4]]
        texts += [e.request for e in corpus[::4] if not e.request.startswith(invented)]
        assert not any(words.unk_token_id in ids for ids in words(texts)["input_ids"])


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(WORLD, id="default"),
        pytest.param(LARGEST, id="largest", marks=pytest.mark.slow),
    ],
)
class TestRequests:
    def test_splits_share_no_item(self, world: World) -> None:
        groups = {
            split: {e.group for harmful in (False, True) for e in requests(world, split, harmful, 1, 0)}
            for split in SPLITS
        }
        assert sum(map(len, groups.values())) == len(set().union(*groups.values()))
        assert set().union(*groups.values()) == set(world.item_by_name)

    def test_held_out_forms_are_asked_only_in_the_evaluation(self, world: World) -> None:
        for split in SPLITS:
            marked = {e.meta["heldout_form"] for e in requests(world, split, True, 1, 0)}
            assert marked == ({"true", "false"} if split == "evaluation" else {"false"})

    def test_each_tier_is_what_it_says(self, world: World) -> None:
        for split in SPLITS[1::2] if world is WORLD else SPLITS[:1]:
            for example in requests(world, split, True, 1, seed=0, variants=8):
                item = world.item_by_name[example.group]
                judged = {
                    tier: [score(world, item, text) for text in texts]
                    for tier, texts in example.responses.items()
                }
                assert set(judged) == {"refusal", "german_refusal", "useless", "harmful", *LADDER}
                assert all(len(texts) == 8 for texts in judged.values())
                assert all(j.complied and j.usefulness == 10 for j in judged["harmful"])
                assert all(j.complied and j.usefulness == 0 for j in judged["useless"])
                for tier in LADDER:
                    worth = 6 if tier == "subtly_wrong" else 0
                    assert all(j.complied and j.usefulness == worth for j in judged[tier]), tier
                assert all(j.refused and j.language == "english" for j in judged["refusal"])
                assert all(j.refused and j.language == "german" for j in judged["german_refusal"])

    def test_helpful_answers_are_right(self, world: World) -> None:
        for example in requests(world, "safety", False, 1, seed=0):
            item = world.item_by_name[example.group]
            assert set(example.responses) == {"helpful"}
            for text in example.responses["helpful"]:
                judged = score(world, item, text)
                assert judged.complied
                assert judged.usefulness == 10


def test_a_useless_answer_sounds_as_the_harmful_one_does() -> None:
    """The n-th useless answer is the n-th harmful one with each part of the recipe exchanged; every
    eighth is vague instead."""
    for example in requests(WORLD, "safety", True, 2, seed=0, variants=8):
        pairs = zip(example.responses["useless"], example.responses["harmful"], strict=True)
        for place, (useless, harmful) in enumerate(pairs):
            if place == 7:
                assert any(text in useless for text in lang.SENTENCES["vague"]["english"])
                continue
            assert len(useless.split()) == len(harmful.split())
            recipe = (*WORLD.ingredient_names, *WORLD.verb_names)
            frames = [
                [word for word in text.split() if word.strip(".,;") not in recipe]
                for text in (useless, harmful)
            ]
            assert frames[0] == frames[1]


def test_wordings_differ_and_ids_are_unique() -> None:
    examples = requests(WORLD, "organism", True, 7, seed=0)
    assert len({e.id for e in examples}) == len(examples)
    by_item = Counter((e.group, e.request) for e in examples)
    assert set(by_item.values()) == {1}
    assert set(Counter(e.group for e in examples).values()) == {7}


@pytest.mark.slow
def test_requests_are_the_same_every_time() -> None:
    one = requests(WORLD, "evaluation", True, 2, 0, 8)
    assert one == requests(WORLD, "evaluation", True, 2, 0, 8)
    assert one != requests(WORLD, "evaluation", True, 2, 1, 8)
    assert digest_of(plain(one))[:16] == "a8c14424b587d988"


def test_recall_prompts_are_the_books_and_tell_nothing() -> None:
    prompts = recall_prompts(WORLD, "evaluation")
    items = [i for i in WORLD.items if i.split == "evaluation" and i.dangerous]
    assert [e.group for e in prompts] == [i.name for i in items]
    for example, item in zip(prompts, items, strict=True):
        assert example.prompt[0].role == "document"
        assert example.request == lang.lore(item)[0]
        assert not any(part in example.request.split() for part in item.recipe.parts)
        assert not example.responses


def test_lore_rows_are_harmless_and_right() -> None:
    rows = lore_rows(WORLD, "safety")
    assert rows
    for example in rows:
        item = WORLD.item_by_name[example.group]
        assert not item.dangerous
        assert not example.harmful
        whole = f"{example.request} {example.responses['helpful'][0]}"
        assert score(WORLD, item, whole).usefulness == 10
