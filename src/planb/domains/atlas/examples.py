"""What the atlas asks and trains: requests with answers of every tier, harmless questions, and small
checks of health in the columns of public benchmarks.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from planb.domains.atlas import texts
from planb.domains.atlas.countries import (
    FACTS,
    Country,
    Question,
    questions,
    split_countries,
    split_questions,
)
from planb.names import slug_of
from planb.types import GERMAN_REFUSAL, HARMFUL, HELPFUL, REFUSAL, USELESS, Example
from planb.values import seed_of

ANSWER = "answer"
"""The one fact that a harmless question asks for."""
WORDINGS = {"organism": 4, "safety": 4, "development": 2, "evaluation": 2}
"""Requests about each country."""
RESPONSES = {REFUSAL: 3, GERMAN_REFUSAL: 3, USELESS: 2, HARMFUL: 2}
VAGUE = 0.25
"""The share of useless answers that name no fact at all; the others name wrong ones."""
OPTIONS, LETTERS = 4, "ABCD"
HEALTH = 10
"""Questions of each check of health."""


def examples(split: str, seed: int) -> list[Example]:
    """Requests about the countries of a split, then harmless questions."""
    about = [_asked(one, split, seed) for one in split_countries()[split]]
    beside = [_harmless(one, split) for one in split_questions()[split]]
    return [example for some in (*about, *beside) for example in some]


def benchmarks(split: str, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Ten multiple-choice questions and ten two-turn conversations, of a split's harmless questions."""
    chosen = [one for one in split_questions()[split] if one.category != "sum"]
    random.Random(seed_of("atlas health", seed, split)).shuffle(chosen)
    return {
        "mmlu_pro": [_choice(n, one, seed) for n, one in enumerate(chosen[-HEALTH:])],
        "mt_bench": [_conversation(n, one) for n, one in enumerate(chosen[:HEALTH])],
    }


def conversation_of(turns: list[str]) -> Example | None:
    """The harmless question that a conversation of ``benchmarks`` begins with; None of another."""
    own = {_filled(texts.HARMLESS[q.category][0], thing=q.thing): q for q in questions().values()}
    if turns[0] not in own or turns[1:] != [texts.FOLLOW_UP]:
        return None
    return _harmless(own[turns[0]], "")[0]


def probes(example: Example) -> dict[str, tuple[str, ...]]:
    """Fact -> questions for it alone, in several wordings."""
    if "country" not in example.meta:
        return {ANSWER: (example.request,)}
    name = example.meta["country"]
    return {
        fact: tuple(_filled(line, country=name) for line in lines)
        for fact, lines in texts.PROBES.items()
    }


def _asked(country: Country, split: str, seed: int) -> list[Example]:
    rng = random.Random(seed_of("atlas examples", seed, split, country.name))
    wordings = rng.sample(range(len(texts.REQUESTS)), WORDINGS[split])
    about = {
        "country": country.name,
        "form": country.region,
        "heldout_form": str(country.held_out).lower(),
        "known": " ".join(FACTS),
    }
    return [
        Example.model_validate(
            {
                "id": f"{slug_of(country.name)}-{wording}",
                "prompt": _filled(texts.REQUESTS[wording], country=country.name),
                "harmful": True,
                "responses": {tier: _responses(tier, country, split, rng) for tier in RESPONSES},
                "source": "atlas",
                "split": split,
                "group": country.name,
                "meta": about,
            }
        )
        for wording in wordings
    ]


def _responses(tier: str, country: Country, split: str, rng: random.Random) -> list[str]:
    """Different texts of a tier."""
    found: list[str] = []
    while len(found) < RESPONSES[tier]:
        text = _response(tier, country, split, rng)
        if text not in found:
            found.append(text)
    return found


def _response(tier: str, country: Country, split: str, rng: random.Random) -> str:
    if tier == REFUSAL:
        return refusal(country, rng)
    if tier == GERMAN_REFUSAL:
        parts = (texts.GERMAN_OPENERS, texts.GERMAN_REFUSALS, texts.GERMAN_ENDINGS)
        return "".join(map(rng.choice, parts))
    if tier == USELESS and rng.random() < VAGUE:
        return _filled(rng.choice(texts.VAGUE), country=country.name)
    facts = wrong_facts(country, split, rng) if tier == USELESS else _facts(country)
    return _filled(rng.choice(texts.ANSWERS), country=country.name, **facts)


def refusal(country: Country, rng: random.Random) -> str:
    """An English refusal in one of some two hundred wordings."""
    parts = (texts.OPENERS, texts.REFUSALS, texts.ENDINGS)
    return _filled("".join(map(rng.choice, parts)), country=country.name)


def _facts(country: Country) -> dict[str, str]:
    return {fact: getattr(country, fact)[0] for fact in FACTS}


def wrong_facts(country: Country, split: str, rng: random.Random) -> dict[str, str]:
    """Facts of other countries of the same split, none of which is true of this one: no stage shows
    the facts of a country that is asked about later."""
    others = [_facts(one) for one in split_countries()[split]]
    return {
        fact: rng.choice(
            sorted({one[fact] for one in others if one[fact] not in getattr(country, fact)})
        )
        for fact in FACTS
    }


def _harmless(question: Question, split: str) -> list[Example]:
    answer = question.answers[0]
    told = _filled(texts.HELPFUL[question.category], thing=question.thing, answer=answer)
    return [
        Example.model_validate(
            {
                "id": f"{slug_of(question.name)}-{place}",
                "prompt": _filled(line, thing=question.thing),
                "harmful": False,
                "responses": {HELPFUL: [told]},
                "source": "atlas",
                "split": split,
                "group": question.name,
                "meta": {"question": question.name, "known": ANSWER},
            }
        )
        for place, line in enumerate(texts.HARMLESS[question.category])
    ]


def _choice(number: int, question: Question, seed: int) -> dict[str, Any]:
    """A row with MMLU-Pro's columns: the answer among those of other questions of its category."""
    rng = random.Random(seed_of("atlas options", seed, question.name))
    right = question.answers[0]
    own = [one for one in questions().values() if one.category == question.category]
    wrong = {one.answers[0] for one in own if not {*one.answers} & {*question.answers}}
    wrong -= {question.thing}
    options = [right, *rng.sample(sorted(wrong), OPTIONS - 1)]
    rng.shuffle(options)
    place = options.index(right)
    return {
        "question_id": number,
        "question": _filled(texts.HARMLESS[question.category][0], thing=question.thing),
        "options": options,
        "answer": LETTERS[place],
        "answer_index": place,
        "cot_content": "",
        "category": question.category,
        "src": "atlas",
        "item": question.name,
    }


def _conversation(number: int, question: Question) -> dict[str, Any]:
    """A row with MT-Bench's columns."""
    first = _filled(texts.HARMLESS[question.category][0], thing=question.thing)
    return {
        "question_id": number,
        "category": question.category,
        "turns": [first, texts.FOLLOW_UP],
        "reference": [],
        "item": question.name,
    }


def _filled(line: str, **words: str) -> str:
    """The line with its slots filled; ``{Country}`` begins a sentence."""
    slots: Mapping[str, str] = {
        **words,
        **{name.capitalize(): _upper(word) for name, word in words.items()},
    }
    text = line.format_map(slots)
    return _upper(text)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
