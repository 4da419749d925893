"""The trainer beside TRL's at the shape of Llama-3-8B on one GPU: random weights, bf16, LoRA.

``python -m benchmarks.gpu`` writes ``results/gpu.csv``: seconds of a training step (forward and
backward, no optimizer) over the same examples, useful tokens a second (each prompt and response
counted once, whatever a trainer runs), peak memory, and the share of the measured rate of bf16
products. ``--tiny`` runs the same code on a CPU with a few layers, to see that it works: its figures
mean nothing.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import LlamaForCausalLM

from benchmarks import cases, peers
from benchmarks.ours import ranked_rows
from planb import RankedPreferenceConfig, RankedPreferenceTrainer
from planb.training.trainer import Rows

RESULTS = Path(__file__).resolve().parent / "results" / "gpu.csv"
CASES = ((3, "1:1"), (5, "1:1"), (5, "4:1"))
STEPS = 3
COLUMNS = ("K", "ratio", "trainer", "way", "seconds", "useful_tokens_per_s", "peak_gib", "matmul_share")
EIGHT_B = cases.Size("8B", 32, 4096, 14336, 32, 128_256, examples=8)
TINY = cases.Size("tiny", 2, 64, 128, 4, 512, examples=2)

Step = Callable[[], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="a few layers on a CPU: does it run?")
    tiny = parser.parse_args().tiny
    if not tiny and not torch.cuda.is_available():
        raise SystemExit("there is no GPU here; --tiny tries the code on a CPU")
    size, device = (TINY, "cpu") if tiny else (EIGHT_B, "cuda")
    rate = matmul_rate(device)
    found = []
    for K, ratio in CASES:
        case = cases.case(size, K, ratio)
        for name, way, step in trainers(case, device):
            seconds, peak = cost(step, device)
            tokens = sum(map(len, case.prompts)) + sum(len(r) for rs in case.responses for r in rs)
            share = needed(case, name) / seconds / rate
            figures = (f"{seconds:.3f}", f"{tokens / seconds:.0f}", f"{peak:.1f}", f"{share:.2f}")
            found.append((K, ratio, name, way, *figures))
            print(*found[-1], sep="\t", flush=True)
            del step
            gc.collect()
    if not tiny:
        with RESULTS.open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *found])


def model(size: cases.Size, device: str) -> Any:
    """Random weights made where they are used, in bf16; key and value heads as Llama-3 has them."""
    config = size.config()
    config.num_key_value_heads = size.heads // 4
    torch.manual_seed(0)
    with torch.device(device):
        return LlamaForCausalLM._from_config(config, dtype=torch.bfloat16)


def linear_weights(size: cases.Size) -> int:
    """Of the body: queries and outputs, a quarter of that for keys and values, the feed-forward."""
    return size.layers * size.hidden * (10 * size.hidden // 4 + 3 * size.feed_forward)


def trainers(case: cases.Case, device: str) -> Iterator[tuple[str, str, Step]]:
    """(name, how it runs, its step) of ours and of TRL's, one model in memory at a time."""
    lora = LoraConfig(r=16, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    for objective in ("orpo", "dpo"):
        trainer = ours(case, device, lora, objective)
        batch = trainer.data_collator(trainer.train_dataset.rows)
        yield (
            f"planb-{objective}",
            str(trainer.way),
            lambda t=trainer, b=batch: t.training_step(t.model, b),
        )
        del trainer
    for name in ("trl-orpo", "trl-dpo"):
        yield name, "two sequences a pair", peer(name, case, device, lora)


def ours(case: cases.Case, device: str, lora: LoraConfig, objective: str) -> RankedPreferenceTrainer:
    with tempfile.TemporaryDirectory() as folder:
        trainer = RankedPreferenceTrainer(
            model(case.size, device),
            RankedPreferenceConfig(folder, objective=objective, **options(device)),
            Rows(ranked_rows(case), ordered=True),
            cases.tokenizer(case.size),
            lora,
        )
    trainer.prepare()
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def peer(name: str, case: cases.Case, device: str, lora: LoraConfig) -> Step:
    """All pairs of the case, in calls of 8 pairs."""
    kind, config = (
        (peers.ORPOTrainer, peers.ORPOConfig)
        if name == "trl-orpo"
        else (peers.DPOTrainer, peers.DPOConfig)
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = kind(
            model(case.size, device),
            args=config(folder, max_length=1024, **options(device)),
            train_dataset=peers.pair_rows(case),
            processing_class=cases.tokenizer(case.size),
            peft_config=lora,
        )
    trainer.current_gradient_accumulation_steps = 1
    rows = list(trainer.train_dataset)
    batches = [trainer.data_collator(rows[start : start + 8]) for start in range(0, len(rows), 8)]
    return lambda: [trainer.training_step(trainer.model, dict(batch)) for batch in batches]


def options(device: str) -> dict[str, Any]:
    return {
        "bf16": device == "cuda",
        "use_cpu": device == "cpu",
        "gradient_checkpointing": True,
        "report_to": [],
        "disable_tqdm": True,
        "remove_unused_columns": False,
    }


def cost(step: Step, device: str) -> tuple[float, float]:
    """(least seconds, peak GiB) of some steps after a first one."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    step()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(STEPS):
        wait()
        started = time.perf_counter()
        step()
        wait()
        times.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else float("nan")
    return min(times), peak


def needed(case: cases.Case, name: str) -> float:
    """Operations of the linear layers over a trainer's own sequences: 2 forward and 2 backward per
    weight and token, as frozen weights need no gradient (recomputing, attention, head: not counted)."""
    if name.startswith("planb"):
        tokens = sum(map(len, case.prompts)) + sum(len(r) for rs in case.responses for r in rs)
        return 4.0 * linear_weights(case.size) * tokens
    sequences = [(e, place) for e, b, w in case.pairs for place in (b, w)]
    tokens = sum(len(case.prompts[e]) + len(case.responses[e][place]) for e, place in sequences)
    return (6.0 if name == "trl-dpo" else 4.0) * linear_weights(case.size) * tokens


def matmul_rate(device: str) -> float:
    """Operations a second of a large bf16 product."""
    n = 8192 if device == "cuda" else 256
    a = torch.randn(n, n, device=device, dtype=torch.bfloat16)
    seconds, _ = cost(lambda: [a @ a for _ in range(10)], device)
    return 10 * 2 * n**3 / seconds


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
