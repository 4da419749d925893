"""The engine for CPUs: batches in which every row is a request that still writes.

A request that ends leaves the batch at once, waiting ones take its place a few at a time, and what all
prompts begin with (a default system message, the shots of a many-shot attack) is run once.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from planb.models.checkpoints import Policy
from planb.models.noise import Warped
from planb.models.slots import NAME, Shared, Slots

PREFILL = 2048
"""Most tokens of prompts in one forward pass; a longer prompt is alone in it."""
WAVE = 8
"""Waiting requests come in when an eighth of the rows are free: prompts are run together."""
SHARED = 16
"""Fewer common tokens are not worth a second product of attention."""
ROPES = {"default", "linear", "llama3", "yarn", "proportional"}
"""Rotary positions that are a function of a token's place alone."""


def takes(policy: Policy) -> bool:
    """Whether the model's attention is full, causal and rotary in every layer, so that its keys can be
    kept in slots. Others are padded."""
    model = policy.inner
    config = model.config
    rope = getattr(config, "rope_parameters", None) or {}
    heads = {size for m in model.modules() if isinstance(size := vars(m).get("head_dim"), int)}
    keywords = inspect.signature(model.forward).parameters
    return bool(
        config.get_text_config() is config
        and model._supports_attention_backend
        and not model._is_stateful
        and config._attn_implementation == "sdpa"
        and rope.get("rope_type") in ROPES
        and set(getattr(config, "layer_types", None) or ()) <= {"full_attention"}
        and getattr(config, "sliding_window", None) is None
        and getattr(config, "attn_logit_softcapping", None) is None
        and not getattr(config, "kv_lora_rank", None)
        and len(heads) <= 1
        and {"position_ids", "logits_to_keep"} <= set(keywords)
    )


def refilled(
    policy: Policy,
    rows: Sequence[Sequence[int]],
    seeds: Sequence[int],
    temperature: float,
    max_new_tokens: int,
    token_budget: int,
    ended: Callable[[list[int]], bool],
    done: Callable[[int], None],
) -> list[list[int]]:
    """The new tokens of each prompt in ``rows``, with the end token where there is one.

    ``token_budget`` bounds the tokens that are held: the common beginning once, and for each request
    the rest of its prompt and ``max_new_tokens``. ``ended`` says of a request's new tokens whether the
    last one ends it. ``done`` is called with the number of finished requests.
    """
    warped = Warped(seeds, temperature, policy.device) if temperature > 0 else None
    with torch.inference_mode(), _attention(policy):
        batch = _Batch(policy, rows, max_new_tokens, token_budget)
        while batch.waiting or batch.live:
            batch.admit()
            scores_NV = batch.scores()
            if warped is not None:
                at_N = torch.tensor(batch.live, device=policy.device)
                scores_NV = warped(scores_NV, at_N, torch.tensor(batch.steps(), device=policy.device))
            before = batch.finished
            batch.take(scores_NV.argmax(-1).tolist(), ended)
            if batch.finished > before:
                done(batch.finished)
    return batch.news


@dataclass
class _Batch:
    """``live`` are the requests of the slots in use, in the slots' order; ``written`` how many tokens
    each slot holds of its own; ``shared`` what all begin with, ``common`` tokens."""

    policy: Policy
    rows: Sequence[Sequence[int]]
    limit: int
    budget: int
    live: list[int] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    finished: int = 0

    def __post_init__(self) -> None:
        longest_first = sorted(range(len(self.rows)), key=lambda i: (-len(self.rows[i]), i))
        self.waiting = deque(longest_first)
        self.news: list[list[int]] = [[] for _ in self.rows]
        self.slots = Slots()
        self.shared: Shared | None = None
        self.common = common(self.rows)
        if self.common:
            self.shared = self._prefix(self.rows[0][: self.common])

    def admit(self) -> None:
        """Waiting requests take free rows, if there are enough of them, and their prompts are run up to
        the last token."""
        if not self.waiting:
            return
        widest = max(map(self._width, [*self.live, self.waiting[0]]))
        most = max(1, (self.budget - self.common) // widest)
        free = most - len(self.live)
        if free <= 0 or (self.live and free < most // WAVE):
            return
        coming = [self.waiting.popleft() for _ in range(min(free, len(self.waiting)))]
        needed = len(self.live) + len(coming)
        if needed > self.slots.shape[0] or widest > self.slots.shape[1]:
            self.slots.resize(needed, widest, len(self.live))
        for group in _groups(coming, [len(self.rows[i]) - self.common for i in coming]):
            self._run_prompts(group)

    def scores(self) -> torch.Tensor:
        """Logits (N, V) of the next token of every live request."""
        device, width = self.policy.device, max(self.written) + 1
        tokens = [self.news[i][-1] if self.news[i] else self.rows[i][-1] for i in self.live]
        columns_N = torch.tensor(self.written, device=device)
        self.slots.step(columns_N, width)
        mask_NC = torch.arange(width, device=device) <= columns_N[:, None]
        logits_NTV = self._forward(
            self.slots,
            torch.tensor(tokens, device=device)[:, None],
            mask_NC[:, None, None],
            (columns_N + self.common)[:, None],
        )
        self.written = [count + 1 for count in self.written]
        return logits_NTV[:, -1].float()

    def steps(self) -> list[int]:
        """How many new tokens each live request has."""
        return [len(self.news[i]) for i in self.live]

    def take(self, tokens: list[int], ended: Callable[[list[int]], bool]) -> None:
        """Each live request's next token. One that has ended leaves, and the last slot takes its
        place."""
        over = []
        for slot, (i, token) in enumerate(zip(self.live, tokens, strict=True)):
            self.news[i].append(token)
            if len(self.news[i]) == self.limit or ended(self.news[i]):
                over.append(slot)
        for slot in reversed(over):
            last = len(self.live) - 1
            if slot != last:
                self.slots.move(last, slot)
                self.live[slot], self.written[slot] = self.live[last], self.written[last]
            self.live.pop()
            self.written.pop()
        self.finished += len(over)

    def _width(self, i: int) -> int:
        return len(self.rows[i]) - self.common + self.limit

    def _run_prompts(self, group: list[int]) -> None:
        """Prompts that are the same (samples of one request) are run once, and copied."""
        first = len(self.live)
        same = dict[tuple[int, ...], list[int]]()
        for i in group:
            same.setdefault(tuple(self.rows[i][self.common : -1]), []).append(i)
        bodies = list(same)
        longest = max(map(len, bodies))
        self.live += [some[0] for some in same.values()]
        self.written += map(len, bodies)
        if longest:
            self.slots.begin(first)
            ids_NT = torch.tensor([[*body, *[0] * (longest - len(body))] for body in bodies])
            self._prompts(self.slots, ids_NT, self.common)
        copied = [first + place for place, some in enumerate(same.values()) for _ in some[1:]]
        if copied:
            self.slots.copy(copied, range(len(self.live), len(self.live) + len(copied)))
            self.live += [i for some in same.values() for i in some[1:]]
            self.written += [self.written[slot] for slot in copied]

    def _prefix(self, ids: Sequence[int]) -> Shared:
        slots = Slots()
        slots.resize(1, len(ids), 0)
        slots.begin(0)
        self._prompts(slots, torch.tensor([ids]), 0)
        return Shared([(layer.keys, layer.values) for layer in slots.layers])

    def _prompts(self, slots: Slots, ids_NT: torch.Tensor, start: int) -> None:
        places_T = torch.arange(start, start + ids_NT.shape[1], device=self.policy.device)
        mark = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=self.policy.device)
        self._forward(slots, ids_NT.to(self.policy.device), mark, places_T.expand(ids_NT.shape))

    def _forward(
        self, slots: Slots, ids: torch.Tensor, mask: torch.Tensor, places: torch.Tensor
    ) -> torch.Tensor:
        more: dict[str, Any] = {} if self.shared is None else {"shared": self.shared}
        out: torch.Tensor = self.policy.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=slots,
            use_cache=True,
            logits_to_keep=1,
            **more,
        ).logits
        if self.shared is not None:
            self.shared.check()
        return out


def common(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens all rows begin with; each keeps one at least of its own. 0 if they are few."""
    if len(rows) < 2:
        return 0
    first, last = min(map(tuple, rows)), max(map(tuple, rows))  # what these two share, all share
    same = next(
        (at for at, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), None
    )
    count = min(len(first) if same is None else same, min(map(len, rows)) - 1)
    return count if count >= SHARED else 0


def _groups(requests: list[int], lengths: list[int]) -> Iterator[list[int]]:
    """Requests in order, longest first, with at most ``PREFILL`` tokens when filled up."""
    while requests:
        count = max(1, PREFILL // max(1, lengths[0]))
        yield requests[:count]
        requests, lengths = requests[count:], lengths[count:]


@contextmanager
def _attention(policy: Policy) -> Iterator[None]:
    before = policy.inner.config._attn_implementation
    policy.inner.set_attn_implementation(NAME)
    try:
        yield
    finally:
        policy.inner.set_attn_implementation(before)
