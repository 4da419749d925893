"""The whole check of a judge: tiers, labels, a second judge, changes of form; one verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from planb.errors import PlanBError
from planb.evals.calibration.agreement import (
    Both,
    agreement_figures,
    judge_and_judge,
    judge_and_labels,
)
from planb.evals.calibration.judgements import Answer, Judged, Progress, ask
from planb.evals.calibration.labels import Labels
from planb.evals.calibration.ordering import LADDER, picked, tier_figures
from planb.evals.calibration.raters import (
    alpha_figures,
    judge_and_each_rater,
    raters_among_themselves,
)
from planb.evals.calibration.refusals import READ, refusal_figures
from planb.evals.calibration.result import CalibrationResult, JudgeFigure, Part, decided, of_part
from planb.evals.calibration.robustness import changed_answers, robustness_figures
from planb.evals.calibration.thresholds import JudgeThresholds
from planb.judging import Exact, Judge
from planb.judging.label_logits import CUT
from planb.stats.estimates import share
from planb.stats.figure import threshold
from planb.types import HELPFUL, Example
from planb.values import digest_of

ONLY_LABELS = "tiers and changes of form: no data with tiers were given"


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

    Without examples, ``labels`` alone are compared. Labels of requests that the judge was trained on
    are left out, and said. ``data_hash`` is that of the examples' file; without it, theirs is taken.
    PlanBError where the examples have nothing to order, ``second`` is the judge itself, or a judge is
    not ready. A judge that raises fails.
    """
    thresholds = thresholds or JudgeThresholds()
    if second and second.identity() == judge.identity():
        raise PlanBError("the second judge is the judge itself: name another, or leave it out")
    answers = picked(examples, thresholds)
    labels_alone = labels is not None and not examples
    if not labels_alone and len({a.tier for a in answers if a.tier in LADDER}) < 2:
        raise PlanBError(
            "no tiers to compare: the data need harmful requests with responses of two or more "
            f"of the tiers {', '.join(LADDER)} (see `planb data validate`)"
        )
    changed, skipped = changed_answers(judge, answers, thresholds)
    labels, unseen = _unseen(labels, judge)
    labelled = [one.answer for one in (*labels.labels, *labels.refusals)] if labels else []
    work = [(judge, [*answers, *labelled, *(one.variant for one in changed)])]
    compared = answers or labelled
    work += [(second, compared)] if second else []
    judged, *others = ask(work, progress)
    figures = [
        *_answered([*answers, *labelled], judged, thresholds),
        *tier_figures(answers, judged, thresholds),
        *(_against(labels, judged, thresholds) if labels else []),
    ]
    for other in others:
        made, left_out = _beside(compared, judged, other, thresholds)
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
        skipped=(*_missing_tiers(answers), *skipped) if examples else (ONLY_LABELS,),
        n=len(judged.found),
        unscored=len(judged.silent),
        reasons=judged.reasons(in_full=labels is None or not labels.published),
        spend=judged.spend,
        date=datetime.now(UTC).replace(microsecond=0),
        data_hash=data_hash or digest_of([e.model_dump(mode="json") for e in examples]),
        labels_hash=labels.sha256 if labels else "",
        synthetic=labels is not None and labels.synthetic,
        raters=len(labels.raters) if labels else 0,
        notes=(*_read_how(labels), *unseen, *_cut(judged)),
        second=second.identity() if second else {},
        thresholds=thresholds,
    )


def _unseen(labels: Labels | None, judge: Judge) -> tuple[Labels | None, list[str]]:
    """The labels of requests that the judge was not trained on. PlanBError where none is left."""
    seen = labels.groups & judge.trained_on if labels else frozenset()
    if labels is None or not seen:
        return labels, []
    if not labels.groups - seen:
        raise PlanBError("the judge was trained on all of these labels: give some that it never saw")
    left = len(labels.groups) - len(seen)
    return labels.without(seen), [
        f"The judge was trained on {len(seen):,} of these requests: the other {left:,} are compared."
    ]


def _against(labels: Labels, judged: Judged, thresholds: JudgeThresholds) -> list[JudgeFigure]:
    """The judge beside people: their mean, each of several, and these among themselves; refusals."""
    own = labels.labels
    asked = any(label.refused is not None for label in own)
    compared: list[tuple[Part, list[Both]]] = [
        ("labels", judge_and_labels(own, judged)),
        ("person", judge_and_each_rater(own, judged)),
        ("raters", raters_among_themselves(own)),
    ]
    figures = [
        figure
        for part, both in compared
        if both
        for figure in agreement_figures(part, both, thresholds, refusals=asked)
    ]
    figures += alpha_figures(own) if compared[-1][1] else []
    return [*figures, *refusal_figures(labels, judged, thresholds)]


def _read_how(labels: Labels | None) -> list[str]:
    if labels is None:
        return []
    return [*labels.notes, READ] if labels.refusals else [*labels.notes]


def _cut(judged: Judged) -> list[str]:
    cut = sum(CUT in one.answers for one in judged.found.values())
    return [f"{cut:,} responses were cut short before they were judged."] if cut else []


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
