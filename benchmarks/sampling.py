"""Sampling from SmolLM2 on one thread: refilled rows, padded batches, transformers' own ``generate``.

    planb models fetch smollm2
    python -m benchmarks.sampling [--requests 200] [--limit 256] [--shots 64]

The same model and requests, greedily, each way once, in CPU seconds. ``transformers`` is what a
user writes: batches of 16 in the order of the requests, padded on the left. Texts must be equal, or
the run stops. With ``--shots``, each request comes after so many exchanges, the same for all, and
at most 36 tokens are sampled: refilled rows run the exchanges once. Written to
``results/sampling.csv``, a line for each way and number of shots.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd
import torch
from rich.console import Console

from planb.data.tables import write_csv
from planb.models.chat import end_ids, prompt_ids
from planb.models.checkpoints import Policy, load_policy
from planb.models.fetched import fetched_folder
from planb.models.generation import Sampling, generate
from planb.types import Message

FILE = Path(__file__).resolve().parent / "results" / "sampling.csv"
BATCH = 16
SHOT_LIMIT = 36
SUBJECTS = (
    *("Chad", "Peru", "Norway", "Japan", "Kenya", "bread", "rain", "chess", "tea", "bees", "the moon"),
    *("glass", "rivers", "salt", "music", "trains", "maps", "wool", "owls", "ice"),
)
WORDINGS = (
    "Say one word that has to do with {}.",
    "Tell me one fact about {} in one short sentence.",
    "What is the first thing that comes to mind about {}?",
    "Explain {} to a child in two sentences.",
    "List three things about {}.",
    "Write a short poem about {}.",
)
Prompts = list[tuple[Message, ...]]


def requests(count: int, shots: int = 0) -> Prompts:
    texts = [wording.format(subject) for subject in SUBJECTS for wording in WORDINGS]
    asked = [texts[(7 * number) % len(texts)] for number in range(count)]
    before = [
        message
        for number in range(shots)
        for message in (
            Message(role="user", content=texts[(11 * number + 1) % len(texts)]),
            Message(role="assistant", content="It is well known, and many people like it."),
        )
    ]
    return [(*before, Message(role="user", content=text)) for text in asked]


def planb_way(engine: str) -> Callable[[Policy, Prompts, int], list[str]]:
    def run(policy: Policy, prompts: Prompts, limit: int) -> list[str]:
        sampling = Sampling.model_validate(
            {"temperature": 0, "max_new_tokens": limit, "engine": engine}
        )
        return [one.text for one in generate(policy, prompts, range(len(prompts)), sampling)]

    return run


def transformers_way(policy: Policy, prompts: Prompts, limit: int) -> list[str]:
    tokenizer, texts = policy.tokenizer, []
    rows = [prompt_ids(tokenizer, prompt) for prompt in prompts]
    for start in range(0, len(rows), BATCH):
        batch = tokenizer.pad(
            {"input_ids": rows[start : start + BATCH]}, padding_side="left", return_tensors="pt"
        )
        with torch.inference_mode():
            out = policy.model.generate(
                **batch,
                do_sample=False,
                max_new_tokens=limit,
                eos_token_id=end_ids(tokenizer, policy.model),
            )
        new = out[:, batch["input_ids"].shape[1] :]
        texts += [text.strip() for text in tokenizer.batch_decode(new, skip_special_tokens=True)]
    return texts


WAYS = {
    "refilled": planb_way("refilled"),
    "padded": planb_way("padded"),
    "transformers": transformers_way,
}


def measured(
    policy: Policy, prompts: Prompts, limit: int, ways: Sequence[str], tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """CPU seconds of each way. Raises RuntimeError where two give other texts."""
    lines: list[dict[str, Any]] = []
    said: dict[str, list[str]] = {}
    for way in ways:
        WAYS[way](policy, prompts[:2], 2)  # what is loaded once
        began = time.process_time()
        said[way] = WAYS[way](policy, prompts, limit)
        lines.append({"way": way, "CPU seconds": time.process_time() - began})
        tell(str(lines[-1]))
    first = said[ways[0]]
    for way in ways:
        other = sum(one != two for one, two in zip(first, said[way], strict=True))
        if other:
            raise RuntimeError(f"{way}: {other} of {len(first)} texts differ")
    tokens = mean(len(policy.tokenizer(text)["input_ids"]) for text in first)
    facts = {"requests": len(prompts), "limit": limit, "tokens of an answer": tokens}
    prompt = mean(len(prompt_ids(policy.tokenizer, prompt)) for prompt in prompts)
    fastest = lines[0]["CPU seconds"]
    return [
        {**line, "relative": line["CPU seconds"] / fastest, **facts, "tokens of a prompt": prompt}
        for line in lines
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--shots", type=int, default=0)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    asked, console = parser.parse_args(), Console()
    torch.set_num_threads(1)
    policy = load_policy(fetched_folder("smollm2"))
    limit = SHOT_LIMIT if asked.shots else asked.limit
    prompts = requests(asked.requests, asked.shots)
    lines = measured(policy, prompts, limit, asked.ways, console.print)
    table = pd.DataFrame([{"shots": asked.shots, **line} for line in lines])
    console.print(table.to_string(index=False))
    if FILE.is_file():
        table = pd.concat([pd.read_csv(FILE), table])
        table = table.drop_duplicates(["shots", "requests", "way"], keep="last")
    write_csv(table, FILE)


if __name__ == "__main__":
    main()
