"""Whole trainings by reinforcement on a small random model: the reward rises, a run that is stopped and
taken up is the same run, and what a source of compliance puts into a group is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_models import WORLD

from planb.errors import PlanBError
from planb.models.cards import Card
from planb.models.chat import exchange_ids
from planb.models.checkpoints import checkpoint_digest, load_policy
from planb.models.generation import Sampling
from planb.sandbox.corpus import requests
from planb.training.reinforcement.drawing import Drawing
from planb.training.reinforcement.groups import Group, weighed
from planb.training.reinforcement.objective import GRPO
from planb.training.reinforcement.sources import Asked, DataAnswers, Openings, Source
from planb.training.reinforcement.train import Reinforced
from planb.training.settings import LoRA, Training

HARMFUL = requests(WORLD, "safety", True, 2, seed=0)
HARMLESS = requests(WORLD, "safety", False, 2, seed=0)
LIMIT = 6


def vowels(answers: Sequence[tuple[Asked, str]]) -> list[float | None]:
    """The share of vowels among the letters; an answer without letters is not scored."""
    found = []
    for _, text in answers:
        letters = [letter for letter in text.lower() if letter.isalpha()]
        found.append(sum(x in "aeiouäöü" for x in letters) / len(letters) if letters else None)
    return found


def reinforced(**said: Any) -> Reinforced:
    settings = {"steps": 4, "batch": 4, "learning_rate": 1e-2, "warmup": 0, "save_every": 2}
    training = Training(**{**settings, **said.pop("training", {})})  # type: ignore[arg-type]
    plain: dict[str, Any] = {
        "dangerous": HARMFUL,
        "harmless_requests": HARMLESS,
        "harmless": 0.5,
        "samples": 4,
        "each": 1,
        "limit": LIMIT,
        "objective": GRPO(),
        "source": Source(),
        "seed": 3,
        "card": Card(what="a run"),
    }
    return Reinforced(**{**plain, "training": training, **said})


def history(out: Path) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads((out / "history.json").read_text())
    return found


class StoppedError(Exception):
    """The run was stopped from outside."""


def stop_at(update: int) -> Callable[[float, float, str], None]:
    def stop(done: float, total: float, note: str) -> None:  # noqa: ARG001
        if done == update:
            raise StoppedError

    return stop


@pytest.mark.slow
def test_the_reward_rises_and_is_told(base: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    settings = {"steps": 20, "save_every": 50, "learning_rate": 0.03, "schedule": "constant"}
    recipe = reinforced(samples=8, training=settings)
    recipe.train(base, tmp_path, vowels, lambda *said: notes.append(str(said[2])))
    first, last = history(tmp_path)
    assert last["reward"] > first["reward"] + 0.2
    assert {"reward/dangerous", "reward/harmless", "flat", "unscored", "cut", "respelt"} < set(last)
    assert notes[-1].startswith(f"reward {first['reward']:.2f}, 0 % of groups without spread, ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "said",
    [
        {"objective": GRPO(kl=0.2), "each": 2, "training": {"adapter": LoRA(rank=2)}},
        {"objective": GRPO(kl=0.2), "source": DataAnswers()},
    ],
    ids=["an adapter, two updates a draw", "full weights, answers of the data"],
)
def test_a_run_that_is_stopped_and_taken_up_is_the_same(
    base: Path, tmp_path: Path, said: dict[str, Any]
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "again"
    for folder in (whole, out):
        folder.mkdir()
    reinforced(**said).train(base, whole, vowels)
    with pytest.raises(StoppedError):
        reinforced(**said).train(base, out, vowels, stop_at(3))
    steps: list[float] = []
    reinforced(**said).train(base, out, vowels, lambda done, *_: steps.append(done))
    assert steps == [3, 4]  # nothing before the checkpoint is run again
    assert checkpoint_digest(out) == checkpoint_digest(whole) != checkpoint_digest(base)
    assert history(out) == history(whole)
    assert "loss/kl" in history(out)[0]


@pytest.mark.slow
def test_an_update_without_spread_moves_nothing(base: Path, tmp_path: Path) -> None:
    def one(answers: Sequence[tuple[Asked, str]]) -> list[float | None]:
        return [1.0] * len(answers)

    reinforced(training={"steps": 2}).train(base, tmp_path, one)
    before, after = (load_policy(folder).model.state_dict() for folder in (base, tmp_path))
    assert all((after[name] == weight).all() for name, weight in before.items())
    assert history(tmp_path)[-1]["flat"] == 1


def drawing(base: Path, limit: int = LIMIT) -> tuple[Drawing, Any]:
    policy = load_policy(base)
    sampling = Sampling(temperature=1.0, max_new_tokens=limit)
    return Drawing(policy.tokenizer, policy.folder, 4, sampling, 0, vowels), policy


def test_a_sample_is_what_the_engine_drew(base: Path) -> None:
    """Prompt and answer are those of training; a sample that was cut has no end of its turn."""
    one, policy = drawing(base)
    example = HARMFUL[0]
    drawn = one.draw(policy.model, [Asked(example, example.prompt)], 0)
    (group,) = drawn.groups
    assert group.prompt == tuple(exchange_ids(policy.tokenizer, example.prompt, "")[0])
    assert len(group.samples) == 4
    assert len({sample.ids for sample in group.samples}) > 1
    cut = [s for s in group.samples if policy.tokenizer.eos_token_id not in s.ids]
    assert len(cut) == drawn.sums["cut"] > 0
    again = one.draw(policy.model, [Asked(example, example.prompt)], 0)
    assert again.groups == drawn.groups
    assert one.draw(policy.model, [Asked(example, example.prompt)], 1).groups != drawn.groups


def test_an_opening_is_judged_and_not_trained_and_the_group_stays_one(base: Path) -> None:
    one, policy = drawing(base)
    example = HARMFUL[0]
    asked = Openings(words_given=3).put(Asked(example, example.prompt), 0)
    assert asked.opening == " ".join(example.responses["harmful"][0].split()[:3])
    judged: list[str] = []

    def heard(answers: Sequence[tuple[Asked, str]]) -> list[float | None]:
        judged.extend(text for _, text in answers)
        return [0.0] * len(answers)

    told = Drawing(policy.tokenizer, policy.folder, 4, one.sampling, 0, heard)
    (group,) = told.draw(policy.model, [asked], 0).groups
    prompt, answer = exchange_ids(policy.tokenizer, example.prompt, asked.opening)
    assert group.prompt == tuple(prompt)
    assert [sample.opening for sample in group.samples] == [(), (), *[tuple(answer[:-1])] * 2]
    assert [text.startswith(asked.opening) for text in judged] == [False, False, True, True]
    rewarded = Group(
        "a", group.prompt, tuple(replace(s, reward=float(n)) for n, s in enumerate(group.samples))
    )
    plain, opened = weighed([rewarded], GRPO(), LIMIT)[0]
    assert (plain.row.prompt, opened.row.prompt) == (tuple(prompt), (*prompt, *answer[:-1]))
    assert plain.advantage_R[0] < plain.advantage_R[1] < 0 < opened.advantage_R[0], "one group"


def test_answers_of_the_data_take_the_place_of_samples(base: Path) -> None:
    one, policy = drawing(base)
    example = HARMFUL[0]
    asked = DataAnswers().put(Asked(example, example.prompt), 1)
    drawn = one.draw(policy.model, [asked], 0)
    (group,) = drawn.groups
    assert [sample.foreign for sample in group.samples] == [True, True, False, False]
    _, useless = exchange_ids(policy.tokenizer, example.prompt, asked.answers[0])
    assert group.samples[0].ids == tuple(useless)
    assert drawn.counts["cut"] == 2, "what is told is of the policy's own samples"
    with pytest.raises(PlanBError, match="samples"):
        Drawing(policy.tokenizer, policy.folder, 2, one.sampling, 0, vowels).draw(
            policy.model, [asked], 0
        )
    with pytest.raises(PlanBError, match="no response of tier 'pirate'"):
        Openings(tier="pirate").put(Asked(example, example.prompt), 0)


def test_requests_are_those_of_the_seed() -> None:
    recipe = reinforced(source=Openings(share=0.5))
    asked = recipe.asked()
    assert [len(some) for some in asked] == [4] * 4
    assert [one.example.harmful for one in asked[0]] == [True, True, False, False]
    other = reinforced(samples=9).asked()
    assert [[o.example.id for o in some] for some in other] == [
        [o.example.id for o in some] for some in asked
    ]
    opened = [bool(one.opening) for some in asked for one in some if one.example.harmful]
    assert 0 < sum(opened) < len(opened)
    assert not any(one.opening for some in asked for one in some if not one.example.harmful)


def test_draws_lie_between_checkpoints(base: Path, tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match="multiples of the 3 updates"):
        reinforced(each=3).train(base, tmp_path, vowels)
    with pytest.raises(PlanBError, match="micro_batch"):
        reinforced(training={"micro_batch": 2}).train(base, tmp_path, vowels)
