"""The engine for GPUs: transformers' continuous batching over a paged cache.

A request that ends makes room for the next one at once, and prompts of unlike lengths are not padded.
It runs on a CPU too, where it is slower than padded batches; texts are the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, ClassVar

import torch
from transformers import ContinuousBatchingConfig, GenerationConfig, LogitsProcessorList
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessor,
    ContinuousBatchingLogitsProcessorList,
)
from transformers.generation.continuous_batching.requests import GenerationOutput
from transformers.utils import is_flash_attn_2_available

from planb.errors import PlanBError
from planb.models.chat import turn_end
from planb.models.checkpoints import Policy
from planb.models.noise import Warped

PAGE = 256
"""Tokens of a page of the cache: what flash attention's block tables need."""
PREFILL = 2048
"""Most tokens, of prompts and new ones together, that one forward pass takes."""
LAYERS = {"full_attention", "sliding_attention"}
"""The kinds of attention whose keys can be kept in pages."""
ROPES = {"dynamic", "longrope"}
"""Positions that are scaled by the longest text of a batch: a text would depend on its company."""


def why_padded(policy: Policy) -> str | None:
    """Why this model's attention cannot be paged; None: it can."""
    model = policy.inner
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    rope = getattr(config, "rope_parameters", None) or {}
    if not model._supports_attention_backend or model._is_stateful:
        return "it brings its own attention or a state"
    if kinds - LAYERS:
        return f"it has layers of kind {', '.join(sorted(kinds - LAYERS))}"
    if getattr(config, "attn_logit_softcapping", None) is not None:
        return "its attention is soft-capped"
    heads = {size for m in model.modules() if isinstance(size := vars(m).get("head_dim"), int)}
    if len(heads) > 1:
        return "its layers have heads of unlike sizes"
    if getattr(config, "kv_lora_rank", None):
        return "its attention is latent, with values narrower than keys"
    if rope.get("rope_type") in ROPES:
        return "its positions are scaled by the length of the longest text"
    if turn_end(policy.tokenizer).plain:
        return "its chat template ends a turn with text that is no token of its own"
    return None


def continuous(
    policy: Policy,
    rows: Sequence[Sequence[int]],
    seeds: Sequence[int],
    temperature: float,
    max_new_tokens: int,
    token_budget: int,
    ends: list[int],
    done: Callable[[int], None],
) -> list[list[int]]:
    """The new tokens of each prompt in ``rows``, with the end token where there is one.

    ``token_budget`` is the size of the cache, in tokens of prompts and responses (never less than the
    longest request). ``done`` is called with the number of finished requests. Raises PlanBError if the
    cache does not fit the memory, or if a request fails.
    """
    longest = max(map(len, rows)) + max_new_tokens
    pages = max(token_budget // PAGE, ceil(longest / PAGE) + 1)
    settings = ContinuousBatchingConfig(
        page_size=PAGE,
        num_blocks=pages,
        max_batch_tokens=PREFILL,
        max_requests_per_batch=min(len(rows), PREFILL),
        auto_switch_to_flash=False,  # it would fetch compiled code from the hub
    )
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=policy.tokenizer.pad_token_id,
    )
    processors = ContinuousBatchingLogitsProcessorList(LogitsProcessorList())
    if temperature > 0:
        warped = Warped(seeds, temperature, policy.device)
        processors = _processors(_Noise(warped, list(map(len, rows)), max_new_tokens))
    with _running(policy, config, settings, processors) as manager:
        for place in sorted(range(len(rows)), key=lambda place: (-len(rows[place]), place)):
            manager.add_request(list(rows[place]), str(place), max_new_tokens, eos_token_id=ends)
        return _gathered(manager, len(rows), done)


@contextmanager
def _running(
    policy: Policy,
    config: GenerationConfig,
    settings: ContinuousBatchingConfig,
    processors: ContinuousBatchingLogitsProcessorList,
) -> Iterator[Any]:
    """A manager at work; afterwards the cache is gone, and the model has its own attention again."""
    model = policy.inner
    before = model.config._attn_implementation
    try:
        if _takes_flash(policy):
            model.set_attn_implementation("flash_attention_2")
        manager = model.init_continuous_batching(config, settings)
        manager.logit_processor = processors
        manager.warmup()
        manager.start()
        try:
            yield manager
        finally:
            manager.stop(hard_stop=True)
            manager.destroy()
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise PlanBError(
            f"the cache of {settings.num_blocks} pages of {PAGE} tokens does not fit the memory "
            f"({error}): lower Sampling.token_budget, or use engine='padded'"
        ) from error
    finally:
        if model.config._attn_implementation != before:
            model.set_attn_implementation(before)


def _gathered(manager: Any, number: int, done: Callable[[int], None]) -> list[list[int]]:
    found: dict[str, GenerationOutput] = {}
    while len(found) < number:
        output = manager.get_result(timeout=1.0)
        if output is None and not manager.is_running():
            raise PlanBError("continuous batching ended early: use engine='padded'")
        if output is None:
            continue
        if output.error is not None:
            raise PlanBError(f"continuous batching failed ({output.error}): use engine='padded'")
        found[output.request_id] = output
        done(len(found))
    return [list(found[str(place)].generated_tokens) for place in range(number)]


class _Noise(ContinuousBatchingLogitsProcessor):  # type: ignore[misc]
    """Knows for each row of a batch its request and how many new tokens it has: one 32-bit number."""

    supported_kwargs: ClassVar[dict[str, type]] = {}
    ignored_kwargs: tuple[str, ...] = ()

    def __init__(self, warped: Warped, prompts: Sequence[int], limit: int) -> None:
        assert len(prompts) * limit < 2**31, "request and step are kept in 32 bits"
        self.warped, self.prompts, self.limit = warped, prompts, limit

    def fill_defaults(self, int32_tensor: torch.Tensor) -> None:
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: Sequence[Any]) -> torch.Tensor:
        """Called when a batch is planned. A request that lost its pages is begun anew with its tokens
        as a prompt, so they are counted by its position and not by the calls."""
        numbers = []
        for request in requests_with_new_token:
            state = request.state
            place = int(state.request_id) if state.request_id.isdigit() else 0  # else a warm-up's
            step = state.position_offset - self.prompts[place]
            numbers.append(place * self.limit + max(0, min(step, self.limit - 1)))
        return torch.tensor(numbers, dtype=torch.int32)

    def __call__(self, scores: torch.Tensor, tensor_arg: torch.Tensor) -> torch.Tensor:
        number_R = tensor_arg[: scores.shape[0]].long()
        return self.warped(scores, number_R // self.limit, number_R % self.limit)


def _processors(noise: _Noise) -> ContinuousBatchingLogitsProcessorList:
    made = ContinuousBatchingLogitsProcessorList(LogitsProcessorList([noise]))
    made.tensors_required = 1
    return made


def _takes_flash(policy: Policy) -> bool:
    """On a GPU, in 16 bits, where the package ``flash-attn`` is installed. A model that is not run with
    SDPA has something (sinks, a soft cap) that flash attention may not know."""
    model = policy.inner
    fits = model.dtype.itemsize == 2 and policy.device.type == "cuda"
    return bool(fits and model.config._attn_implementation == "sdpa" and is_flash_attn_2_available())


logging.getLogger("ContinuousBatchingLogger").setLevel(logging.ERROR)
