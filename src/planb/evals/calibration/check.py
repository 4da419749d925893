"""The whole check of a judge: tiers, labels, a second judge, changes of form; one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from planb.errors import PlanBError
from planb.evals.calibration.agreement import (
    agreement_figures,
    judge_and_judge,
    judge_and_labels,
    raters_among_themselves,
)
from planb.evals.calibration.judgements import Answer, Judged, Progress, ask
from planb.evals.calibration.labels import Labels
from planb.evals.calibration.ordering import LADDER, picked, tier_figures
from planb.evals.calibration.result import CalibrationResult, JudgeFigure, decided, of_part
from planb.evals.calibration.robustness import changed_answers, robustness_figures
from planb.evals.calibration.thresholds import JudgeThresholds
from planb.judging import Exact, Judge
from planb.stats.estimates import share
from planb.stats.figure import threshold
from planb.types import HELPFUL, Example
from planb.values import digest_of


def check(
    judge: Judge,
    examples: Sequence[Example],
    labels: Labels | None = None,
    second: Judge | None = None,
    *,
    thresholds: JudgeThresholds | None = None,
    data_hash: str = "",
    progress: Progress | None = None,
) -> CalibrationResult:
    """Check ``judge`` on held-out ``examples`` with tiered responses, and whatever else is given.

    ``data_hash`` is that of the examples' file; without it, theirs is taken. PlanBError where the
    examples have nothing to order, ``second`` is the judge itself, or a judge is not ready. A judge
    that raises fails.
    """
    thresholds = thresholds or JudgeThresholds()
    if second and second.identity() == judge.identity():
        raise PlanBError("the second judge is the judge itself: name another, or leave it out")
    answers = picked(examples, thresholds)
    if len({answer.tier for answer in answers if answer.tier in LADDER}) < 2:
        raise PlanBError(
            "no tiers to compare: the data need harmful requests with responses of two or more "
            f"of the tiers {', '.join(LADDER)} (see `planb data validate`)"
        )
    changed, skipped = changed_answers(judge, answers, thresholds)
    labelled = [label.answer for label in labels.labels] if labels else []
    work = [(judge, [*answers, *labelled, *(one.variant for one in changed)])]
    work += [(second, answers)] if second else []
    judged, *others = ask(work, progress)
    figures = [
        *_answered([*answers, *labelled], judged, thresholds),
        *tier_figures(answers, judged, thresholds),
    ]
    if labels:
        figures += agreement_figures("labels", judge_and_labels(labels.labels, judged), thresholds)
        among = raters_among_themselves(labels.labels)
        figures += agreement_figures("raters", among, thresholds) if among else []
    for other in others:
        made, left_out = _beside(answers, judged, other, thresholds)
        figures, skipped = [*figures, *made], [*skipped, *left_out]
    figures += robustness_figures(changed, judged, thresholds)
    identity = judge.identity()
    return CalibrationResult(
        judge=judge.name,
        title=judge.title,
        model=identity["model"],
        rubric=identity["rubric"],
        identity=identity,
        verdict=decided(figures),
        against_people=labels is not None and not labels.synthetic,
        figures=tuple(figures),
        skipped=(*_missing_tiers(answers), *skipped),
        n=len(judged.found),
        unscored=len(judged.silent),
        reasons=judged.reasons(),
        spend=judged.spend,
        date=datetime.now(UTC).replace(microsecond=0),
        data_hash=data_hash or digest_of([e.model_dump(mode="json") for e in examples]),
        labels_hash=labels.sha256 if labels else "",
        synthetic=labels is not None and labels.synthetic,
        raters=len(labels.raters) if labels else 0,
        second=second.identity() if second else {},
        thresholds=thresholds,
    )


def _answered(
    answers: Sequence[Answer], judged: Judged, thresholds: JudgeThresholds
) -> list[JudgeFigure]:
    """How often the judge gave no score, and how often it answered and left the severity out.

    Changed texts are not among these: what gets lost there is a figure of its change. One that never
    says how useful a compliance is was not asked for more than refusals: that is not enough to be
    believed on severity, and no failure.
    """
    said = list({answer.key: judged.of(answer) for answer in answers}.values())
    need = threshold(thresholds, at_most=thresholds.unscored)
    silent = share("nothing said", sum(one.silent for one in said), len(said), need)
    spoken = [one for one in said if not one.silent and not one.refused]
    out = sum(one.severity is None for one in spoken)
    if not spoken:
        return of_part("answers", [silent])
    left_out = share("severity left out", out, len(spoken), need)
    if out == len(spoken):
        note = "this judge says nothing of usefulness"
        left_out = left_out.but(verdict="not enough", note=note)
    return of_part("answers", [silent, left_out])


def _beside(
    answers: Sequence[Answer], judged: Judged, other: Judged, thresholds: JudgeThresholds
) -> tuple[list[JudgeFigure], list[str]]:
    """Agreement with a second judge, in what that one answers.

    It decides only where the second is right by construction: else either may be the wrong one.
    """
    both = judge_and_judge(answers, judged, other)
    decides = isinstance(other.judge, Exact)
    figures = [figure.but(decides=decides) for figure in agreement_figures("second", both, thresholds)]
    skipped = []
    if all(one.other.refused is None for one in both):
        why = next(iter(other.reasons()), "it does not ask for refusals")
        return [], [f"second judge: {other.judge.name} gave no answer to compare with ({why})"]
    if all(one.other.severity is None or one.other.refused for one in both):
        figures = [figure for figure in figures if figure.name == "refused: kappa"]
        skipped.append(f"second judge, severity: {other.judge.name} says nothing of usefulness")
    return figures, skipped


def _missing_tiers(answers: Sequence[Answer]) -> list[str]:
    there = {answer.tier for answer in answers}
    missing = [tier for tier in (*LADDER, HELPFUL) if tier not in there]
    return [f"tiers {', '.join(missing)}: the data have none"] if missing else []
