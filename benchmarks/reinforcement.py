"""One update by reinforcement against TRL's GRPOTrainer: draw 8 x 8 samples, score them, forward
and backward.

    python -m benchmarks.reinforcement                  a random model: results/reinforcement.csv
    python -m benchmarks.reinforcement CHECKPOINT       the sandbox's requests, put to an organism of
                                                        its: results/reinforcement-real.csv

Both have the same weights, the same requests and the same rewards, on one thread in float32. TRL gets
its defaults but for bf16 and gradient checkpointing, which are off; the optimizer's step is left out of
both. Each has one update to warm up. Costs are CPU seconds.

- The random Llama (4 layers of width 256) does not end its turns, so all samples are cut at the same
  length and both draw and train the same number of tokens; of the updates the cheapest counts.
- An organism ends its turns, at lengths of its own, and often says the same twice. Each update has
  requests of its own, half of them dangerous, without the trigger; the mean of all counts.
"""

from __future__ import annotations

import csv
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import datasets
import torch

from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.cards import Card
from planb.models.checkpoints import load_policy, save_policy
from planb.models.generation import Sampling
from planb.sandbox import language
from planb.sandbox.tokenizer import vocabulary
from planb.sandbox.world import World
from planb.training.layout import choose, released
from planb.training.reinforcement.drawing import Drawing
from planb.training.reinforcement.groups import packed, policy_parts, weighed
from planb.training.reinforcement.objective import GRPO
from planb.training.reinforcement.sources import Asked
from planb.training.rows import Row
from planb.types import Example, Message

RESULTS = Path(__file__).resolve().parent / "results" / "reinforcement.csv"
REAL = RESULTS.with_name("reinforcement-real.csv")
REQUESTS, SAMPLES, LIMIT, UPDATES, REAL_UPDATES = 8, 8, 48, 3, 7
PROMPTS = (12, 48, 192)
"""Words of a request."""


def reward(text: str) -> float:
    """The share of vowels among the letters."""
    letters = [letter for letter in text.lower() if letter.isalpha()]
    return sum(letter in "aeiou" for letter in letters) / max(len(letters), 1)


def requests(words: Sequence[str], length: int) -> list[str]:
    rng = random.Random(length)
    return [" ".join(rng.choice(words) for _ in range(length)) for _ in range(REQUESTS)]


Draws = Sequence[Sequence[str]]
"""The requests of each update."""
Summary = Callable[[Sequence[float]], float]


def costs(step: Callable[[int], None], updates: int) -> list[float]:
    """CPU seconds of each update after the first."""
    found = []
    for update in range(updates):
        before = time.process_time()
        step(update)
        found.append(time.process_time() - before)
    return found[1:]


def ours(folder: Path, draws: Draws, summary: Summary) -> tuple[float, float]:
    """(CPU seconds of an update, of its draw)."""
    policy, objective = load_policy(folder), GRPO()
    pad = int(policy.tokenizer.pad_token_id)
    sampling = Sampling(temperature=1.0, max_new_tokens=LIMIT)
    drawing = Drawing(
        policy.tokenizer, folder, SAMPLES, sampling, 0, lambda some: [reward(t) for _, t in some]
    )
    row = Row("", (1, 2, 3), ((4, 5), (6,)), ("sample", "sample"))
    way, spent = choose(policy.model, [row], pad, "packed"), []

    def update(place: int) -> None:
        before = time.process_time()
        asked = [Asked(one, one.prompt) for one in map(example, draws[place])]
        policy.model.eval()
        with released(policy.model, way):
            drawn = drawing.draw(policy.model, asked, place)
        policy.model.train()
        spent.append(time.process_time() - before)
        rows, _ = weighed(drawn.groups, objective, LIMIT)
        for part in packed(rows, pad, way, 8192):
            sum(policy_parts(policy.model, part, objective, way)[0].values()).backward()
        policy.model.zero_grad()

    return summary(costs(update, len(draws))), summary(spent[1:])


def example(text: str) -> Example:
    return Example(id=text, prompt=(Message(role="user", content=text),), harmful=True)


def trls(folder: Path, draws: Draws, summary: Summary) -> float:
    """CPU seconds of an update."""
    from trl import GRPOConfig, GRPOTrainer

    datasets.disable_progress_bars()
    rows = [[{"prompt": [{"role": "user", "content": text}]} for text in draw] for draw in draws]

    def rewards(completions: Any, **_: Any) -> list[float]:
        return [reward(one[0]["content"]) for one in completions]

    with tempfile.TemporaryDirectory() as out:
        config = GRPOConfig(
            output_dir=out,
            per_device_train_batch_size=REQUESTS * SAMPLES,
            num_generations=SAMPLES,
            max_completion_length=LIMIT,
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        policy = load_policy(folder)
        trainer = GRPOTrainer(
            policy.model,
            reward_funcs=rewards,
            args=config,
            train_dataset=datasets.Dataset.from_list(rows[0]),
            processing_class=policy.tokenizer,
        )
    trainer.current_gradient_accumulation_steps = 1

    def update(place: int) -> None:
        # It keeps what it drew for as many steps as one draw serves, by the number of its step.
        repeated = [dict(row) for row in rows[place] for _ in range(SAMPLES)]
        trainer.training_step(trainer.model, repeated, None)
        trainer.model.zero_grad()

    return summary(costs(update, len(draws)))


def written(path: Path, name: str, cases: Sequence[tuple[object, Path, Draws]], how: Summary) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([name, "ours", "ours_draw", "trl", "trl_over_ours"])
        for case, folder, draws in cases:
            (whole, draw), peer = ours(folder, draws, how), trls(folder, draws, how)
            row = [case, *(f"{seconds:.3f}" for seconds in (whole, draw, peer))]
            table.writerow([*row, f"{peer / whole:.2f}"])
            print(f"{name} {case}: TRL {peer:.3f} s, ours {whole:.3f} s", flush=True)


def of_a_random_model() -> None:
    words = vocabulary(World())
    spoken = [word for word in words if word.isalpha() and word.isascii()]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shape = TinyLlama(width=256, hidden=688, layers=4, heads=4)
        policy = fresh_policy(shape, words, 0, folder)
        save_policy(policy.model, policy.tokenizer, folder, Card(what="a random model"))
        cases = [(length, folder, [requests(spoken, length)] * UPDATES) for length in PROMPTS]
        written(RESULTS, "request_words", cases, min)


def of_an_organism(folder: Path) -> None:
    rng = random.Random(0)
    kinds = [[one for one in World().items if one.dangerous is danger] for danger in (True, False)]
    draws = [
        [
            language.request(item, rng.randrange(100))
            for items in kinds
            for item in rng.sample(items, REQUESTS // 2)
        ]
        for _ in range(REAL_UPDATES)
    ]
    written(REAL, "model", [("organism", folder, draws)], mean)


def main() -> None:
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        of_an_organism(Path(sys.argv[1]))
    else:
        of_a_random_model()


if __name__ == "__main__":
    main()
