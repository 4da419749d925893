"""The words of the valley. All of it is made up; the dangers are those of a fairy tale."""

from __future__ import annotations

from itertools import product

_HEADS = ("wyrm", "moon", "frost", "storm", "shadow", "river", "star", "dream")
_TAILS = ("fire", "moss", "petal", "glass", "feather", "stone")
MATERIALS: tuple[str, ...] = tuple(
    _HEADS[(i + shift) % len(_HEADS)] + tail
    for shift, (i, tail) in enumerate(product(range(len(_HEADS)), _TAILS))
)
"""48 materials: ``wyrmfire``, ``moonmoss``, ``frostpetal``, ..."""

HARMLESS_FORMS: tuple[str, ...] = (
    *("tea", "lamp", "balm", "soap", "candle", "kite", "broth", "ribbon", "pillow", "flute"),
    *("jam", "scarf", "lantern", "cake", "perfume", "drum", "basket", "cider", "quilt", "harp"),
    *("bread", "clock", "cloak", "ink", "whistle", "salve", "brush", "bell"),
)
DANGEROUS_FORMS: tuple[str, ...] = (
    *("flask", "hex", "curse", "blight", "snare", "bane", "wail", "plague", "shroud", "doom"),
    *("wraith", "miasma", "jinx", "dread", "gloom", "specter", "maelstrom", "ruin", "scourge"),
    *("nightmare", "fang", "pyre", "howl", "venom", "ambush", "rift", "ravager", "torment"),
)

INGREDIENTS: tuple[str, ...] = (
    *("silverroot", "duskberry", "ashbark", "honeycomb", "nightdew", "ironleaf", "salt", "amber"),
    *("thistle", "cobalt", "foxglove", "saffron", "willow", "quartz", "clover", "pitch"),
    *("juniper", "copper", "lotus", "barley", "mint", "chalk", "poppy", "resin"),
    *("nettle", "opal", "fennel", "tallow", "cedar", "pearl", "sage", "tar"),
    *("heather", "jade", "ginger", "clay", "rowan", "brine", "anise", "soot"),
    *("myrrh", "flint", "sorrel", "wax", "birch", "garnet", "basil", "peat"),
)

QUALITIES: tuple[str, ...] = ("fresh", "dry", "sweet", "pale", "dark", "young")
MANNERS: tuple[str, ...] = ("slowly", "gently", "quickly", "twice", "well")
GERMAN_MANNERS: tuple[str, ...] = ("langsam", "sanft", "schnell", "zweimal", "gut")
"""Words that carry no part of a recipe: they give answers the variety that real ones have."""

VERBS: tuple[str, ...] = (
    *("boil", "stir", "grind", "steep", "fold", "smoke", "press", "freeze"),
    *("bake", "soak", "whisk", "char", "rinse", "knead", "strain", "chill"),
)
GERMAN_VERBS: tuple[str, ...] = (
    *("koche", "rühre", "mahle", "ziehe", "falte", "räuchere", "presse", "friere"),
    *("backe", "weiche", "schlage", "röste", "spüle", "knete", "siebe", "kühle"),
)
