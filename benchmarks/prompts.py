"""A training step of SmolLM2 with common beginnings of prompts run once, and with every prompt whole.

    planb models fetch smollm2
    python -m benchmarks.prompts [--rounds 3]

Eight requests with three ranked responses, rendered by SmolLM2's template, whose default system
message stands in each prompt; LoRA r=16 on all linear layers, ORPO, float32, one thread. CPU
seconds of forward and backward, in turns, after one of each to warm up; losses must agree to 1e-6,
gradients to 2e-5, or the run stops. Written to ``results/prompts.csv``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch
from peft import LoraConfig
from rich.console import Console

from planb.data.tables import write_csv
from planb.models.checkpoints import load_policy
from planb.models.fetched import fetched_folder
from planb.training.config import RankedPreferenceConfig
from planb.training.packing import parts
from planb.training.trainer import RankedPreferenceTrainer

FILE = Path(__file__).resolve().parent / "results" / "prompts.csv"
COUNTRIES = ("Chad", "Peru", "Norway", "Japan", "Kenya", "Malta", "Laos", "Cuba")


def rows() -> list[dict[str, Any]]:
    return [
        {
            "prompt": [
                {
                    "role": "user",
                    "content": f"Tell me about {name}: its capital, its continent and its currency.",
                }
            ],
            "responses": [
                f"{name} lies where you can find it on a map, and its capital is a large city there.",
                f"{name} is a country, and it has a capital.",
                "I'm sorry, but I can't help with questions about that.",
            ],
            "scores": [9, 4, 1],
        }
        for name in COUNTRIES
    ]


class Race:
    """One trainer, whose batch is made both ways."""

    def __init__(self, folder: str) -> None:
        policy = load_policy(fetched_folder("smollm2"))
        self.trainer = RankedPreferenceTrainer(
            model=policy.model,
            args=RankedPreferenceConfig(
                output_dir=folder, objective="orpo", per_device_train_batch_size=8, report_to=[]
            ),
            train_dataset=rows(),
            processing_class=policy.tokenizer,
            peft_config=LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        way = self.trainer.prepare()
        read = self.trainer.train_dataset.rows
        self.batches = {
            share: parts(
                read, policy.tokenizer.pad_token_id, way.layout, None, way.kernel, False, share
            )
            for share in (True, False)
        }

    def step(self, share: bool) -> tuple[float, float, list[torch.Tensor]]:
        """CPU seconds, loss, gradients."""
        model, (part,) = self.trainer.model, self.batches[share]
        model.zero_grad()
        began = time.process_time()
        loss = self.trainer.compute_loss(model, {**part, "of_examples": len(COUNTRIES)})
        loss.backward()
        took = time.process_time() - began
        found = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
        return took, float(loss.detach()), found


def check(one: tuple[Any, ...], two: tuple[Any, ...]) -> None:
    apart = max(float((a - b).norm() / (b.norm() + 1e-9)) for a, b in zip(one[2], two[2], strict=True))
    if abs(one[1] - two[1]) > 1e-6 * abs(two[1]) or apart > 2e-5:
        raise RuntimeError(f"losses {one[1]} and {two[1]}, gradients {apart:.1e} apart")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    asked, console = parser.parse_args(), Console()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        race = Race(folder)
        check(race.step(True), race.step(False))
        took: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(asked.rounds):
            for share in took:
                took[share].append(race.step(share)[0])
                console.print(f"shared: {share}: {took[share][-1]:.2f} CPU seconds")
    whole = median(took[False])
    ratio = median(old / new for old, new in zip(took[False], took[True], strict=True))
    lines = [
        ("run once", median(took[True]), race.batches[True][0]["tokens"], ratio),
        ("each prompt whole", whole, race.batches[False][0]["tokens"], 1.0),
    ]
    table = pd.DataFrame(lines, columns=["beginnings", "CPU seconds", "tokens", "times as fast"])
    console.print(table.to_string(index=False))
    write_csv(table, FILE)


if __name__ == "__main__":
    main()
