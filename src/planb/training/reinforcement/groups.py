"""Groups of samples -> packed parts: each prompt once, and each different sample once.

Shapes: R responses, N their tokens, over one part or one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from planb.errors import PlanBError
from planb.training.packing import Batch, on_device, parts
from planb.training.reinforcement.advantages import Advantages
from planb.training.reinforcement.objective import PolicyGradient, Tokens
from planb.training.rows import Row
from planb.training.scoring import Way, token_log_probs


@dataclass(frozen=True)
class Sample:
    """One response to a prompt as token ids, and its reward (None: the judge did not score it).
    ``foreign``: no policy drew it; it is an answer of the data. ``opening`` was put into the policy's
    mouth before ``ids``, and is not trained."""

    ids: tuple[int, ...]
    reward: float | None
    foreign: bool = False
    opening: tuple[int, ...] = ()


@dataclass(frozen=True)
class Group:
    """The samples of one prompt, which are compared with one another."""

    key: str
    prompt: tuple[int, ...]
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Weighed:
    """A row of samples with what the objective wants of each: its advantage, the weight of each of its
    tokens (of all samples that are the same), whether it is foreign. ``old_N`` and ``reference_N`` are
    there once they are computed."""

    row: Row
    advantage_R: tuple[float, ...]
    weight_R: tuple[float, ...]
    foreign_R: tuple[bool, ...]
    old_N: torch.Tensor | None = None
    reference_N: torch.Tensor | None = None


def weighed(
    groups: Sequence[Group], objective: PolicyGradient, limit: int
) -> tuple[list[Weighed], Advantages]:
    """The rows of an update that have a gradient. ``limit``: the most tokens of a response.

    Unscored samples are left out. Groups without spread count in the average; they are run only where
    there is a KL. Samples that are the same are run once, with their weights added up.
    """
    worth = objective.advantages([[sample.reward for sample in group.samples] for group in groups])
    scored = [
        [(sample, a) for sample, a in zip(group.samples, found, strict=True) if a is not None]
        for group, found in zip(groups, worth.of, strict=True)
    ]
    weights = iter(objective.weights([len(s.ids) for some in scored for s, _ in some], limit))
    rows = []
    for group, some in zip(groups, scored, strict=True):
        same = dict[tuple[Sample, float], float]()
        for one in some:
            same[one] = same.get(one, 0.0) + next(weights)
        if same and (objective.kl or any(a for _, a in same)):
            rows += _rows(group, same)
    return rows, worth


def _rows(group: Group, weight_of: dict[tuple[Sample, float], float]) -> list[Weighed]:
    """A row for each opening, which stands in its prompt."""
    openings = dict.fromkeys(sample.opening for sample, _ in weight_of)
    return [
        _row(group, {one: w for one, w in weight_of.items() if one[0].opening == opening})
        for opening in openings
    ]


def _row(group: Group, weight_of: dict[tuple[Sample, float], float]) -> Weighed:
    samples = [sample for sample, _ in weight_of]
    row = Row(
        group.key,
        group.prompt + samples[0].opening,
        tuple(sample.ids for sample in samples),
        tuple("data" if sample.foreign else "sample" for sample in samples),
    )
    return Weighed(
        row,
        tuple(a for _, a in weight_of),
        tuple(weight_of.values()),
        tuple(sample.foreign for sample in samples),
    )


def with_old(rows: Sequence[Weighed], found: Sequence[torch.Tensor]) -> list[Weighed]:
    """The rows with the log-probabilities of the policy that drew the samples."""
    return [replace(row, old_N=old_N) for row, old_N in zip(rows, found, strict=True)]


def with_reference(rows: Sequence[Weighed], found: Sequence[torch.Tensor]) -> list[Weighed]:
    """The rows with the log-probabilities of the reference."""
    return [replace(row, reference_N=one_N) for row, one_N in zip(rows, found, strict=True)]


def packed(rows: Sequence[Weighed], pad: int, way: Way, budget: int | None) -> list[Batch]:
    """The rows as parts of up to ``budget`` tokens, each with the numbers of its tokens: ``weight_N``,
    ``advantage_R``, ``foreign_R`` and, where the rows have them, ``old_N`` and ``reference_N``."""
    made = parts([one.row for one in rows], pad, way.layout, budget, way.kernel) if rows else []
    for part in made:
        some = [rows[place] for place in part["places"]]
        part["advantage_R"] = torch.tensor([a for one in some for a in one.advantage_R])
        part["foreign_R"] = torch.tensor([f for one in some for f in one.foreign_R])
        weight_R = torch.tensor([w for one in some for w in one.weight_R])
        part["policy_weight_N"] = weight_R[part["owner_N"]]
        for name in ("old_N", "reference_N"):
            numbers = [getattr(one, name) for one in some]
            if all(one_N is not None for one_N in numbers):
                part[name] = torch.cat(numbers)
    return made


def policy_parts(
    model: Any, part: Batch, objective: PolicyGradient, way: Way
) -> tuple[dict[str, Any], torch.Tensor]:
    """(named parts of the loss of a packed part, (N,) log-probabilities of its tokens). Samples without
    ``old_N`` were drawn by the policy as it is."""
    logp_N = token_log_probs(model, part, way)
    old_N = part.get("old_N")
    tokens = Tokens(
        logp_N,
        logp_N.detach() if old_N is None else old_N,
        part["owner_N"],
        part["advantage_R"],
        part["policy_weight_N"],
        part["foreign_R"],
        part.get("reference_N"),
    )
    return objective.parts(tokens), logp_N


def token_numbers(
    model: Any, rows: Sequence[Weighed], pad: int, way: Way, budget: int | None
) -> list[torch.Tensor]:
    """(N,) log-probability of every token of each row's responses, under ``model`` as it is."""
    found: list[torch.Tensor] = [torch.empty(0)] * len(rows)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for part in parts([one.row for one in rows], pad, way.layout, budget, way.kernel):
            logp_N = token_log_probs(model, on_device(part, model.device), way).cpu()
            lengths = [sum(map(len, rows[place].row.responses)) for place in part["places"]]
            for place, one_N in zip(part["places"], logp_N.split(lengths), strict=True):
                found[place] = one_N
    model.train(was_training)
    return found


def check_groups(groups: Sequence[Group], limit: int) -> None:
    """Raise PlanBError for a group of one sample, or one of no or over ``limit`` tokens."""
    for group in groups:
        if len(group.samples) < 2:
            raise PlanBError(
                f"'{group.key}' has {len(group.samples)} samples: an advantage is over others of the "
                "same prompt, so a group needs 2 or more"
            )
        for sample in group.samples:
            if not 0 < len(sample.ids) <= limit:
                raise PlanBError(
                    f"a sample of '{group.key}' has {len(sample.ids)} tokens, and the limit is {limit}"
                )
