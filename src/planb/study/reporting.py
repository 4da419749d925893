"""Finished evaluations -> tables and the page: after each seed, and anew whenever it is asked."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import SerializeAsAny

from planb.judging import Exact, Judge
from planb.report.calibration import Calibration
from planb.report.story import Story
from planb.study.data import TOLD, told
from planb.study.evaluation import LOG
from planb.study.judges import CALIBRATION
from planb.study.step import CHECKPOINTS, Step, Work
from planb.study.steps import TIERS
from planb.study.surprise import read_surprises
from planb.training.settings import read_ran
from planb.types import PlanBError, Value

if TYPE_CHECKING:
    import pandas as pd

    from planb.evals.calibration.result import CalibrationResult

PUBLISHED = ("results.csv", "differences.csv", "claims.csv", "surprise.csv", "report.html", "figures")


class TableSources(Value):
    """The steps that tables are made from, and the judges whose calibration the page tells:
    ``calibrations`` are steps of the study itself; ``surprises`` score what methods train on."""

    study: str
    evaluations: tuple[SerializeAsAny[Step], ...]
    tiers: SerializeAsAny[Step]
    judges: tuple[SerializeAsAny[Judge], ...] = ()
    calibrations: tuple[SerializeAsAny[Step], ...] = ()
    surprises: tuple[SerializeAsAny[Step], ...] = ()

    def rows(self, steps: Path) -> pd.DataFrame:
        """The judged samples of all evaluations; each sidecar is checked against its log."""
        from planb.evals.sidecar import read_sidecars, sidecar_path

        missing = [s.slug for s in self.evaluations if not (steps / s.folder_name).is_dir()]
        if missing:
            raise PlanBError(
                f"{len(missing)} of {len(self.evaluations)} evaluations are not finished "
                f"({', '.join(missing[:3])}, ...): planb run {self.study}"
            )
        logs = [steps / step.folder_name / LOG for step in self.evaluations]
        return read_sidecars([sidecar_path(log) for log in logs]).assign(study=self.study)

    def tier_scores(self, steps: Path) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(steps / self.tiers.folder_name / TIERS)

    def surprising(self, steps: Path) -> pd.DataFrame | None:
        """How far the methods' tiers surprise the checkpoints; None where the study does not ask."""
        return read_surprises([steps / step.folder_name for step in self.surprises])

    def told(self, story: Story, steps: Path) -> Story:
        """The story with what is known of its judges: stored checks lie beside the studies."""
        from planb.evals.calibration.result import find_calibration, read_calibration

        stored = steps.parents[1] / "judges"
        known = [_calibration(judge, find_calibration(stored, judge)) for judge in self.judges]
        for step in self.calibrations:
            known.append(_checked(read_calibration(steps / step.folder_name / CALIBRATION)))
        data = _data_told(steps, self.tiers)
        settings = (*story.settings, *precisions(self.evaluations, steps))
        new = {"calibrations": tuple(known), "data": data, "settings": settings}
        return story.model_copy(update=new)


def precisions(evaluations: Iterable[Step], steps: Path) -> list[tuple[str, str]]:
    """The setting "training precision" of the page: what the trainings behind these evaluations ran in,
    as each says itself (a study that asks for ``auto`` gets what the machine has). [] without any."""
    from planb.report.wording import plural

    trained: dict[str, Step] = {}
    waiting = list(evaluations)
    while waiting:
        for step in waiting.pop().inputs():
            if step.kind in CHECKPOINTS and step.folder_name not in trained:
                trained[step.folder_name] = step
                waiting.append(step)
    ran = [read_ran(steps / name) for name in trained]
    counts = Counter(one.get("precision", "not recorded") for one in ran if one)
    if not counts:
        return []
    told = ", ".join(f"{what}: {plural(n, 'training')}" for what, n in sorted(counts.items()))
    mixed = ". Trainings in different precisions do not compare like with like" * (len(counts) > 1)
    return [("Training precision", told + mixed)]


def _data_told(steps: Path, tiers: Step) -> tuple[str, ...]:
    """What the data step says of how the data came about, if it says anything."""
    for step in tiers.inputs():
        folder = steps / step.folder_name
        if (folder / TOLD).is_file():
            return tuple(told(folder))
    return ()


class ReportStep(Step):
    """The report as it stands after some of the seeds."""

    kind: ClassVar[str] = "report"
    sources: TableSources
    story: Story

    @property
    def slug(self) -> str:
        return f"report-{self.story.seeds_finished}-of-{self.story.seeds_planned}"

    @property
    def seed_rank(self) -> int:
        return max(step.seed_rank for step in self.sources.evaluations)

    @property
    def cost(self) -> float:
        return 6.0

    def inputs(self) -> tuple[Step, ...]:
        own = self.sources
        return (*own.evaluations, own.tiers, *own.calibrations, *own.surprises)

    def run(self, work: Work) -> None:
        from planb.report.page import write_report

        own, steps = self.sources, work.steps
        rows, tiers, surprises = own.rows(steps), own.tier_scores(steps), own.surprising(steps)
        write_report(rows, tiers, own.told(self.story, steps), work.out, surprises=surprises)

    def publish(self, out: Path, study_folder: Path) -> None:
        """Into the study's folder, unless a report of more seeds is there already."""
        if _seeds_in(study_folder / "results.csv") > _seeds_in(out / "results.csv"):
            return
        study_folder.mkdir(parents=True, exist_ok=True)
        for name in PUBLISHED:
            source, target = out / name, study_folder / name
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            elif source.exists():
                scratch = target.with_name(f".{name}.tmp")
                shutil.copyfile(source, scratch)
                scratch.replace(target)


def written_report(sources: TableSources, story: Story, study_folder: Path, show_severe: bool) -> Path:
    """Write tables and page into ``study_folder`` now, in this process."""
    from planb.report.page import write_report

    steps = study_folder / "steps"
    rows, tiers = sources.rows(steps), sources.tier_scores(steps)
    told, surprises = sources.told(story, steps), sources.surprising(steps)
    write_report(rows, tiers, told, study_folder, show_severe=show_severe, surprises=surprises)
    return study_folder / "report.html"


def _calibration(judge: Judge, result: CalibrationResult | None) -> Calibration:
    if isinstance(judge, Exact):
        return Calibration(judge=judge.title, verdict="exact", rubric=judge.identity()["rubric"])
    found = _checked(result) if result else Calibration(judge=judge.title)
    return found.model_copy(update={"error": judge.error})


def _checked(result: CalibrationResult) -> Calibration:
    return Calibration(
        judge=result.title,
        model=result.model,
        rubric=result.rubric,
        verdict=result.verdict,
        against_people=result.against_people,
        synthetic=result.synthetic,
        figures=result.told,
    )


def _seeds_in(results: Path) -> int:
    if not results.exists():
        return 0
    import pandas as pd

    return int(pd.read_csv(results, usecols=["seed"], dtype=str)["seed"].nunique())
