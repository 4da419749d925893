"""Surface cues that tell tiers apart, and surprise: planted and found; nothing where nothing is."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from planb.data.files import read_examples
from planb.evals.checking.check import Asked, check
from planb.evals.checking.responses import picked
from planb.evals.checking.result import Check
from planb.evals.checking.surface import surface_check
from planb.evals.checking.surprise import surprise_check
from planb.evals.checking.thresholds import DataThresholds
from planb.models.checkpoints import Policy
from planb.sandbox.corpus import requests
from planb.sandbox.world import World
from planb.stats.estimates import area
from planb.stats.figure import SHOWN
from planb.training.surprise import surprise
from planb.types import Example

DATA = requests(World(), "safety", harmful=True, wordings=1, seed=0)
REFUSALS = ("refusal", "german_refusal")
THRESHOLDS = DataThresholds()
ORDER = ("refusal", "useless", "harmful")


def surface(change: Callable[[Example], Example] = lambda e: e) -> Check:
    return surface_check(picked([change(e) for e in DATA], THRESHOLDS), ORDER, REFUSALS, THRESHOLDS)


def useless(change: Callable[[str], str]) -> Callable[[Example], Example]:
    """Every useless text of an example changed."""

    def of(example: Example) -> Example:
        texts = tuple(change(text) for text in example.responses["useless"])
        return example.but(responses={**example.responses, "useless": texts})

    return of


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "cue"),
    [
        (lambda text: f"{text} {text}", "length"),
        (lambda text: f"Well then. {text}", "first words"),
        (lambda text: text.replace(". ", "!\n\n"), "form"),
    ],
)
def test_a_planted_cue_is_found(change: Callable[[str], str], cue: str) -> None:
    found = surface(useless(change))
    assert found.verdict == "failed"
    figure = found.figure(f"useless / harmful: {cue}")
    assert figure.verdict == "failed"
    assert (figure.low or 0) > 0.9
    assert figure.name in found.finding


@pytest.mark.slow
def test_two_writers_are_told_apart_and_one_is_not() -> None:
    def by(useless_writer: str) -> Callable[[Example], Example]:
        wrote = {"writer.harmful": "one/model", "writer.useless": useless_writer}
        return lambda e: e.but(meta={**e.meta, **wrote})

    found = surface(by("another/model"))
    assert found.figure("useless / harmful: writer").value == 1.0
    assert found.verdict == "failed"
    found = surface(by("one/model"))
    assert found.figure("useless / harmful: writer").value == pytest.approx(0.5)
    assert found.verdict == "passed"
    assert "recorded" not in found.finding


@pytest.mark.slow
def test_tiers_that_are_dealt_at_random_are_a_coin_by_every_cue() -> None:
    """Texts of one pool, of very unlike lengths and beginnings, dealt to both tiers."""
    rng = random.Random(0)
    words = ("Sure!", "Well,", "One by one:", "Hm.", "-", "So")
    pool = [" ".join(rng.choices(words, k=rng.randrange(3, 40))) for _ in range(400)]

    def dealt(example: Example) -> Example:
        texts = {tier: (rng.choice(pool),) for tier in ("useless", "harmful")}
        return example.but(responses={**example.responses, **texts})

    found = surface(dealt)
    for cue in ("length", "first words", "form"):
        figure = found.figure(f"useless / harmful: {cue}")
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low <= 0.5 <= figure.high, (cue, figure.text)
        assert 0.05 < figure.high - figure.low < 0.35
    assert found.verdict == "passed"


@pytest.mark.slow
def test_a_refusal_is_told_apart_by_its_surface_and_that_is_no_failure() -> None:
    found = surface()
    assert found.verdict == "passed"
    figure = found.figure("refusal / harmful: first words")
    assert figure.value is not None
    assert figure.value > 0.99
    assert figure.verdict is None
    assert "Who wrote them is not recorded" in found.finding


def test_a_group_of_requests_is_never_on_both_sides() -> None:
    """Ten groups of ten requests; a group's texts share a word that no other has. It says of which tier
    a text is within the group, and nothing beyond it."""
    examples = []
    for group in range(10):
        first, second = (f"w{group}a", f"w{group}b") if group % 2 else (f"w{group}b", f"w{group}a")
        for number in range(10):
            examples.append(
                Example(
                    id=f"{group}-{number}",
                    prompt="How?",
                    harmful=True,
                    group=str(group),
                    responses={"useless": f"{first} so it is.", "harmful": f"{second} so it is."},
                )
            )
    found = surface_check(picked(examples, THRESHOLDS), ("useless", "harmful"), REFUSALS, THRESHOLDS)
    assert found.figure("useless / harmful: first words").value == pytest.approx(0.5)


def test_too_few_groups_are_not_enough() -> None:
    one_group = [e.but(group="one") for e in DATA]
    found = surface_check(picked(one_group, THRESHOLDS), ORDER, REFUSALS, THRESHOLDS)
    assert found.verdict == "not enough"


def test_the_area_is_scikit_learns_and_its_interval_covers() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(40):
        labels = np.tile([0, 1], 80)
        scores = np.round(rng.normal(size=160) + 0.5 * labels, 1)  # with ties
        groups = [str(row // 2) for row in range(160)]
        figure = area(f"trial {trial}", scores, labels, groups, SHOWN)
        assert figure.value == pytest.approx(roc_auc_score(labels, scores))
        assert figure.low is not None
        assert figure.high is not None
        covered += figure.low <= 0.638 <= figure.high  # P(N(0.5, 2) > 0)
    assert covered >= 34


# -- surprise -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_surprise_is_the_trainers_own_measure(policy: Policy, data: Path) -> None:
    examples = [e for e in read_examples(data) if e.harmful]
    thresholds = DataThresholds(least_n=2, nats=50)
    found = surprise_check(picked(examples, thresholds), policy, ORDER, thresholds)
    measured = surprise(policy, examples)
    for tier in ("refusal", "useless", "harmful"):
        of_tier = [one.per_token for one in measured if one.tier == tier]
        figure = found.figure(tier)
        assert figure.value == pytest.approx(np.mean(of_tier), rel=1e-4)
        assert (figure.n, figure.unscored) == (len(of_tier), 0)
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high
    assert found.verdict == "passed"


@pytest.mark.slow
def test_a_tier_that_the_model_would_never_say_fails(policy: Policy, data: Path) -> None:
    strange = "clover clover boil boil boil the the"
    examples = [
        e.but(responses={**e.responses, "useless": (strange,)})
        for e in read_examples(data)
        if e.harmful
    ]
    asked = Asked(policy=policy, model="tiny", thresholds=DataThresholds(least_n=2, nats=8))
    found = check(examples, asked).result
    assert found.of("surprise").verdict == "failed"
    assert "More than 8 nats a token: useless" in found.of("surprise").finding
    assert found.of("surprise").figure("harmful").verdict == "passed"
    assert found.model == "tiny"
    unused = check(examples, asked._replace(order=("refusal", "harmful"))).result.of("surprise")
    assert unused.figure("useless").verdict is None
    assert unused.verdict == "passed"
