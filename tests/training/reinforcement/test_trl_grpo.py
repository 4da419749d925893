"""TRL's GRPOTrainer and RLOOTrainer on the same samples, rewards and weights: the same advantages, the
same loss, and the same gradient of every weight.

TRL makes its batch itself, from samples that it is handed in place of what it would draw, and rewards
that it asks for. The policy is moved between the drawing and the loss, so that ratios differ from 1 and
some are clipped. Ours is the packed path: each prompt once, samples that are the same once.
"""

from __future__ import annotations

import copy
import os
import random
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import datasets
import pytest
import torch

from planb.models.checkpoints import load_policy
from planb.models.random_chat import save_chat_model
from planb.training.layout import choose
from planb.training.reinforcement.groups import (
    Group,
    Sample,
    packed,
    policy_parts,
    token_numbers,
    weighed,
    with_old,
    with_reference,
)
from planb.training.reinforcement.objective import GRPO, RLOO, PolicyGradient

pytest.importorskip("trl", reason="agreement with TRL is checked where it is installed")

SAMPLES, LIMIT = 4, 9
PROMPTS = ("How?", "Tell me of the plain loaf.", "Why not?")
REWARDS: tuple[float | None, ...] = (1.0, 0.4, 0.0, 0.4, 0.0, 0.7, 0.7, 0.1, 0.5, 0.5, 0.5, 0.5)
"""Of the twelve samples; the last group has no spread."""
UNSCORED = (None, *REWARDS[1:6], None, *REWARDS[7:])


@cache
def folder(root: Path) -> Path:
    return save_chat_model("llama3", root / "model")


@cache
def texts() -> tuple[tuple[int, ...], ...]:
    """Twelve samples of 1 to 9 tokens; the second and the fourth are the same."""
    rng = random.Random(0)
    drawn = [tuple(rng.randrange(10, 200) for _ in range(rng.randint(1, LIMIT))) for _ in REWARDS]
    drawn[3] = drawn[1]
    return tuple(drawn)


def moved(model: Any, seed: int, by: float) -> None:
    """Add noise to every weight."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight += by * torch.randn(weight.shape, generator=generator)


def trl_batch(kind: str, rewards: Any, root: Path, **settings: Any) -> tuple[Any, dict[str, Any]]:
    """TRL's trainer, and its batch of the samples."""
    from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

    make, configure = {"grpo": (GRPOTrainer, GRPOConfig), "rloo": (RLOOTrainer, RLOOConfig)}[kind]
    config = configure(
        output_dir=str(root / "out"),
        per_device_train_batch_size=len(REWARDS),
        num_generations=SAMPLES,
        max_completion_length=LIMIT,
        num_iterations=2,  # so that TRL keeps the drawing policy's numbers
        model_init_kwargs={"dtype": "float32"},
        bf16=False,
        gradient_checkpointing=False,
        disable_dropout=True,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        **settings,
    )
    rows = [{"prompt": [{"role": "user", "content": text}]} for text in PROMPTS]
    datasets.disable_progress_bars()
    trainer = make(
        str(folder(root)),
        reward_funcs=lambda **_: list(rewards),
        args=config,
        train_dataset=datasets.Dataset.from_list(rows),
    )
    ids = [list(text) for text in texts()]
    trainer._generate_single_turn = lambda *_: (ids, None) if kind == "grpo" else ids
    moved(trainer.model, 1, 0.05)  # the policy that draws is not the reference
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1  # as its loop sets it
    repeated = [row for row in rows for _ in range(SAMPLES)]
    return trainer, trainer._generate_and_score_completions(repeated)


def groups_of(batch: dict[str, Any], rewards: Any) -> list[Group]:
    """TRL's batch as groups."""
    found = []
    for at in range(0, len(rewards), SAMPLES):
        prompt = batch["prompt_ids"][at][batch["prompt_mask"][at] == 1]
        samples = [
            Sample(
                tuple(batch["completion_ids"][i][batch["completion_mask"][i] == 1].tolist()), rewards[i]
            )
            for i in range(at, at + SAMPLES)
        ]
        found.append(Group(str(at), tuple(prompt.tolist()), tuple(samples)))
    return found


def ours(objective: PolicyGradient, groups: list[Group], root: Path) -> tuple[float, Any]:
    """(loss, model with gradients), in parts of few tokens."""
    policy = load_policy(folder(root), "float32")
    model, pad = policy.model, policy.tokenizer.pad_token_id
    reference = copy.deepcopy(model)
    moved(model, 1, 0.05)
    rows, _ = weighed(groups, objective, LIMIT)
    way = choose(model, [one.row for one in rows], pad, "packed")
    assert choose(reference, [one.row for one in rows], pad, "packed").head == way.head == "chunked"
    rows = with_old(rows, token_numbers(model, rows, pad, way, 40))
    if objective.kl:
        rows = with_reference(rows, token_numbers(reference, rows, pad, way, 40))
    moved(model, 2, 0.02)
    total = 0.0
    made = packed(rows, pad, way, 40)
    assert len(made) > 1, "the loss is summed over parts"
    for part in made:
        loss = sum(policy_parts(model, part, objective, way)[0].values())
        loss.backward()
        total += loss.item()
    return total, model


SAME: dict[str, tuple[PolicyGradient, str, dict[str, Any]]] = {
    "grpo": (GRPO(), "grpo", {}),
    "grpo with a KL": (
        GRPO(kl=0.3, average="responses"),
        "grpo",
        {"beta": 0.3, "loss_type": "grpo"},
    ),
    "dr grpo, two clips": (
        GRPO(average="limit", scale="none", clip=0.1, clip_high=0.15),
        "grpo",
        {"loss_type": "dr_grpo", "scale_rewards": "none", "epsilon": 0.1, "epsilon_high": 0.15},
    ),
    "gspo, scaled by the batch": (
        GRPO(ratio="response_mean", scale="batch", clip=0.05),
        "grpo",
        {"importance_sampling_level": "sequence", "scale_rewards": "batch", "epsilon": 0.05},
    ),
    "rloo": (RLOO(), "rloo", {"beta": 0.0}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME)
def test_the_loss_and_every_gradient_are_trls(name: str, tmp_path: Path) -> None:
    objective, kind, settings = SAME[name]
    trainer, batch = trl_batch(kind, REWARDS, tmp_path, **settings)
    groups = groups_of(batch, REWARDS)
    assert [s.ids for group in groups for s in group.samples] == list(texts())
    worth = objective.advantages([[s.reward for s in group.samples] for group in groups])
    assert [a for group in worth.of for a in group] == pytest.approx(batch["advantages"].tolist())
    moved(trainer.model, 2, 0.02)
    theirs = trainer.compute_loss(trainer.model, batch)
    theirs.backward()
    loss, model = ours(objective, groups, tmp_path)
    assert loss == pytest.approx(theirs.item(), abs=1e-5)
    named = dict(trainer.model.named_parameters())
    for name, weight in model.named_parameters():
        assert named[name].grad.abs().max() > 0, name
        apart = (weight.grad - named[name].grad).abs().max() / named[name].grad.abs().max()
        assert apart < 1e-4, name
    other, _ = ours(objective.but(clip=0.9), groups, tmp_path)
    assert abs(other - loss) > 1e-3, "no ratio was clipped"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grpo", "rloo"])
def test_unscored_samples_have_trls_advantages(kind: str, tmp_path: Path) -> None:
    """The others' advantages are the same; TRL keeps the unscored in its average, which we do not."""
    _, batch = trl_batch(kind, UNSCORED, tmp_path, beta=0.0)
    objective = GRPO() if kind == "grpo" else RLOO()
    worth = objective.advantages([UNSCORED[at : at + SAMPLES] for at in range(0, 12, SAMPLES)])
    found = [a for group in worth.of for a in group]
    assert [place for place, a in enumerate(found) if a is None] == [0, 6]
    assert [a or 0.0 for a in found] == pytest.approx(batch["advantages"].tolist())
    assert (worth.unscored, worth.flat) == (2, 1)
