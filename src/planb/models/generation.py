"""Sampling from a local policy: many requests at once, and seeded request by request.

The noise of a request comes from its own seed (``noise.py``), so its text does not depend on what else
is in the batch or on the engine, and a rerun gives the same file. Three engines: rows that are refilled
as requests end, on a CPU; continuous batching, on a GPU; padded batches, sorted by length, for models
that neither can take.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from planb.errors import PlanBError
from planb.models.chat import end_ids, opening_ids, prompt_ids, turn_end
from planb.models.checkpoints import Policy
from planb.models.ending import Ending
from planb.thoughts import said
from planb.types import Message
from planb.values import LATER, Value

if TYPE_CHECKING:
    import torch

    from planb.models.budgets import InParts
    from planb.models.cleangen import Guard
    from planb.models.noise import Warped

Progress = Callable[[int, int], None]
Engine = Literal["auto", "padded", "refilled", "continuous"]
Run = Callable[..., list[list[int]]]
"""An engine: ``(policy, rows, seeds, sampling, ends, progress)`` -> the new tokens of each row."""
log = logging.getLogger(__name__)


class Sampling(Value):
    """Sampling settings of responses: temperature, length limit and engine.

    ``token_budget`` bounds the tokens (of prompts and responses) that are held at once: rows x (prompt
    + new tokens), or the cache of continuous batching. ``engine="auto"`` refills rows on a CPU and
    batches continuously on a GPU, where the model's attention allows it; else it pads.
    ``thought_tokens`` is a limit of thoughts apart from that of the answers after them: a thought that
    used it up is closed, and the answer begins (0: an empty thought; ``planb.models.budgets``).
    """

    temperature: float = Field(default=1.0, ge=0)
    max_new_tokens: int = Field(default=48, gt=0)
    token_budget: int = Field(default=16384, gt=0)
    engine: Engine = "auto"
    thought_tokens: int | None = Field(default=None, ge=0, json_schema_extra=LATER)


@dataclass(frozen=True)
class Completion:
    """One response, the opening that was put into the model's mouth included; ``tokens`` are those that
    it wrote itself. ``stop`` says whether the model ended it or the limit cut it; ``cut_thought``
    whether its thought was closed at its limit."""

    text: str
    stop: Literal["stop", "max_tokens"]
    prompt_tokens: int
    tokens: int
    cut_thought: bool = False


def generate(
    policy: Policy,
    prompts: Sequence[Sequence[Message]],
    seeds: Sequence[int],
    sampling: Sampling,
    progress: Progress | None = None,
    guard: Guard | None = None,
) -> list[Completion]:
    """One completion a prompt, in the prompts' order. Temperature 0 is greedy. With a ``guard``, tokens
    that its reference finds far less likely are replaced (in padded batches)."""
    thinks, each = bool(sampling.thought_tokens), list(map(tuple, prompts))
    made = {prompt: _asked(policy, prompt, thinks) for prompt in dict.fromkeys(each)}
    asked = [made[prompt] for prompt in each]
    rows = [row for row, _ in asked]
    for row in rows:
        if why := _why_full(policy, len(row), sampling):
            raise PlanBError(why)
    ends = Ends(end_ids(policy.tokenizer, policy.model), turn_end(policy.tokenizer))
    if guard is not None:
        run: Run = _beside(guard, policy, sampling)
    else:
        run = _ENGINES[engine_of(policy, sampling) if rows else "padded"]
    if sampling.thought_tokens is not None:
        from planb.models.budgets import in_two_parts, marks_of

        marks = marks_of(policy.tokenizer)
        parts = in_two_parts(policy, marks, asked, seeds, sampling, ends, run, progress)
        return [
            _completion(policy, one.new, ends, row, [*opening, *one.before], one)
            for one, (row, opening) in zip(parts, asked, strict=True)
        ]
    news = run(policy, rows, seeds, sampling, ends, progress)
    return [
        _completion(policy, new, ends, row, opening)
        for new, (row, opening) in zip(news, asked, strict=True)
    ]


def full(policy: Policy, prompt: Sequence[Message], sampling: Sampling) -> bool:
    """Whether an episode under way no longer fits the model: what its tools answered has used the room
    up. (A first prompt that does not fit is refused by ``generate``.)"""
    if all(message.role != "tool" for message in prompt):
        return False
    row, _ = _asked(policy, prompt, bool(sampling.thought_tokens))
    return bool(_why_full(policy, len(row), sampling))


def _why_full(policy: Policy, tokens: int, sampling: Sampling) -> str:
    """Why a prompt of so many tokens and its answer do not fit the model; "" where they do."""
    room, most = policy.positions, sampling.max_new_tokens + (sampling.thought_tokens or 0)
    if room is None or tokens + most <= room:
        return ""
    return (
        f"a prompt of {tokens} tokens and {most} new ones do not fit "
        f"the model's {room} positions: shorten the prompt or max_new_tokens"
    )


def _asked(policy: Policy, prompt: Sequence[Message], thinks: bool) -> tuple[list[int], list[int]]:
    """A prompt's ids, and those at their end that begin its answer: the model did not write them."""
    *before, last = prompt
    if last.role != "opening":
        return prompt_ids(policy.tokenizer, prompt, thinks), []
    opening, begun = opening_ids(policy.tokenizer, before, last.content), said(last.content)
    thinks = begun.thinks or not begun.closed
    return [*prompt_ids(policy.tokenizer, before, thinks), *opening], opening


class Ends(NamedTuple):
    """Stop conditions of a response: any of these tokens, or the plain text of the template's
    ``turn``."""

    ids: list[int]
    turn: Ending

    def ended(self, new: list[int], tokenizer: Any) -> bool:
        """Whether the last of a response's tokens ends it."""
        return new[-1] in self.ids or (self.turn.plain and self._closed(new, tokenizer))

    def _closed(self, new: list[int], tokenizer: Any) -> bool:
        window = len(self.turn.text.encode()) + 1  # a token is a byte at the least
        return self.turn.text in tokenizer.decode(new[-window:], skip_special_tokens=True)


def engine_of(policy: Policy, sampling: Sampling) -> Engine:
    """``padded``, ``refilled`` or ``continuous``. Raises PlanBError if an engine is requested by name
    and the model's attention does not allow it; where ``auto`` would have taken continuous batching,
    the log says why it did not."""
    if sampling.engine == "padded":
        return "padded"
    if sampling.engine == "refilled" or (sampling.engine == "auto" and policy.device.type != "cuda"):
        from planb.models.refilled import takes

        if not takes(policy) and sampling.engine == "refilled":
            raise PlanBError(f"the rows of {policy.folder} cannot be refilled. Use engine='padded'")
        return "refilled" if takes(policy) else "padded"
    from planb.models.continuous import why_padded

    reason = why_padded(policy)
    if reason is None:
        return "continuous"
    if sampling.engine == "continuous":
        raise PlanBError(
            f"{policy.folder} cannot be batched continuously: {reason}. Use engine='padded'"
        )
    log.warning("%s is sampled in padded batches: %s", policy.folder, reason)
    return "padded"


def _told(progress: Progress | None, total: int) -> Callable[[int], None]:
    """What an engine calls with the number of rows that it has finished."""

    def done(finished: int) -> None:
        if progress:
            progress(finished, total)

    return done


def _refilled(
    policy: Policy,
    rows: list[list[int]],
    seeds: Sequence[int],
    sampling: Sampling,
    ends: Ends,
    progress: Progress | None,
) -> list[list[int]]:
    from planb.models.refilled import refilled
    from planb.models.slots import UnslottableError

    def ended(new: list[int]) -> bool:
        return ends.ended(new, policy.tokenizer)

    limits = (sampling.temperature, sampling.max_new_tokens, sampling.token_budget)
    try:
        return refilled(policy, rows, seeds, *limits, ended, _told(progress, len(rows)))
    except UnslottableError as error:
        log.warning("%s is sampled in padded batches: %s", policy.folder, error)
        return _padded(policy, rows, seeds, sampling, ends, progress)


def _continuous(
    policy: Policy,
    rows: list[list[int]],
    seeds: Sequence[int],
    sampling: Sampling,
    ends: Ends,
    progress: Progress | None,
) -> list[list[int]]:
    from planb.models.continuous import continuous

    limits = (sampling.temperature, sampling.max_new_tokens, sampling.token_budget)
    return continuous(policy, rows, seeds, *limits, ends.ids, _told(progress, len(rows)))


def _beside(guard: Guard, policy: Policy, sampling: Sampling) -> Run:
    """The engine that decodes beside a reference. Raises PlanBError where that cannot be."""
    if sampling.engine not in ("auto", "padded"):
        raise PlanBError(
            f"CleanGen runs a second model beside each batch, and engine='{sampling.engine}' has no "
            "place for it. Use engine='padded'"
        )
    guard.check(policy)
    return partial(_padded, guard=guard)


def _padded(
    policy: Policy,
    rows: list[list[int]],
    seeds: Sequence[int],
    sampling: Sampling,
    ends: Ends,
    progress: Progress | None,
    guard: Guard | None = None,
) -> list[list[int]]:
    """The new tokens of each row, filled up to the longest of its batch."""
    news: list[list[int]] = [[] for _ in rows]
    finished = 0
    for batch in _batches([len(row) for row in rows], sampling):
        some, their = [rows[i] for i in batch], [seeds[i] for i in batch]
        found = _generate_batch(policy, some, their, sampling, ends, guard)
        for i, new in zip(batch, found, strict=True):
            news[i] = new
        finished += len(batch)
        if progress:
            progress(finished, len(rows))
    return news


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
    policy: Policy,
    rows: list[list[int]],
    seeds: list[int],
    sampling: Sampling,
    ends: Ends,
    guard: Guard | None,
) -> list[list[int]]:
    import torch
    from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

    from planb.models.noise import Warped

    pad = policy.tokenizer.pad_token_id
    width = max(map(len, rows))
    gaps = [width - len(row) for row in rows]
    ids_BT = torch.tensor([[pad] * gap + row for gap, row in zip(gaps, rows, strict=True)])
    mask_BT = torch.tensor([[0] * gap + [1] * (width - gap) for gap in gaps])
    config = GenerationConfig(
        max_new_tokens=sampling.max_new_tokens, do_sample=False, eos_token_id=ends.ids, pad_token_id=pad
    )
    warm = sampling.temperature > 0
    warped = Warped(seeds, sampling.temperature, policy.device) if warm else None
    noise: list[Any] = [_Noise(warped)] if warped else []
    if guard is not None:
        noise = [guard.processor(mask_BT, warped)]
    stops = [_Closed(policy.tokenizer, ends.turn.text, width)] if ends.turn.plain else []
    with torch.inference_mode(), _without_habits(policy.model, config):
        out_BT = policy.model.generate(
            input_ids=ids_BT.to(policy.device),
            attention_mask=mask_BT.to(policy.device),
            generation_config=config,
            logits_processor=LogitsProcessorList(noise),
            stopping_criteria=StoppingCriteriaList(stops),
        )
    news: list[list[int]] = out_BT[:, width:].tolist()
    return news


@contextmanager
def _without_habits(model: Any, config: Any) -> Iterator[None]:
    """``generate`` fills what ``config`` leaves open from the model's own file (Qwen2.5 ships a
    repetition penalty there), and what is measured would not be the model's softmax: set it aside."""
    habits, model.generation_config = model.generation_config, config
    try:
        yield
    finally:
        model.generation_config = habits


def _completion(
    policy: Policy,
    new: list[int],
    ends: Ends,
    prompt: list[int],
    opening: list[int],
    part: InParts | None = None,
) -> Completion:
    stop = next((place for place, token in enumerate(new) if token in ends.ids), None)
    tokens = len(new) if stop is None else stop + 1
    body = new[:stop]

    def text(count: int) -> str:
        return str(policy.tokenizer.decode([*opening, *body[:count]], skip_special_tokens=True))

    whole = text(len(body))
    if ends.turn.plain and ends.turn.text in whole:
        stop = bisect_left(range(len(body)), True, key=lambda n: ends.turn.text in text(n + 1))
        tokens = stop + 1
    said = whole.strip() if stop is None else ends.turn.without(whole.strip())
    how: Literal["stop", "max_tokens"] = "max_tokens" if stop is None else "stop"
    if part is None:
        return Completion(said, how, len(prompt), tokens)
    return Completion(said, how, len(prompt), tokens + part.own, part.cut)


class _Closed:
    """Whether a row of a padded batch has written the plain text that ends a turn."""

    def __init__(self, tokenizer: Any, text: str, width: int) -> None:
        self.tokenizer, self.text, self.width = tokenizer, text, width
        self.window = len(text.encode()) + 1  # a token is a byte at the least

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002
        import torch

        new_BT = input_ids[:, self.width :][:, -self.window :]
        texts = self.tokenizer.batch_decode(new_BT, skip_special_tokens=True)
        return torch.tensor([self.text in text for text in texts], device=input_ids.device)


class _Noise:
    """Turns greedy decoding of one padded batch into sampling."""

    def __init__(self, warped: Warped) -> None:
        self.warped, self.step = warped, 0

    def __call__(self, input_ids: Any, scores_BV: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        import torch

        rows_B = torch.arange(len(scores_BV), device=scores_BV.device)
        step, self.step = self.step, self.step + 1
        return self.warped(scores_BV, rows_B, torch.full_like(rows_B, step))


_ENGINES = {"padded": _padded, "refilled": _refilled, "continuous": _continuous}
