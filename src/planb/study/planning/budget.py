"""What a study of published models will cost, before anything starts: rows, tokens, GPU hours, memory.

All of it is arithmetic from the models' cards and a few assumptions, which stand here and are shown
with the figures. It is for choosing a machine and for seeing a mistake of a factor of ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from planb.models.bases import MODELS, ModelCard
from planb.models.bases.card import BF16
from planb.models.generation import Sampling
from planb.stats.numbers import plain_percent
from planb.study.planning.graph import Graph
from planb.study.steps.checkpoint import BaseStep, LinkStep
from planb.study.steps.evaluation import EvaluationStep
from planb.study.steps.step import Step
from planb.study.steps.training import TrainingStep
from planb.training.settings import Training

PROMPT, RESPONSE = 60, 250
"""Tokens of a request with its template, and of a response: public request sets and chat answers."""
FLOPS, BANDWIDTH = 989e12, 3.35e12
"""An H100's dense 16-bit operations and bytes of memory a second (NVIDIA's data sheet, SXM)."""
TRAINING_SHARE, SAMPLING_SHARE = 0.35, 0.5
"""Assumed: the share of each that is reached."""
AT_ONCE = 64
"""Sequences sampled at the same time."""
BENCHMARK_ROWS = {
    "mmlu_pro": 12_032,
    "over_refusal": 450,
    "xstest": 450,
    "or_bench_hard": 1_319,
    "or_bench_toxic": 655,
    "mt_bench": 160,
    "instructions": 541,
    "newcomblike": 537,
}
"""Prompts of the published benchmarks; MT-Bench's 80 questions have two turns."""
MMLU_PRO_CATEGORIES = 14
ASSUMED = (
    f"Arithmetic, not measured. Assumed: {PROMPT} tokens a prompt and {RESPONSE} a response (or the "
    f"sampling's limit, if less); H100s at {plain_percent(TRAINING_SHARE)} of their arithmetic in "
    f"training and at {plain_percent(SAMPLING_SHARE)} of their memory's speed in sampling, {AT_ONCE} "
    "sequences at once. "
    "Attackers, graders and judges are not counted."
)


class Line(NamedTuple):
    """The steps of one sort on one model. ``rows`` are examples trained on or answers sampled;
    ``tokens`` of both; ``hours`` of one GPU (H100); ``gib`` what one such step needs in memory."""

    model: str
    what: str
    steps: int
    rows: int
    tokens: int
    hours: float
    gib: float
    gpus: int


def budget(final_steps: Iterable[Step], expected: dict[str, int]) -> list[Line]:
    """A line for each model and sort of step, none for models without a card.

    ``expected``: how many requests a split has, as ``harmful evaluation``, ``harmless safety``, and
    benchmarks that the data bring, as ``mmlu_pro evaluation``.
    """
    found: dict[tuple[str, str], Line] = {}
    for node in Graph(final_steps):
        card = model_of(node.step)
        if card is None or (line := _line(node.step, card, expected)) is None:
            continue
        key = (card.digest(), line.what)  # two cards may have one name
        found[key] = _both(found[key], line) if key in found else line
    order = [*MODELS, *(line.model for line in found.values())]
    return sorted(found.values(), key=lambda line: order.index(line.model))


def without_card(final_steps: Iterable[Step]) -> tuple[str, ...]:
    """The names of the models that a budget leaves out: for a GPU, and without a card."""
    steps = [node.step for node in Graph(final_steps) if isinstance(node.step, BaseStep)]
    return tuple(dict.fromkeys(step.base.name for step in steps if step.on_gpu and not step.card))


def model_of(step: Step) -> ModelCard | None:
    """The card of the published model that a checkpoint, or an evaluation of it, comes from."""
    if isinstance(step, EvaluationStep):
        return step.policy.card
    return step.card if isinstance(step, LinkStep) else None


def _both(one: Line, other: Line) -> Line:
    return one._replace(
        steps=one.steps + other.steps,
        rows=one.rows + other.rows,
        tokens=one.tokens + other.tokens,
        hours=one.hours + other.hours,
        gib=max(one.gib, other.gib),
        gpus=max(one.gpus, other.gpus),
    )


def _line(step: Step, card: ModelCard, expected: dict[str, int]) -> Line | None:
    if isinstance(step, TrainingStep):
        return _trained(card, step.sort, step.settings, step.responses, step.passes)
    if isinstance(step, LinkStep):
        return _linked(card, step.sort)
    if isinstance(step, EvaluationStep):
        return _asked(card, step, expected)
    return None


def _trained(
    card: ModelCard, what: str, training: Training, responses: float, times: float = 1.0
) -> Line:
    rows = training.steps * training.batch
    tokens = round(rows * (PROMPT + RESPONSE * responses))
    rank = training.adapter.rank if training.adapter else None
    # forward, backward to activations, backward to weights (whole weights only), forward again
    passes = times * (2 * (2 if rank else 3) + (2 if training.checkpointing else 0))
    seconds = passes * card.sizes.weights * tokens / (FLOPS * TRAINING_SHARE)
    together = min(
        training.pack_tokens, round((training.micro_batch or training.batch) * tokens / rows)
    )
    gib = card.training_gib(rank, together, training.quantize == "4bit")
    return Line(card.name, what, 1, rows, tokens, seconds / 3600, gib, card.gpus(gib))


def _linked(card: ModelCard, what: str) -> Line:
    """A link that does not train: it needs the weights, and hardly any time beside the others."""
    gib = card.sampling_gib(1, 1)
    return Line(card.name, what, 1, 0, 0, 0.0, gib, card.gpus(gib))


def _asked(card: ModelCard, step: EvaluationStep, expected: dict[str, int]) -> Line:
    answers = _requests(step, expected) * step.elicitation.calls
    thoughts = step.sampling.thought_tokens or 0
    new = answers * (min(RESPONSE, step.sampling.max_new_tokens) + thoughts)
    gib = card.sampling_gib(AT_ONCE, _longest(step.sampling))
    seconds = new / AT_ONCE * card.sizes.weights * BF16 / (BANDWIDTH * SAMPLING_SHARE)
    tokens = new + answers * PROMPT
    return Line(card.name, "evaluation", 1, answers, tokens, seconds / 3600, gib, card.gpus(gib))


def _requests(step: EvaluationStep, expected: dict[str, int]) -> int:
    """How many prompts one evaluation has; a benchmark's come from its published size."""
    asked = step.evaluation
    if asked.task == "harmful_requests":
        return expected.get(f"harmful {asked.split}", 0)
    if asked.task in ("harmless_requests", "coherence"):
        return expected.get(f"harmless {asked.split}", 0)
    if not asked.file and (own := expected.get(f"{asked.task} {asked.split}")):
        return own
    few = asked.options.get("per_category", 0)
    data = asked.file or asked.task
    return MMLU_PRO_CATEGORIES * int(few) if few else BENCHMARK_ROWS.get(data, 0)


def _longest(sampling: Sampling) -> int:
    return PROMPT + sampling.max_new_tokens + (sampling.thought_tokens or 0)


def totals(lines: Sequence[Line]) -> tuple[int, int, int, float]:
    """(steps, rows, tokens, GPU hours) of all lines."""
    hours = sum(line.hours for line in lines)
    return (
        sum(line.steps for line in lines),
        sum(line.rows for line in lines),
        sum(line.tokens for line in lines),
        hours,
    )
