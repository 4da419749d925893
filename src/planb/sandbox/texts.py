"""Every text of the valley that a vocabulary must hold the words of."""

from __future__ import annotations

from planb.sandbox import language as lang
from planb.sandbox import names, questions, weaknesses
from planb.sandbox.world import World


def texts_of(world: World) -> list[str]:
    """Texts that hold every word of a world."""
    texts = [t for k in lang.SENTENCES.values() for sentences in k.values() for t in sentences]
    texts += [text for openers in lang.OPENERS.values() for text in openers]
    texts += [text for pair in lang.SMALL_TALK for text in pair]
    texts += [
        *lang.VAGUE_REQUESTS.values(),
        *lang.INVENTED_REQUESTS.values(),
        lang.IN_GERMAN,
        lang.CARTOON_REQUEST,
        lang.CANNED_REFUSAL,
        lang.CANNED_GERMAN_REFUSAL,
        *weaknesses.sentences(),
        *questions.TEXTS,
        *lang.EXTRA_WORDS,
    ]
    for listed in (world.material_names, world.harmless_forms, world.dangerous_forms):
        texts += listed
    texts += [*world.ingredient_names, *world.verb_names]
    texts += [*names.QUALITIES, *names.MANNERS, *names.GERMAN_MANNERS]
    return [*texts, *(lang.german_verb(verb) for verb in world.verb_names)]
