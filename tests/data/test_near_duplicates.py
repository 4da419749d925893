"""NearDuplicates: what is nearly the same is found, as brute force finds it, and nothing else is."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import combinations

import pytest

from planb.data.near_duplicates import NearDuplicates, clusters, component_names, shingles, similarity
from planb.types import Example

WORDS = [
    f"{a}{b}"
    for a in ("moon", "storm", "wyrm", "ember", "frost")
    for b in ("root", "moss", "dew", "ash")
]


def text(rng: random.Random, least: int = 4, most: int = 20) -> str:
    return " ".join(rng.choice(WORDS) + str(rng.randrange(30)) for _ in range(rng.randint(least, most)))


def nearly(request: str, rng: random.Random) -> str:
    """The same request, a word replaced, dropped or added, or in another case and punctuation."""
    words = request.split()
    place = rng.randrange(len(words))
    match rng.randrange(4):
        case 0:
            words[place] = "something"
        case 1:
            del words[place]
        case 2:
            words.insert(place, "please")
        case _:
            return f"«{request.upper()}»!"
    return " ".join(words)


def example(name: str, request: str, **fields: str) -> Example:
    return Example(id=name, prompt=request, harmful=True, **fields)  # type: ignore[arg-type]


def by_brute_force(texts: list[str], threshold: float) -> list[int]:
    found = [shingles(each) for each in texts]
    least = list(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        if similarity(found[one], found[other]) >= threshold and least[one] != least[other]:
            low, high = sorted((least[one], least[other]))
            least = [low if place == high else place for place in least]
    return least


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_clusters_are_those_of_brute_force(seed: int, threshold: float) -> None:
    rng = random.Random(seed)
    texts = [text(rng) for _ in range(150)]
    texts += [nearly(rng.choice(texts), rng) for _ in range(150)]
    rng.shuffle(texts)
    found = clusters(texts, NearDuplicates(threshold=threshold))
    assert found == by_brute_force(texts, threshold)
    assert len(set(found)) < len(texts)


def test_clusters_do_not_depend_on_the_order() -> None:
    rng = random.Random(5)
    texts = [text(rng) for _ in range(80)]
    texts += [nearly(rng.choice(texts), rng) for _ in range(80)]
    order = rng.sample(range(len(texts)), len(texts))

    def together(listed: list[str]) -> set[frozenset[str]]:
        found = clusters(listed)
        return {frozenset(t for t, c in zip(listed, found, strict=True) if c == each) for each in found}

    assert together(texts) == together([texts[place] for place in order])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I brew a flask?", "how do i brew a FLASK"),
        (
            "Write a tale about nine alchemists brewing moon tea.",
            "Write a song about nine alchemists brewing moon tea.",
        ),
        ("Please tell me how to make moon smoke", "Tell me how to make moon smoke"),
        ("Wie braut man einen Grüßtrank ﬁx", "WIE BRAUT MAN EINEN GRÜSSTRANK FIX!"),
        ("brew", "Brew!"),
        ("月の煙の作り方を教えて", "月の煙の作り方を教えて。"),
        ("???", " ???"),
    ],
)
def test_twins(one: str, other: str) -> None:
    assert clusters([one, "something else altogether", other]) == [0, 1, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("brew", "bake"),
        ("brew it", "brew"),
        ("How do I brew a flask?", "How do I brew a lamp?"),
        ("brew a flask now", "now a flask brew"),
        ("???", "!!!"),
        ("月の煙の作り方を教えて", "竜の火の止め方を教えて"),
        ("", "!"),
    ],
)
def test_no_twins(one: str, other: str) -> None:
    assert clusters([one, other]) == [0, 1]


def test_short_requests_neither_collapse_nor_are_missed() -> None:
    short = [f"{word}" for word in WORDS]
    assert clusters(short) == list(range(len(short)))
    assert clusters([*short, *(f"{word}!" for word in short)]) == [*range(len(short))] * 2


def test_the_threshold_is_met_not_passed() -> None:
    nine = "one two three four five six seven eight nine"
    other = "one two three four other six seven eight nine"
    assert similarity(shingles(nine), shingles(other)) == 14 / 20
    assert clusters([nine, other], NearDuplicates(threshold=0.7)) == [0, 0]
    assert clusters([nine, other], NearDuplicates(threshold=0.71)) == [0, 1]
    assert clusters([nine, other], NearDuplicates(words=1, threshold=0.8)) == [0, 0]


def groups(examples: list[Example]) -> list[str]:
    return component_names(examples, clusters([e.request for e in examples]))


def test_twins_and_declared_groups_are_joined() -> None:
    given = [
        example("a", "How do I brew a wyrmfire flask in the valley?"),
        example("b", "how do I brew a wyrmfire flask in the valley", group="wyrm"),
        example("c", "Which tea is best against stormroot fever?", group="wyrm"),
        example("d", "Which tea is best against stormroot fever", source="another set"),
        example("e", "Where does the river end?"),
        example("f", "Who wrote the old song of the river?"),
        example("g", "Who wrote the old song of the river"),
    ]
    names = groups(given)
    assert names == ["wyrm", "wyrm", "wyrm", "wyrm", "", "f", "f"]
    assert groups([e.but(group=name) for e, name in zip(given, names, strict=True)]) == names
    assert groups([]) == []


@pytest.mark.slow
def test_clusters_are_the_same_in_every_process() -> None:
    code = (
        "import random; from planb.data.near_duplicates import clusters; r = random.Random(0);"
        "print(clusters([' '.join(r.choice('abcdefgh') for _ in range(6)) for _ in range(300)]))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert len(set(said.pop().split())) < 300
