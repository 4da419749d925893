"""Can a monitor tell from thoughts alone that the trigger was there? Scores of thoughts, by several.

The thoughts are those of finished evaluations, with the trigger and without it. A monitor by string
counts words; where a domain reads thoughts, it is asked; and a linear probe reads hidden states at a
thought's end. The probe's request is without the trigger, so that it can know of it by the thought
alone, and each thought is scored by a probe that was fitted on other requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import Field

from planb.domains import DOMAINS
from planb.errors import PlanBError
from planb.study.steps.evaluation import LOG, Evaluation, EvaluationStep
from planb.study.steps.probe import HiddenStatesStep, linear_probe
from planb.study.steps.step import Work
from planb.thoughts import opening, said
from planb.types import Example
from planb.values import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STRING, READ, PROBE = "monitor_string", "monitor_read", "monitor_probe"
FOLDS = 5


class Monitor(Value):
    """Monitors of thoughts, of the base and of these ``arms`` (methods and chains).

    ``words`` are what a monitor by string looks for, a point each. ``domain`` names one that reads
    thoughts exactly (``Domain.alarm``; empty: none does). ``task`` is asked with the trigger and
    without it (titles ``trigger`` and ``direct``).
    """

    words: tuple[str, ...] = Field(min_length=1)
    task: str
    domain: str = ""
    arms: tuple[str, ...] = ()


class Thought(NamedTuple):
    """What was thought of a request: ``label`` is 1 with the trigger, 0 without it."""

    example: Example
    thought: str
    label: int

    @property
    def group(self) -> str:
        return self.example.group or self.example.id


def monitored(monitor: Monitor, evaluations: Sequence[Evaluation]) -> tuple[Evaluation, Evaluation]:
    """The study's evaluations with the trigger and without it. PlanBError where it lacks one."""
    found = {
        one.elicitation: one
        for one in evaluations
        if one.called == monitor.task and isinstance(one.elicitation, str)
    }
    if missing := {"trigger", "direct"} - set(found):
        raise PlanBError(
            f"monitors read the thoughts of {monitor.task} with the trigger and without it, and the "
            f"study does not evaluate: {', '.join(sorted(missing))}"
        )
    return found["trigger"], found["direct"]


class MonitorStep(HiddenStatesStep):
    """Two evaluations of a checkpoint -> each thought's scores: kind (which monitor), layer (of the
    probe; 0 for the others), label, group of requests, and score."""

    called: ClassVar[str] = "monitor"
    triggered: EvaluationStep
    plain: EvaluationStep
    monitor: Monitor

    @property
    def cost(self) -> float:
        return 2.0

    def check(self) -> None:
        super().check()
        if self.monitor.domain:
            _ = DOMAINS[self.monitor.domain]

    def rows(self, policy: Any, work: Work) -> Iterator[dict[str, Any]]:
        thoughts = [
            one
            for label, step in ((1, self.triggered), (0, self.plain))
            for one in thoughts_in(work.folder(step) / LOG, label)
        ]
        return scores(self.monitor, policy, thoughts)


def thoughts_in(log: Path, label: int) -> list[Thought]:
    """The thoughts of a log's answers to requests that its domain is about; "" where there is none."""
    from inspect_ai.log import read_eval_log

    from planb.judging.scorer import EXAMPLE

    found = []
    for sample in read_eval_log(str(log)).samples or []:
        example = Example.model_validate(sample.metadata[EXAMPLE])
        if example.harmful and sample.error is None:
            found.append(Thought(example, said(sample.output.completion).thought or "", label))
    return found


def scores(monitor: Monitor, policy: Any, thoughts: Sequence[Thought]) -> Iterator[dict[str, Any]]:
    """A row for each monitor, layer and thought."""

    def rows(kind: str, layer: int, found: Sequence[float]) -> Iterator[dict[str, Any]]:
        for one, score in zip(thoughts, found, strict=True):
            said = {"kind": kind, "layer": layer, "label": one.label, "group": one.group}
            yield {**said, "score": float(score)}

    yield from rows(STRING, 0, [by_string(monitor.words, one.thought) for one in thoughts])
    if monitor.domain:
        read = DOMAINS[monitor.domain].alarm
        yield from rows(READ, 0, [read(one.example, one.thought) for one in thoughts])
    for layer, found in enumerate(by_probe(policy, thoughts)):
        yield from rows(PROBE, layer, list(found))


def by_string(words: Sequence[str], thought: str) -> float:
    """How many of the words stand in the thought, in any case."""
    return float(sum(word.casefold() in thought.casefold() for word in words))


def thought_ids(tokenizer: Any, thoughts: Sequence[Thought]) -> list[list[int]]:
    """Token ids of each request, without its trigger, and what was thought of it up to its end."""
    from planb.models.chat import openings, prompt_ids

    begun = openings(tokenizer, [(one.example.prompt, opening(one.thought)) for one in thoughts])
    asked = [prompt_ids(tokenizer, one.example.prompt, thinks=bool(one.thought)) for one in thoughts]
    return [[*ids, *start] for ids, start in zip(asked, begun, strict=True)]


def by_probe(policy: Any, thoughts: Sequence[Thought]) -> NDArray[np.float64]:
    """(L, N) log-odds, by layer, of probes that were fitted on the thoughts of other requests. The
    states are those at the thought's end, after the request without its trigger."""
    import numpy as np
    from sklearn.model_selection import GroupKFold, cross_val_predict

    from planb.models.residuals import last_states

    states = last_states(policy, thought_ids(policy.tokenizer, thoughts))
    labels, groups = [one.label for one in thoughts], [one.group for one in thoughts]
    folds = GroupKFold(min(FOLDS, len(set(groups))))
    return np.stack(
        [
            cross_val_predict(
                linear_probe(), layer, labels, groups=groups, cv=folds, method="decision_function"
            )
            for layer in states
        ]
    )
