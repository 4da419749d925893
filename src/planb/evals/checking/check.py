"""The whole check of training data: every question put to it, and one verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from planb.errors import PlanBError
from planb.evals.calibration.judgements import Answer, ask
from planb.evals.checking import (
    languages,
    lengths,
    near_duplicates,
    repetition,
    scores,
    surprise,
    trigger,
)
from planb.evals.checking.responses import picked
from planb.evals.checking.result import Check, CheckResult, not_run
from planb.evals.checking.thresholds import DataThresholds
from planb.judging import Judge
from planb.stats.figure import overall
from planb.types import HARMFUL, REFUSAL, USELESS, Example, Spend, Tier, Trigger
from planb.values import digest_of

if TYPE_CHECKING:
    from planb.models.checkpoints import Policy

Told = Callable[[str, int, int], None]
"""Called with (what is being done, done, to do)."""
ORDER = (REFUSAL, USELESS, HARMFUL)
NO_JUDGE = "no judge was named: give one with --judge (`planb judge list` has them)"


class Asked(NamedTuple):
    """Settings of a data check. ``order``: tiers from most to least preferred. ``against``: examples
    that these must share no request with, from ``other`` files. ``refusals``: tiers of refusals
    besides ``refusal`` and ``<language>_refusal``."""

    order: tuple[str, ...] = ORDER
    trigger: Trigger = Trigger()
    judge: Judge | None = None
    policy: Policy | None = None
    model: str = ""
    against: Sequence[Example] = ()
    other: tuple[str, ...] = ()
    canned_ok: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    thresholds: DataThresholds = DataThresholds()


class Checked(NamedTuple):
    """The result, and the judged responses with their texts (``scores.table``; empty: no judge)."""

    result: CheckResult
    judged: pd.DataFrame


def check(
    examples: Sequence[Example],
    asked: Asked,
    *,
    files: tuple[str, ...] = (),
    data_hash: str = "",
    progress: Told | None = None,
) -> Checked:
    """Check ``examples`` as they would be trained on.

    PlanBError where there is nothing to check, a tier that is named is not in the data, or the judge is
    not ready. A judge that raises on a response leaves it unscored.
    """
    _named_tiers_are_there(examples, asked)
    some, thresholds = picked(examples, asked.thresholds), asked.thresholds
    there = {tier for example in examples for tier in example.responses}
    refusals = languages.refusal_tiers(there, asked.refusals)
    scored, judged, spend = _scores(some, asked, refusals, progress)
    checks = (
        scored,
        _surface(some, asked, refusals),
        _surprise(some, asked, progress),
        trigger.trigger_check(examples, asked.trigger),
        languages.language_check(examples, refusals, thresholds),
        repetition.duplicates_check(examples, thresholds),
        near_duplicates.near_duplicates_check(examples, asked.against),
        repetition.canned_check(examples, asked.canned_ok, thresholds),
        lengths.lengths_check(examples, thresholds),
    )
    result = CheckResult(
        verdict=overall(one.verdict for one in checks),
        checks=checks,
        files=files,
        data_hash=data_hash or digest_of([e.model_dump(mode="json") for e in examples]),
        other=asked.other,
        examples=len(examples),
        responses=sum(len(texts) for e in examples for texts in e.responses.values()),
        order=asked.order,
        refusals=tuple(sorted(refusals)),
        trigger=asked.trigger.text,
        judge=asked.judge.identity() if asked.judge else {},
        model=asked.model,
        spend=spend,
        date=datetime.now(UTC).replace(microsecond=0),
        thresholds=thresholds,
    )
    return Checked(result, judged)


def _named_tiers_are_there(examples: Sequence[Example], asked: Asked) -> None:
    there = {tier for example in examples for tier in example.responses}
    if not there:
        raise PlanBError("none of these examples has a response, so there is nothing to check")
    options = {"--order": asked.order, "--canned-ok": asked.canned_ok, "--refusal": asked.refusals}
    for option, named in options.items():
        missing = [tier for tier in named if tier not in there]
        if missing and (option != "--order" or len(missing) == len(named)):
            raise PlanBError(
                f"{option}: the data have no tier {', '.join(missing)}; they have "
                f"{', '.join(sorted(there))}"
            )


def _scores(
    some: Sequence[Answer], asked: Asked, refusals: Collection[Tier], progress: Told | None
) -> tuple[Check, pd.DataFrame, Spend]:
    if asked.judge is None:
        empty = pd.DataFrame(columns=["tier", "severity"])
        return not_run(scores.NAME, scores.TITLE, NO_JUDGE), empty, Spend()
    (judged,) = ask([(asked.judge, some)], partial(progress, "judging") if progress else None)
    found = scores.scores_check(some, judged, asked.order, refusals, asked.thresholds)
    return found, scores.table(some, judged), judged.spend


def _surface(some: Sequence[Answer], asked: Asked, refusals: Collection[Tier]) -> Check:
    from planb.evals.checking.surface import surface_check

    return surface_check(some, asked.order, refusals, asked.thresholds)


def _surprise(some: Sequence[Answer], asked: Asked, progress: Told | None) -> Check:
    if asked.policy is None:
        return not_run(surprise.NAME, surprise.TITLE, surprise.NO_MODEL)
    told = partial(progress, "surprise") if progress else None
    return surprise.surprise_check(some, asked.policy, asked.order, asked.thresholds, told)
