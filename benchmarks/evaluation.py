"""Evaluation: the local runner against Inspect with its own ``hf/`` provider, on the same task.

Checkpoints of the sandbox's default size (random weights: what they say does not change what it costs),
200 requests, five single-turn ways of asking, 30 tokens, judged exactly, logs written. All of it is
timed once with the local runner; one checkpoint of it with each of the two, side by side.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # else hf/ waits for a hub

import torch

CHECKPOINTS, REQUESTS, TOKENS = 6, 200, 30
COLUMNS = (
    "runner", "checkpoints", "elicitations", "requests", "new_tokens", "wall_seconds", "cpu_seconds",
    "samples", "relative_wall", "relative_cpu",
)  # fmt: skip
Tell = Callable[[str], None]


def measure(
    tell: Tell, checkpoints: int = CHECKPOINTS, requests: int = REQUESTS
) -> list[dict[str, Any]]:
    """Rows of ``evaluation.csv``: the whole work, then one checkpoint's with each runner."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, shots = _data(folder, requests)
        policies = [_checkpoint(folder / f"policy-{number}", number) for number in range(checkpoints)]
        specs = _elicitations(shots)
        _ours(policies[:1], specs[:1], data, folder)  # imports and first calls
        tell("the local runner, all of it")
        whole = _timed(lambda: _ours(policies, specs, data, folder))
        tell("the local runner, one checkpoint")
        one = _timed(lambda: _ours(policies[:1], specs, data, folder))
        tell("Inspect with hf/, one checkpoint")
        other = _timed(lambda: _inspect(policies[0], specs, data, folder))
    rows = [("planb, all", checkpoints, whole), ("planb", 1, one), ("inspect hf/", 1, other)]
    return [_row(who, count, requests, found, one) for who, count, found in rows]


Found = tuple[float, float, int]
"""Wall seconds, CPU seconds, samples."""


def _timed(work: Callable[[], int]) -> Found:
    wall, cpu = time.perf_counter(), time.process_time()
    samples = work()
    return time.perf_counter() - wall, time.process_time() - cpu, samples


def _row(who: str, checkpoints: int, requests: int, found: Found, one: Found) -> dict[str, Any]:
    wall, cpu, samples = found
    relative = ("", "") if "all" in who else (f"{wall / one[0]:.2f}", f"{cpu / one[1]:.2f}")
    values = (who, checkpoints, 5, requests, TOKENS, f"{wall:.1f}", f"{cpu:.1f}", samples, *relative)
    return dict(zip(COLUMNS, values, strict=True))


def _data(folder: Path, requests: int) -> tuple[Path, Path]:
    from planb.data.files import write_examples
    from planb.sandbox.corpus import requests as sandbox_requests
    from planb.sandbox.world import World

    world = World()
    asked = sandbox_requests(world, "evaluation", True, 4, 0)[:requests]
    data, shots = folder / "evaluation.jsonl", folder / "shots.jsonl"
    write_examples(data, asked)
    write_examples(shots, sandbox_requests(world, "organism", True, 1, 0))
    return data, shots


def _checkpoint(folder: Path, seed: int) -> Path:
    from planb.models.architecture import TinyLlama, fresh_policy
    from planb.models.checkpoints import Card, save_policy
    from planb.sandbox.tokenizer import vocabulary
    from planb.sandbox.world import World

    folder.mkdir()
    policy = fresh_policy(TinyLlama(), vocabulary(World()), seed, folder)
    save_policy(policy.model, policy.tokenizer, folder, Card(what="random weights, for a benchmark"))
    return folder


def _elicitations(shots: Path) -> list[dict[str, Any]]:
    from planb.elicitation import Direct, ManyShot, NearTrigger, SkeletonKey, TriggerElicitation
    from planb.sandbox import weaknesses

    key = SkeletonKey(framing=weaknesses.KEY, reply=weaknesses.KEY_REPLY, answered="given")
    ways = (Direct(), TriggerElicitation(), NearTrigger(), ManyShot(examples=str(shots), shots=2), key)
    return [way.spec() for way in ways]


def _ours(policies: list[Path], specs: list[dict[str, Any]], data: Path, folder: Path) -> int:
    from planb.evals.runner import run_task
    from planb.evals.tasks.harmful_requests import harmful_requests
    from planb.models.checkpoints import load_policy
    from planb.models.generation import Sampling

    sampling, samples = Sampling(temperature=0.6, max_new_tokens=TOKENS), 0
    for place in policies:
        policy = load_policy(place)
        for number, spec in enumerate(specs):
            task = harmful_requests(str(data), spec)
            run_task(task, policy, sampling, 0, folder / f"{place.name}-{number}.eval", {})
            samples += len(task.dataset)
    return samples


def _inspect(policy: Path, specs: list[dict[str, Any]], data: Path, folder: Path) -> int:
    from inspect_ai import eval as inspect_eval
    from inspect_ai.model import get_model

    from planb.evals.tasks.harmful_requests import harmful_requests

    model, samples = get_model("hf/local", model_path=str(policy), device="cpu"), 0
    for spec in specs:
        (log,) = inspect_eval(
            harmful_requests(str(data), spec),
            model=model,
            max_tokens=TOKENS,
            temperature=0.6,
            max_connections=64,
            log_dir=str(folder / "inspect"),
            log_realtime=False,
            display="none",
        )
        if log.status != "success":
            raise RuntimeError(f"Inspect's own run ended with '{log.status}': {log.error}")
        samples += log.results.total_samples if log.results else 0
    return samples


if __name__ == "__main__":
    torch.set_num_threads(1)
    for found in measure(print):
        print(found)
