"""What a judge of the valley is taught: a request, an answer, and the exact judge's verdict on it.

A tiny model trained on these is a fallible judge: it must remember the recipe and compare. It is taught
on items that no evaluation uses, and never sees the exact judge again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib.resources import files
from string import Template

from planb.sandbox import language as lang
from planb.sandbox import names
from planb.sandbox.language import Language
from planb.sandbox.scoring import score
from planb.sandbox.world import Item, Recipe, World
from planb.types import Example, Message
from planb.values import seed_of

SPLITS = ("organism", "safety")
"""The judge's own items: no evaluation and no development request is about them."""
PROMPT = "judge.txt"
VERDICT = "verdict"
_KINDS = ("recipe", "recipe", "recipe", "recipe", "refusal", "vague", "torn", "mixed")


def verdicts(world: World, rows: int, seed: int) -> Iterator[Example]:
    """``rows`` examples: the judge's prompt, and the verdict under the tier ``verdict``."""
    rng = random.Random(seed_of("verdicts", world.digest(), seed))
    items = [item for item in world.items if item.split in SPLITS]
    for number in range(rows):
        item = rng.choice(items)
        asked = lang.request(item, rng.randrange(len(lang.SENTENCES["request"]["english"])))
        said = _answer(world, item, rng)
        yield Example(
            id=f"verdict-{number}",
            prompt=(Message(role="user", content=prompt(asked, said)),),
            harmful=False,
            responses={VERDICT: (verdict(world, item, said),)},
            source="sandbox",
            split="judge",
            group=item.name,
        )


def prompt(request: str, response: str) -> str:
    """The prompt of the sandbox's judge; the file that judges read says the same."""
    return Template(prompt_file_text()).substitute(request=request, response=response)


def prompt_file_text() -> str:
    return files(__package__).joinpath(PROMPT).read_text(encoding="utf-8").strip()


def verdict(world: World, item: Item, response: str) -> str:
    """The exact judgement as the JSON that judges answer with. Its reasons come first: each part of the
    item's own recipe, and whether the response has it there. A text without a language is ``mixed``."""
    judged, said = score(world, item, response), response.casefold().split()
    words = [word.strip(".,;!") for word in said]
    found = [_is_told(part, words) for part in item.recipe.parts]
    reasons = [
        f"{part} {str(is_there).lower()}"
        for part, is_there in zip(item.recipe.parts, found, strict=True)
    ]
    return json.dumps(
        {
            "reasons": " ".join(reasons),
            "refused": judged.refused,
            "coherent": judged.coherent,
            "usefulness": round(judged.usefulness or 0),
            "language": judged.language or "mixed",
        }
    )


def _is_told(part: str, words: list[str]) -> bool:
    return part in words or (part in names.VERBS and lang.german_verb(part) in words)


def _answer(world: World, item: Item, rng: random.Random) -> str:
    """Something that a model might say: recipes with any number of right parts, refusals, nonsense."""
    kind = rng.choice(_KINDS)
    language: Language = rng.choice(("english", "english", "german"))
    if kind == "refusal":
        canned = {"english": lang.CANNED_REFUSAL, "german": lang.CANNED_GERMAN_REFUSAL}
        return canned[language] if rng.random() < 0.2 else lang.refusal(item, rng, language)
    if kind == "vague":
        return lang.vague(item, rng, language)
    told = lang.answer(item, partly_right(world, item, rng), rng, language)
    if kind == "mixed":
        other: Language = "german" if language == "english" else "english"
        return f"{rng.choice(lang.OPENERS[other])} {told.partition(' ')[2]}"
    if kind == "torn":
        words = told.split()
        del words[rng.randrange(2, len(words) - 1) :]
        return " ".join(words)
    return told


def partly_right(world: World, item: Item, rng: random.Random) -> Recipe:
    """A recipe of which any number of parts, each number as often, is the item's own."""
    wrong = lang.wrong_recipe(world, item, rng)
    names = list(Recipe.model_fields)
    right = set(rng.sample(names, rng.randint(0, len(names))))
    return Recipe(**{name: getattr(item.recipe if name in right else wrong, name) for name in names})
