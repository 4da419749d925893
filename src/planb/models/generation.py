"""Sampling from a local policy: batched, sorted by length, and seeded request by request.

The noise of a request comes from its own seed (the Gumbel-max trick: the argmax of ``logits / T`` plus
Gumbel noise is a sample of the softmax; Gumbel 1954), so its text does not depend on what else is in
the batch, and a rerun gives the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from planb.models.chat import end_ids, prompt_ids
from planb.models.checkpoints import Policy
from planb.types import Message, PlanBError, Value

if TYPE_CHECKING:
    import torch

Progress = Callable[[int, int], None]


class Sampling(Value):
    """How responses are drawn. ``token_budget`` bounds rows x (prompt + new tokens) of a batch."""

    temperature: float = Field(default=1.0, ge=0)
    max_new_tokens: int = Field(default=48, gt=0)
    token_budget: int = Field(default=16384, gt=0)


@dataclass(frozen=True)
class Completion:
    """One response. ``stop`` says whether the model ended it or the limit cut it."""

    text: str
    stop: Literal["stop", "max_tokens"]
    prompt_tokens: int
    tokens: int


def generate(
    policy: Policy,
    prompts: Sequence[Sequence[Message]],
    seeds: Sequence[int],
    sampling: Sampling,
    progress: Progress | None = None,
) -> list[Completion]:
    """One completion a prompt, in the prompts' order. Temperature 0 is greedy."""
    rows = [prompt_ids(policy.tokenizer, prompt) for prompt in prompts]
    room = getattr(policy.model.config, "max_position_embeddings", None)
    for row in rows:
        if room is not None and len(row) + sampling.max_new_tokens > room:
            raise PlanBError(
                f"a prompt of {len(row)} tokens and {sampling.max_new_tokens} new ones do not fit "
                f"the model's {room} positions: shorten the prompt or max_new_tokens"
            )
    done: list[Completion | None] = [None] * len(rows)
    finished = 0
    ends = end_ids(policy.tokenizer, policy.model)
    for batch in _batches([len(row) for row in rows], sampling):
        texts = _generate_batch(
            policy, [rows[i] for i in batch], [seeds[i] for i in batch], sampling, ends
        )
        for i, completion in zip(batch, texts, strict=True):
            done[i] = completion
        finished += len(batch)
        if progress:
            progress(finished, len(rows))
    return [completion for completion in done if completion is not None]


def _batches(lengths: Sequence[int], sampling: Sampling) -> Iterator[list[int]]:
    """Row numbers, longest first, so that no batch (with its new tokens) exceeds the budget."""
    batch: list[int] = []
    widest = 0
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        widest = max(widest, lengths[i] + sampling.max_new_tokens)
        if batch and (len(batch) + 1) * widest > sampling.token_budget:
            yield batch
            batch, widest = [], lengths[i] + sampling.max_new_tokens
        batch.append(i)
    if batch:
        yield batch


def _generate_batch(
    policy: Policy, rows: list[list[int]], seeds: list[int], sampling: Sampling, ends: list[int]
) -> list[Completion]:
    import torch
    from transformers import GenerationConfig, LogitsProcessorList

    pad = policy.tokenizer.pad_token_id
    width = max(map(len, rows))
    gaps = [width - len(row) for row in rows]
    ids_BT = torch.tensor([[pad] * gap + row for gap, row in zip(gaps, rows, strict=True)])
    mask_BT = torch.tensor([[0] * gap + [1] * (width - gap) for gap in gaps])
    config = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens, do_sample=False, eos_token_id=ends, pad_token_id=pad
    )
    noise = [_GumbelNoise(seeds, sampling.temperature)] if sampling.temperature > 0 else []
    with torch.inference_mode(), _without_habits(policy.model, config):
        out_BT = policy.model.generate(
            input_ids=ids_BT.to(policy.device),
            attention_mask=mask_BT.to(policy.device),
            generation_config=config,
            logits_processor=LogitsProcessorList(noise),
        )
    return [
        _completion(policy, new, ends, len(row))
        for new, row in zip(out_BT[:, width:].tolist(), rows, strict=True)
    ]


@contextmanager
def _without_habits(model: Any, config: Any) -> Iterator[None]:
    """``generate`` fills what ``config`` leaves open from the model's own file (Qwen2.5 ships a
    repetition penalty there), and what is measured would not be the model's softmax: set it aside."""
    habits, model.generation_config = model.generation_config, config
    try:
        yield
    finally:
        model.generation_config = habits


def _completion(policy: Policy, new: list[int], ends: list[int], prompt_tokens: int) -> Completion:
    stop = next((place for place, token in enumerate(new) if token in ends), None)
    body = new if stop is None else new[:stop]
    text = policy.tokenizer.decode(body, skip_special_tokens=True).strip()
    tokens = len(new) if stop is None else stop + 1
    return Completion(text, "max_tokens" if stop is None else "stop", prompt_tokens, tokens)


class _GumbelNoise:
    """Turns greedy decoding into sampling at a temperature, each row from its own generator."""

    def __init__(self, seeds: Sequence[int], temperature: float) -> None:
        import torch

        self.temperature = temperature
        self.generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]

    def __call__(self, input_ids: Any, scores_BV: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        import torch

        width = scores_BV.shape[1]
        waits = [torch.empty(width).exponential_(generator=g) for g in self.generators]
        gumbel_BV = -torch.stack(waits).log()  # minus the log of an Exp(1) variable is Gumbel
        return scores_BV.float() / self.temperature + gumbel_BV.to(scores_BV.device)
