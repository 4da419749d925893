"""Finished evaluations -> tables and the page: after each seed, and with `planb report`."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import SerializeAsAny

from planb.data.tables import read_table
from planb.domains import Domain
from planb.domains.measure import Measure
from planb.errors import PlanBError
from planb.judging import Exact, Judge
from planb.models.adapted import ALL_WEIGHTS
from planb.report.calibration import Calibration
from planb.report.story import Story
from planb.study.planning.graph import Graph
from planb.study.steps.calibration import CALIBRATION
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.data_files import TOLD, told
from planb.study.steps.evaluation import LOG, EvaluationStep
from planb.study.steps.step import Step, Work, identities_once
from planb.study.steps.surprise import read_surprises
from planb.study.steps.tier_scores import TIERS
from planb.study.store.store import DamagedError, Store
from planb.training.settings import read_ran
from planb.values import Value

if TYPE_CHECKING:
    import pandas as pd

    from planb.evals.calibration.result import CalibrationResult

MOST_NAMED = 10
"""So many damaged steps are named."""
PUBLISHED = ("results.csv", "differences.csv", "claims.csv", "surprise.csv", "report.html", "figures")


class TableSources(Value):
    """The steps that tables are made from, and the judges whose calibration the page tells:
    ``calibrations`` are steps of the study itself; ``surprises`` score what methods train on."""

    study: str
    evaluations: tuple[SerializeAsAny[Step], ...]
    tiers: SerializeAsAny[Step] | None
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
        rows = read_sidecars([sidecar_path(log) for log in logs]).assign(study=self.study)
        return with_declared(rows)

    def tier_scores(self, steps: Path) -> pd.DataFrame | None:
        """The judge's scores of what is trained on; None where the study has no judge."""
        if self.tiers is None:
            return None
        frame: pd.DataFrame = read_table(steps / self.tiers.folder_name / TIERS).to_pandas()
        return frame

    def surprising(self, steps: Path) -> pd.DataFrame | None:
        """How far the methods' tiers surprise the checkpoints; None where the study does not ask."""
        return read_surprises([steps / step.folder_name for step in self.surprises])

    def finals(self) -> tuple[Step, ...]:
        """The steps whose files the tables are read from."""
        tiers = [self.tiers] if self.tiers else []
        return (*self.evaluations, *tiers, *self.calibrations, *self.surprises)

    def whole(self, damaged: Mapping[str, str]) -> TableSources:
        """Without the steps of these identities, except for the tiers."""

        def kept(steps: tuple[Step, ...]) -> tuple[Step, ...]:
            return tuple(step for step in steps if step.identity() not in damaged)

        return self.but(
            evaluations=kept(self.evaluations),
            calibrations=kept(self.calibrations),
            surprises=kept(self.surprises),
        )

    def told(self, story: Story, steps: Path) -> Story:
        """The story with what is known of its judges: stored checks lie beside the studies."""
        from planb.evals.calibration.result import find_calibration, read_calibration

        stored = steps.parents[1] / "judges"
        asked = [step for step in self.evaluations if isinstance(step, EvaluationStep)]
        judges = (*self.judges, *filter(None, (step.evaluation.judge for step in asked)))
        each = {judge.title: judge for judge in reversed(judges)}
        known = [
            _calibration(each[title], find_calibration(stored, each[title]))
            for title in dict.fromkeys(judge.title for judge in judges)
        ]
        for step in self.calibrations:
            known.append(_checked(read_calibration(steps / step.folder_name / CALIBRATION)))
        data = _data_told(steps, self.tiers) if self.tiers else ()
        settings = (*story.settings, *how_trained([step.policy for step in asked], steps))
        return story.but(calibrations=tuple(known), data=data, settings=settings)


def measures_of(task: str, domain: Domain) -> tuple[Measure, ...]:
    """What a task is measured by in a domain, known before anything is run: what the
    domain says of it, else what the task declares."""
    from planb.evals.tasks import ALL_TASKS
    from planb.evals.tasks.measuring import measured_by

    found = domain.of_task(task.rpartition(":")[2]).measures
    return found or measured_by(ALL_TASKS[task]).measures


def with_declared(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, with what their tasks declare to be measured by where their log does not say it yet."""
    from planb.evals.tasks import ALL_TASKS
    from planb.evals.tasks.measuring import KEY, measured_by

    silent = rows.loc[rows[KEY] == "", "task"].unique()
    known = {name: measured_by(ALL_TASKS[name]).model_dump_json() for name in silent}
    return rows.assign(**{KEY: rows[KEY].where(rows[KEY] != "", rows["task"].map(known))})


def how_trained(policies: Iterable[CheckpointStep], steps: Path) -> list[tuple[str, str]]:
    """Settings of the page that the trainings behind these checkpoints say themselves: the "training
    precision" (a study that asks for ``auto`` gets what the machine has), the "processor", and, where
    it is not all of them, the "trained weights" (an adapter's targets reach some of a model). []
    without trainings."""
    trained = {one.folder_name: one for policy in policies for one in policy.history}
    ran = {name: told for name in trained if (told := read_ran(steps / name))}
    if not ran:
        return []
    used = [(trained[name].kind, told.get("precision", "not recorded")) for name, told in ran.items()]
    counts = Counter(precision for _, precision in used)
    unlike = len(set(used)) > len({kind for kind, _ in used})  # two stages may have two, by the study
    mixed = ". Trainings of one stage in different precisions do not compare like with like" * unlike
    found = [("Training precision", _counted(counts) + mixed)]
    if processors := Counter(one["processor"] for one in ran.values() if "processor" in one):
        found.append(("Processor", _counted(processors)))
    weights = Counter(one["trained"] for one in ran.values() if "trained" in one)
    if set(weights) - {ALL_WEIGHTS}:
        found.append(("Trained weights", _counted(weights)))
    return found


def _counted(counts: Counter[str]) -> str:
    from planb.stats.numbers import plural

    return "; ".join(f"{what}: {plural(n, 'training')}" for what, n in sorted(counts.items()))


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
        return self.sources.finals()

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
    """Write tables and page into ``study_folder`` now, in this process.

    Every finished step that they are made from is compared with its manifest first. Raises
    ``DamagedStepsError`` where one is damaged, when tables and page of the others are written.
    """
    from planb.report.page import write_report

    steps, page = study_folder / "steps", study_folder / "report.html"
    with identities_once():
        damaged = _damaged(sources, steps)
        whole = sources.whole(damaged)
        if not whole.evaluations:
            raise DamagedStepsError(damaged, None)
        rows, surprises = whole.rows(steps), whole.surprising(steps)
        lost = sources.tiers is not None and sources.tiers.identity() in damaged
        tiers = None if lost else sources.tier_scores(steps)
        story = _without(whole.told(story, steps), sources, damaged)
    write_report(rows, tiers, story, study_folder, show_severe=show_severe, surprises=surprises)
    if damaged:
        raise DamagedStepsError(damaged, page)
    return page


class DamagedStepsError(PlanBError):
    """Some finished steps are damaged; the page (None: there is none) was made of the others."""

    def __init__(self, damaged: Mapping[str, str], page: Path | None) -> None:
        count = f"{len(damaged)} finished {'step is' if len(damaged) == 1 else 'steps are'} damaged"
        lines = "".join(f"\n  {what}" for what in [*damaged.values()][:MOST_NAMED])
        more = f"\n  and {len(damaged) - MOST_NAMED} more" if len(damaged) > MOST_NAMED else ""
        told = f"{page} is made of the others" if page else "there is nothing to make a page of"
        super().__init__(
            f"{count}, and {told}:{lines}{more}\nPut the files right, or run the study again: what is "
            "damaged is then made again"
        )
        self.page = page


def _damaged(sources: TableSources, steps: Path) -> dict[str, str]:
    """What is wrong with each damaged step that the figures come from, by its identity: checkpoints
    and data too, of which no table is read."""
    store, found = Store(steps), dict[str, str]()
    graph = Graph(sources.finals())
    store.name(node.step for node in graph)
    for node in graph:
        try:
            store.check(node.step)
        except DamagedError as error:
            found[node.identity] = f"{node.folder_name}: {error.what}"
    return found


def _without(story: Story, sources: TableSources, damaged: Mapping[str, str]) -> Story:
    """The story, saying on the page which figures are missing since their files are damaged."""
    missing = [step.slug for step in sources.finals() if step.identity() in damaged]
    if not missing:
        return story
    more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    note = f"Left out, since their files are damaged: {', '.join(missing[:MOST_NAMED])}{more}."
    stamp = story.stamp or "incomplete: damaged results are left out"
    return story.but(notes=(note, *story.notes), stamp=stamp)


def _calibration(judge: Judge, result: CalibrationResult | None) -> Calibration:
    if isinstance(judge, Exact):
        return Calibration(judge=judge.title, verdict="exact", rubric=judge.identity()["rubric"])
    found = _checked(result) if result else Calibration(judge=judge.title)
    return found.but(error=judge.error)


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
