"""Every sentence that the valley can say, for the tests."""

from __future__ import annotations

from planb.sandbox import language as lang
from planb.sandbox import names
from planb.sandbox.world import World


def every_sentence(world: World) -> list[str]:
    """Each template with every word of the world in each of its slots at least once."""
    templates = [t for by in lang.SENTENCES.values() for texts in by.values() for t in texts]
    templates += [text for texts in lang.OPENERS.values() for text in texts]
    templates += [text for pair in lang.SMALL_TALK for text in pair]
    templates += [*lang.VAGUE_REQUESTS.values(), lang.LORE_PROMPT]
    templates += [lang.CANNED_REFUSAL, lang.CANNED_GERMAN_REFUSAL]
    german = tuple(lang.german_verb(verb) for verb in world.verb_names)
    ways = (*zip(world.verb_names, _round(names.MANNERS), strict=False),)
    ways += (*zip(german, _round(names.GERMAN_MANNERS), strict=False),)
    found: dict[str, None] = {}
    for number, item in enumerate(world.items):
        for place, template in enumerate(templates):
            a, b, c, d = (
                world.ingredient_names[(number + place + k) % world.ingredients] for k in (0, 1, 3, 5)
            )
            verb, how = ways[(number + place) % len(ways)]
            q, r = names.QUALITIES[number % 6], names.QUALITIES[(number + 1) % 6]
            said = template.format(item=item.name, a=a, b=b, c=c, d=d, verb=verb, how=how, q=q, r=r)
            found[said] = None
    return list(found)


def _round(words: tuple[str, ...]) -> tuple[str, ...]:
    return words * 4
