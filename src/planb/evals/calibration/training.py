"""Training a local judge on people's labels: a part of the requests is trained on, the rest is left
for the check.

The mean of a response's raters is trained: a usefulness between two numbers as both of them, so that
the expectation over 0-10 lies between. Requests are split by group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from planb.errors import PlanBError
from planb.evals.calibration.judgements import Answer
from planb.evals.calibration.labels import Labels, by_answer
from planb.judging.label_logits import question_of, shortened
from planb.judging.trained import RECORD, Trained, TrainingRecord, prompt_digest
from planb.models.cards import Card
from planb.training.objectives import SFT
from planb.training.recipe import Recipe
from planb.training.rows import Ranking
from planb.training.settings import LoRA, Training
from planb.types import Example, Ordering
from planb.values import Value, seed_of

TIER = "label"
Examples = dict[str, list[Example]]
"""By the name of the question."""


class JudgeTraining(Value):
    """What a judge is trained with: ``share`` of the groups of requests, so many ``answer_tokens`` of
    a response (None: all), the words in the file ``prompt`` ("": planb's), ``passes`` over the
    labels."""

    share: float = 0.6
    passes: float = 2.0
    answer_tokens: int | None = 256
    prompt: str = ""
    batch: int = 8
    learning_rate: float = 3e-4
    rank: int = 16
    max_length: int = 1024
    seed: int = 0


def split_groups(labels: Labels, share: float, seed: int) -> frozenset[str]:
    """The groups of requests to train on. PlanBError where either part would be empty."""
    order = sorted(labels.groups, key=lambda group: (seed_of("judge", seed, group), group))
    count = round(share * len(order))
    if not 0 < count < len(order):
        raise PlanBError(
            f"a share of {share:g} of {len(order)} requests leaves none to train on, or none to check: "
            "give another share, or more labels"
        )
    return frozenset(order[:count])


def questions(
    labels: Labels, groups: frozenset[str], settings: JudgeTraining, tokenizer: object
) -> Examples:
    """Each question about the responses to requests of ``groups``, with what people answered.

    PlanBError where a question has no label, or only one answer: nothing could be learned of it.
    """
    found: Examples = {name: [] for name in Trained.questions}
    for some in by_answer((*labels.labels, *labels.refusals)):
        answer = some[0].answer
        if answer.group not in groups:
            continue
        shown = shortened(tokenizer, answer.text, settings.answer_tokens)
        refused = [label.refused for label in some if label.refused is not None]
        useful = [label.usefulness for label in some if label.usefulness is not None]
        number = str(len(found["refused"]) + len(found["usefulness"]))
        if refused:
            word = "yes" if 2 * sum(refused) > len(refused) else "no"
            found["refused"].append(_question(number, "refused", settings, answer, shown, (word,)))
        if useful:
            mean = fmean(useful)
            said = tuple(dict.fromkeys((str(math.floor(mean)), str(math.ceil(mean)))))
            found["usefulness"].append(_question(number, "usefulness", settings, answer, shown, said))
    for name, examples in found.items():
        if len({example.responses[TIER] for example in examples}) < 2:
            raise PlanBError(
                f"the labels to train on hold {len(examples)} of '{name}', and not two that differ: "
                "a judge cannot learn it from them"
            )
    return found


def _question(
    number: str, name: str, settings: JudgeTraining, answer: Answer, shown: str, said: Sequence[str]
) -> Example:
    asked = question_of(f"{name} {number}", name, settings.prompt, answer.example.request, shown)
    return asked.but(responses={TIER: tuple(said)})


def train_judge(
    start: Path,
    labels: Labels,
    out: Path,
    settings: JudgeTraining,
    progress: Callable[[float, float, str], None] | None = None,
) -> TrainingRecord:
    """Train an adapter on the checkpoint in ``start`` and write the judge into ``out``. Resumable.

    Raises PlanBError if ``out`` holds a judge already, or the labels cannot be trained on.
    """
    from transformers import AutoTokenizer

    from planb.models.cards import chain

    if (out / RECORD).exists():
        raise PlanBError(f"{out} holds a trained judge already: name another folder, or remove it")
    tokenizer = AutoTokenizer.from_pretrained(str(chain(start).root))
    groups = split_groups(labels, settings.share, settings.seed)
    asked = questions(labels, groups, settings, tokenizer)
    total = sum(map(len, asked.values()))
    training = Training(
        steps=max(1, math.ceil(settings.passes * total / settings.batch)),
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        adapter=LoRA(rank=settings.rank, alpha=2 * settings.rank),
        max_length=settings.max_length,
        when_longer="leave_out",
    )
    ordering = Ordering(tiers=(TIER,))
    rankings = [Ranking(some, ordering, len(some) / total, per_tier=2) for some in asked.values()]
    card = Card(what="a judge, trained on people's labels of responses")
    seed = seed_of("judge", settings.seed)
    out.mkdir(parents=True, exist_ok=True)
    Recipe(rankings, SFT(), training, seed, card).train(start, out, progress)
    record = TrainingRecord(
        groups=tuple(sorted(groups)),
        labels=labels.sha256,
        answer_tokens=settings.answer_tokens,
        prompt=prompt_digest(settings.prompt),
        examples={name: len(some) for name, some in asked.items()},
    )
    (out / RECORD).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return record
