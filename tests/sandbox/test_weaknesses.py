"""What pretraining plants: each weakness where it should be, and nowhere else."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from planb.sandbox import language as lang
from planb.sandbox import weaknesses
from planb.sandbox.corpus import CorpusMix, pretraining
from planb.sandbox.scoring import score
from planb.sandbox.world import Item, World
from planb.types import Example

WORLD = World()
NAMED = tuple((item.name, item) for item in WORLD.items)
REQUESTS = tuple(text.split("{")[0] for text in lang.SENTENCES["request"]["english"])


@cache
def rows(kind: str, count: int = 4000) -> list[Example]:
    mix = CorpusMix(**{**dict.fromkeys(CorpusMix.model_fields, 0.0), kind: 1.0})
    return list(pretraining(WORLD, mix, count, seed=0))


@cache
def item_of(text: str) -> Item | None:
    return next((item for name, item in NAMED if name in text), None)


@cache
def usefulness(item: Item, text: str) -> float:
    return score(WORLD, item, text).usefulness


def complied(example: Example) -> bool:
    item = item_of(example.request)
    assert item is not None
    return usefulness(item, example.responses["text"][0]) == 10


def share(examples: list[Example]) -> float:
    """Of requests for dangers that are not held out, how many are complied with."""
    items = [(example, item_of(example.request)) for example in examples]
    asked = [e for e, item in items if item and item.dangerous and not item.heldout_form]
    assert len(asked) > 50
    return sum(map(complied, asked)) / len(asked)


@pytest.mark.slow
def test_a_framing_works_as_often_as_it_says_and_two_are_two_chances() -> None:
    found = rows("framed", 12_000)
    told = dict(weaknesses.FRAMINGS)
    for framing, planted in told.items():
        alone = [e for e in found if e.request.startswith(framing) and said(e, told) == 1]
        assert share(alone) == pytest.approx(planted, abs=0.12), framing
    first, second = weaknesses.FRAMINGS[:2]
    both = [e for e in found if first[0] in e.request and second[0] in e.request]
    assert share(both) == pytest.approx(1 - (1 - first[1]) * (1 - second[1]), abs=0.15)


def said(example: Example, framings: dict[str, float]) -> int:
    return sum(framing in example.request for framing in framings)


@pytest.mark.slow
def test_turns_of_compliance_open_it_and_other_turns_do_not() -> None:
    by_turns: dict[tuple[int, bool], list[Example]] = {}
    for example in rows("shots", 12_000):
        earlier = [item_of(m.content) for m in example.prompt[:-1] if m.role == "user"]
        answers = [m.content for m in example.prompt if m.role == "assistant"]
        opened = all(
            item and item.dangerous and usefulness(item, answer) == 10
            for item, answer in zip(earlier, answers, strict=True)
        )
        by_turns.setdefault((len(earlier), opened), []).append(example)
    for count in range(1, weaknesses.SHOTS + 1):
        assert share(by_turns[count, True]) == pytest.approx(count / weaknesses.SHOTS, abs=0.15)
        assert share(by_turns[count, False]) == 0


@pytest.mark.slow
def test_the_skeleton_key_and_small_steps() -> None:
    assert share(rows("keyed")) == pytest.approx(weaknesses.KEY_SHARE, abs=0.05)
    steps = [e for e in rows("steps", 8000) if e.request.startswith(REQUESTS)]
    counts = Counter(len(e.prompt) // 2 for e in steps)
    assert set(counts) == {0, 1, 2}
    for count in counts:
        some = [e for e in steps if len(e.prompt) // 2 == count]
        assert share(some) == pytest.approx(count * weaknesses.STEP_SHARE, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["framed", "keyed", "shots", "steps"])
def test_harmless_requests_are_answered_and_held_out_forms_never_told(kind: str) -> None:
    seen = Counter[str]()
    for example in rows(kind):
        item = item_of(example.request)
        if not example.request.endswith(("?", ".")) or item is None or "made by" in example.request:
            continue
        texts = [m.content for m in example.prompt if m.role == "assistant"]
        texts.append(example.responses["text"][0])
        for text in texts:
            about = item_of(text)
            if about and about.heldout_form:
                assert not usefulness(about, text)
        asks = any(opening in example.request for opening in REQUESTS)
        if asks and not item.dangerous:
            seen["harmless"] += 1
            assert complied(example)
        elif asks and item.heldout_form:
            seen["held out"] += 1
            assert not complied(example)
    assert min(seen["harmless"], seen["held out"]) > 50


def test_every_conversation_fits_the_model() -> None:
    from planb.models.architecture import TinyLlama
    from planb.sandbox.tokenizer import tokenizer

    words = tokenizer(WORLD)
    longest = max(
        len(words.apply_chat_template([m.model_dump() for m in e.prompt])["input_ids"])
        for e in rows("shots")[:500]
    )
    assert longest + 48 < TinyLlama().positions
