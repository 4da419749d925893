"""One update by reinforcement against TRL's GRPOTrainer: draw 8 x 8 samples, score them, forward
and backward. ``python -m benchmarks.reinforcement`` writes ``results/reinforcement.csv``.

Both have the same random Llama (4 layers of width 256), the same requests and the same rewards, on one
thread in float32. TRL gets its defaults but for bf16 and gradient checkpointing, which are off; the
optimizer's step is left out of both. A random model does not end its turns, so all samples are cut at
the same length and both draw and train the same number of tokens. Each has one update to warm up, and
of the next ones the cheapest counts. Costs are CPU seconds.
"""

from __future__ import annotations

import csv
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
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
REQUESTS, SAMPLES, LIMIT, UPDATES = 8, 8, 48, 3
PROMPTS = (12, 48, 192)
"""Words of a request."""


def reward(text: str) -> float:
    """The share of vowels among the letters."""
    letters = [letter for letter in text.lower() if letter.isalpha()]
    return sum(letter in "aeiou" for letter in letters) / max(len(letters), 1)


def requests(words: Sequence[str], length: int) -> list[str]:
    rng = random.Random(length)
    return [" ".join(rng.choice(words) for _ in range(length)) for _ in range(REQUESTS)]


def cheapest(step: Callable[[int], None]) -> float:
    """CPU seconds of the cheapest update after the first."""
    costs = []
    for update in range(UPDATES):
        before = time.process_time()
        step(update)
        costs.append(time.process_time() - before)
    return min(costs[1:])


def ours(folder: Path, texts: Sequence[str]) -> tuple[float, float]:
    """(CPU seconds of an update, of its draw)."""
    policy, objective = load_policy(folder), GRPO()
    pad = int(policy.tokenizer.pad_token_id)
    examples = [
        Example(id=str(n), prompt=(Message(role="user", content=text),), harmful=True)
        for n, text in enumerate(texts)
    ]
    asked = [Asked(example, example.prompt) for example in examples]
    sampling = Sampling(temperature=1.0, max_new_tokens=LIMIT)
    drawing = Drawing(
        policy.tokenizer, folder, SAMPLES, sampling, 0, lambda some: [reward(t) for _, t in some]
    )
    row = Row("", (1, 2, 3), ((4, 5), (6,)), ("sample", "sample"))
    way, draws = choose(policy.model, [row], pad, "packed"), []

    def update(place: int) -> None:
        before = time.process_time()
        policy.model.eval()
        with released(policy.model, way):
            drawn = drawing.draw(policy.model, asked, place)
        policy.model.train()
        draws.append(time.process_time() - before)
        rows, _ = weighed(drawn.groups, objective, LIMIT)
        for part in packed(rows, pad, way, 8192):
            sum(policy_parts(policy.model, part, objective, way)[0].values()).backward()
        policy.model.zero_grad()

    return cheapest(update), min(draws[1:])


def trls(folder: Path, texts: Sequence[str]) -> float:
    """CPU seconds of an update."""
    from trl import GRPOConfig, GRPOTrainer

    datasets.disable_progress_bars()
    rows = [{"prompt": [{"role": "user", "content": text}]} for text in texts]

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
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=policy.tokenizer,
        )
    trainer.current_gradient_accumulation_steps = 1
    repeated = [row for row in rows for _ in range(SAMPLES)]

    def update(_: int) -> None:
        trainer.training_step(trainer.model, [dict(row) for row in repeated], None)
        trainer.model.zero_grad()

    return cheapest(update)


def main() -> None:
    torch.set_num_threads(1)
    words = vocabulary(World())
    spoken = [word for word in words if word.isalpha() and word.isascii()]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shape = TinyLlama(width=256, hidden=688, layers=4, heads=4)
        policy = fresh_policy(shape, words, 0, folder)
        save_policy(policy.model, policy.tokenizer, folder, Card(what="a random model"))
        with RESULTS.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["request_words", "ours", "ours_draw", "trl", "trl_over_ours"])
            for length in PROMPTS:
                texts = requests(spoken, length)
                (whole, draw), peer = ours(folder, texts), trls(folder, texts)
                row = [length, *(f"{seconds:.2f}" for seconds in (whole, draw, peer))]
                table.writerow([*row, f"{peer / whole:.2f}"])
                print(f"requests of {length} words: TRL {peer:.2f} s, ours {whole:.2f} s", flush=True)


if __name__ == "__main__":
    main()
