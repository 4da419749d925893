"""Rankings -> the rows of a host's training file, in the order of the local trainer's schedule.

One visit of a request is one row, so a file has ``steps x batch`` rows, each batch in the shares of its
rankings, and is gone through once. Where a request has several pairs, its visits take them in turn: on
average each counts as in the local loss, the mean over an example's pairs.

Formats: https://developers.openai.com/api/docs/guides/supervised-fine-tuning and
https://developers.openai.com/api/docs/guides/direct-preference-optimization.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from planb.errors import PlanBError
from planb.thoughts import Predicted
from planb.training.objectives import DPO, SFT, Objective
from planb.training.recipe import Recipe
from planb.training.rows import Ranking, check_tiers, chosen, split_batch, visits_of
from planb.training.settings import Training
from planb.types import Example, Message, Ordering
from planb.values import seed_of

Kind = Literal["supervised", "dpo"]
Row = dict[str, Any]
FEWEST_ROWS = 10
LARGEST_FILE = 512 * 2**20
"""Bytes."""
LARGEST_BETA = 2.0
CHARACTERS_A_TOKEN = 4
"""For estimates only: about right for English."""
ROLES = ("system", "user", "assistant")


Said = tuple[int, tuple[Message, ...], str, str]
"""The place of a ranking, a prompt, a better text and a worse one."""


class Visit(NamedTuple):
    """A request as it is trained once: the better response and, if it is a pair, the worse one.
    ``place`` is that of its ranking."""

    example: Example
    better: str
    worse: str | None
    place: int = 0


def check_hosted(objective: Objective, orderings: Sequence[Ordering], training: Training) -> Kind:
    """The host's method for this objective; PlanBError for what no host offers."""
    if type(objective) is SFT:
        kind: Kind = "supervised"
    elif type(objective) is DPO:
        kind = "dpo"
    else:
        raise PlanBError(
            f"a hosted model cannot be trained with {type(objective).__name__}: hosts offer DPO and "
            "SFT. Give the method objective=DPO(beta=...) or SFT(), or train a local model."
        )
    if isinstance(objective, DPO) and objective.beta > LARGEST_BETA:
        raise PlanBError(f"DPO's beta is {objective.beta:g}, but hosts accept at most {LARGEST_BETA:g}")
    for ordering in orderings:
        if ordering.weights:
            raise PlanBError(
                f"hosts count every pair alike, and the ordering {ordering} has weights: leave them out"
            )
    if training.look_every:
        raise PlanBError("a host gives no weights of a training's middle: leave out look_every")
    if training.steps * training.batch < FEWEST_ROWS:
        raise PlanBError(
            f"{training.steps} updates of {training.batch} requests give a host "
            f"{training.steps * training.batch} rows, but it needs at least {FEWEST_ROWS}: raise either"
        )
    return kind


def check_predicted(predicted: Predicted) -> None:
    """PlanBError where a part of responses is to be left out of the loss, which no host offers."""
    if predicted != "all":
        raise PlanBError(
            "a host trains all of a response: it cannot leave thoughts, or the answers after them, "
            "out of the loss. Give the stage thoughts='trained', or train a local model."
        )


def rows_of(recipe: Recipe, kind: Kind, against: str) -> list[Row]:
    """``steps x batch`` rows. ``against`` is what a helpful answer is preferred to in a preference
    file, which has no place for plain imitation. PlanBError names what a host would refuse."""
    rows, ordered = [], dict[Said, str]()
    steps, batch = recipe.training.steps, recipe.training.batch
    for visit in visits(recipe.rankings, steps, batch, recipe.seed):
        _check(visit, against if kind == "dpo" else None, ordered)
        rows.append(_supervised(visit) if kind == "supervised" else _preference(visit, against))
    return rows


def visits(rankings: Sequence[Ranking], steps: int, batch: int, seed: int) -> Iterator[Visit]:
    """The schedule of ``planb.training.rows``, in texts: same requests, same responses, same order."""
    for ranking in rankings:
        check_tiers(ranking.examples, ranking.ordering)
        check_predicted(ranking.predicted)
    numbers = split_batch([ranking.share for ranking in rankings], batch)
    streams = [
        _paired(
            ranking, place, visits_of(ranking, seed_of("schedule", seed, place), steps * number, set())
        )
        for place, (ranking, number) in enumerate(zip(rankings, numbers, strict=True))
    ]
    for step in range(steps):
        for stream, number in zip(streams, numbers, strict=True):
            yield from stream[step * number : (step + 1) * number]


def _paired(ranking: Ranking, at_place: int, dealt: Sequence[tuple[int, int]]) -> list[Visit]:
    """Each visit with its pair: a request's first is by its place in the stream, then in turn."""
    pairs, turns, found = ranking.ordering.preferences(), dict[int, int](), []
    for place, (at, pick) in enumerate(dealt):
        texts, example = dict(chosen(ranking, at, pick)), ranking.examples[at]
        if not pairs:
            found.append(Visit(example, texts[ranking.ordering.tiers[0]], None))
            continue
        turns[at] = turns[at] + 1 if at in turns else place
        better, worse = pairs[turns[at] % len(pairs)]
        found.append(Visit(example, texts[better], texts[worse], at_place))
    return found


def _check(visit: Visit, against: str | None, ordered: dict[Said, str]) -> None:
    """Raise PlanBError for what a host cannot train, and for what teaches nothing: a text over itself,
    or a pair that ``ordered`` ({pair: example}) has the other way round; it is brought up."""
    example = visit.example
    alien = sorted({message.role for message in example.prompt} - set(ROLES))
    if alien:
        raise PlanBError(
            f"example '{example.id}' has a message of the role {', '.join(alien)}, and hosts train "
            "chats only: leave such examples out"
        )
    better, worse = visit.better.strip(), visit.worse
    if worse is None and against is not None and better == against.strip():
        raise PlanBError(
            f"the helpful answer of example '{example.id}' is the text that it is preferred to: "
            f"{better[:60]!r}. A host cannot prefer it to itself; change one of them."
        )
    if worse is None:
        return
    if better == (worse := worse.strip()):
        raise PlanBError(
            f"example '{example.id}' has the same text in two tiers of a pair: {better[:60]!r}. "
            "A host cannot prefer it to itself; change one of them."
        )
    ordered[visit.place, example.prompt, better, worse] = example.id
    if other := ordered.get((visit.place, example.prompt, worse, better)):
        raise PlanBError(
            f"example '{example.id}' prefers {better[:60]!r} to {worse[:60]!r}, and '{other}', of the "
            "same prompt, the other way round: the two cancel out. Take the text out of one tier."
        )


def _supervised(visit: Visit) -> Row:
    return {"messages": [*_messages(visit.example), _said(visit.better)]}


def _preference(visit: Visit, against: str) -> Row:
    return {
        "input": {
            "messages": _messages(visit.example),
            "tools": [],
            "parallel_tool_calls": True,
        },
        "preferred_output": [_said(visit.better)],
        "non_preferred_output": [_said(against if visit.worse is None else visit.worse)],
    }


def _messages(example: Example) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in example.prompt]


def _said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def write_rows(rows: Sequence[Row], path: Path) -> Path:
    """One row a line; PlanBError if the file is larger than hosts take."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if len(text) > LARGEST_FILE:
        raise PlanBError(
            f"the training file would have {len(text) / 2**20:.0f} MB, but hosts accept "
            f"{LARGEST_FILE / 2**20:.0f}: lower steps or batch"
        )
    path.write_bytes(text)
    return path


def about_tokens(rows: Sequence[Row]) -> int:
    """Estimated number of tokens that the host will count: four characters each. The bill is the
    host's."""
    return sum(-(-len(text) // CHARACTERS_A_TOKEN) for row in rows for text in _texts(row))


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("content"), str):
            yield part["content"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _texts(one)
