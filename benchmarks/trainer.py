"""What packed sequences buy: CPU seconds of forward and backward, on the same rows and weights.

``pairs`` is what public trainers do (two sequences a pair, the prompt in each), ``separate`` runs each
response once with its prompt, ``packed`` runs prompt and responses once. A ratio is cost / packed's.
"""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from planb.training.objectives import DPO, Scores
from planb.training.packing import Layout, collate, log_probs
from planb.training.rows import Row
from planb.types import seed_of

VOCABULARY, EXAMPLES, REPEATS = 256, 8, 3
RATIOS = {"1:4": (24, 96), "1:1": (60, 60), "4:1": (96, 24)}
COLUMNS = ("weights", "K", "prompt:response", "layout", "sequences", "tokens", "cpu_seconds", "ratio")


def main(folder: Path) -> list[dict[str, Any]]:
    """Measure, write ``trainer.csv`` into ``folder``, return its rows."""
    torch.set_num_threads(1)
    model = _model()
    weights = f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f}M"
    found = []
    for k in (3, 5):
        for ratio, (prompt, response) in RATIOS.items():
            rows = _rows(k, prompt, response)
            layouts = {"pairs": _expanded(rows), "separate": rows, "packed": rows}
            costs = {name: _cost(model, some, name) for name, some in layouts.items()}
            for name, (seconds, sequences, tokens) in costs.items():
                share = seconds / costs["packed"][0]
                values = (weights, k, ratio, name, sequences, tokens, f"{seconds:.3f}", f"{share:.2f}")
                found.append(dict(zip(COLUMNS, values, strict=True)))
    with (folder / "trainer.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(found)
    return found


def _model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def _rows(k: int, prompt: int, response: int) -> list[Row]:
    rng = random.Random(seed_of("bench", k, prompt))
    pairs = tuple((i, j) for i in range(k) for j in range(i + 1, k))

    def ids(n: int) -> tuple[int, ...]:
        return tuple(rng.randrange(VOCABULARY) for _ in range(n))

    tiers = tuple(f"tier{i}" for i in range(k))
    return [
        Row(str(n), ids(prompt), tuple(ids(response) for _ in range(k)), tiers, pairs)
        for n in range(EXAMPLES)
    ]


def _expanded(rows: list[Row]) -> list[Row]:
    """One row a pair: the way of trainers that know only chosen and rejected."""
    return [
        Row(
            f"{row.key}-{b}-{w}",
            row.prompt,
            (row.responses[b], row.responses[w]),
            (row.tiers[b], row.tiers[w]),
            ((0, 1),),
        )
        for row in rows
        for b, w in row.pairs
    ]


def _cost(model: Any, rows: list[Row], name: str) -> tuple[float, int, int]:
    """Least CPU seconds of some repeats, number of sequences, tokens run."""
    layout: Layout = "packed" if name == "packed" else "separate"
    batch = collate([(row, None) for row in rows], 0, layout, budget=512)

    def step() -> None:
        s_R, n_R = log_probs(model, batch)
        scores = Scores(s_R, n_R, torch.zeros_like(s_R))
        _, better_P, worse_P = batch["pairs_P3"].unbind(1)
        DPO().pair_loss(scores, better_P, worse_P).mean().backward()
        model.zero_grad()

    step()
    return min(_seconds(step) for _ in range(REPEATS)), *batch["input_ids"].shape[:1], _tokens(batch)


def _tokens(batch: dict[str, Any]) -> int:
    return int(batch["input_ids"].numel())


def _seconds(step: Callable[[], None]) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started
