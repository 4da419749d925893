"""The finished steps that a report is made of: their rows, and what they say for the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SerializeAsAny

from planb.data.tables import read_table
from planb.domains import Domain
from planb.domains.measure import Measure
from planb.errors import PlanBError
from planb.judging import Exact, Judge
from planb.models.adapted import ALL_WEIGHTS
from planb.report.calibration import Calibration
from planb.report.certificate import FILE, Certificate, read_certificates
from planb.report.story import Story
from planb.study.spending import spending
from planb.study.steps.calibration import CALIBRATION
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.data_files import TOLD, told
from planb.study.steps.evaluation import LOG, EvaluationStep
from planb.study.steps.probe import read_probes
from planb.study.steps.step import Step
from planb.study.steps.surprise import read_surprises
from planb.study.steps.tier_scores import TIERS
from planb.study.store.store import Store
from planb.values import LATER, Value

if TYPE_CHECKING:
    import pandas as pd

    from planb.evals.calibration.result import CalibrationResult


class TableSources(Value):
    """The steps that tables are made from, and the judges whose calibration the page shows:
    ``calibrations`` are steps of the study itself; ``surprises`` score what methods train on, and
    ``probes`` hidden states."""

    study: str
    evaluations: tuple[SerializeAsAny[Step], ...]
    tiers: SerializeAsAny[Step] | None
    judges: tuple[SerializeAsAny[Judge], ...] = ()
    calibrations: tuple[SerializeAsAny[Step], ...] = ()
    surprises: tuple[SerializeAsAny[Step], ...] = ()
    probes: tuple[SerializeAsAny[Step], ...] = Field(default=(), json_schema_extra=LATER)

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
        models = {model: place for place, model in enumerate(rows["model"].unique())}
        in_order = rows["model"].map(models).argsort(kind="stable")  # model by model, then as they came
        return with_declared(rows.iloc[in_order].reset_index(drop=True))

    def tier_scores(self, steps: Path) -> pd.DataFrame | None:
        """The judge's scores of what is trained on; None where the study has no judge."""
        if self.tiers is None:
            return None
        frame: pd.DataFrame = read_table(steps / self.tiers.folder_name / TIERS).to_pandas()
        return frame

    def surprising(self, steps: Path) -> pd.DataFrame | None:
        """How far the methods' tiers surprise the checkpoints; None where the study does not ask."""
        return read_surprises([steps / step.folder_name for step in self.surprises])

    def probed(self, steps: Path) -> pd.DataFrame | None:
        """What probes found in hidden states; None where the study has none."""
        return read_probes([steps / step.folder_name for step in self.probes])

    def finals(self) -> tuple[Step, ...]:
        """The steps whose files the tables are read from."""
        tiers = [self.tiers] if self.tiers else []
        return (*self.evaluations, *tiers, *self.calibrations, *self.surprises, *self.probes)

    def logs(self) -> dict[tuple[str, ...], str]:
        """The evaluations' logs by what their rows are known by (``planb.report.evidence.LOGGED``)."""
        return {
            (
                *(step.labels[name] for name in ("model", "organism", "method")),
                step.evaluation.called,
                step.elicitation.title,
                str(step.seed),
            ): f"{step.folder_name}.eval"
            for step in self.evaluations
            if isinstance(step, EvaluationStep)
        }

    def whole(self, damaged: Mapping[str, str]) -> TableSources:
        """Without the steps of these identities, except for the tiers."""

        def kept(steps: tuple[Step, ...]) -> tuple[Step, ...]:
            return tuple(step for step in steps if step.identity() not in damaged)

        return self.but(
            evaluations=kept(self.evaluations),
            calibrations=kept(self.calibrations),
            surprises=kept(self.surprises),
            probes=kept(self.probes),
        )

    def bring(self, store: Store) -> None:
        """Have what the tables and the page are read from on this machine: no checkpoint is."""
        store.bring((*self.finals(), *(self.tiers.inputs() if self.tiers else ())))

    def told(self, story: Story, store: Store) -> Story:
        """The story with what is known of its judges, whose stored checks lie beside the studies, and
        with what other studies found of its organisms."""
        from planb.evals.calibration.result import find_calibration, read_calibration

        steps, studies = store.steps, store.steps.parents[1]
        stored = studies / "judges"
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
        settings = (*story.settings, *how_trained([step.policy for step in asked], _ran(store)))
        certified = _certified(studies, story)
        costly = story.series is not None and story.series.cost is not None
        return story.but(
            calibrations=tuple(known),
            data=data,
            settings=settings,
            certified=certified,
            spending=spending(asked, store) if costly else (),
        )


def _certified(studies: Path, story: Story) -> tuple[Certificate, ...]:
    """The certificates that other studies in the folder have of the story's organisms."""
    recipes = {one.recipe for one in story.organisms} - {""}
    found = [path for path in sorted(studies.glob(f"*/{FILE}")) if path.parent.name != story.study]
    return tuple(one for path in found for one in read_certificates(path) if one.recipe in recipes)


def together(parts: Sequence[TableSources]) -> TableSources:
    """The sources of several seeds as one; what is not of one seed is the same in all of them."""
    return parts[0].but(
        evaluations=tuple(step for part in parts for step in part.evaluations),
        surprises=tuple(step for part in parts for step in part.surprises),
        probes=tuple(step for part in parts for step in part.probes),
    )


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
    if not len(silent):
        return rows
    told = rows[KEY].astype(object)
    known = {name: measured_by(ALL_TASKS[name]).model_dump_json() for name in silent}
    return rows.assign(**{KEY: told.where(told != "", rows["task"].map(known)).astype("category")})


def _ran(store: Store) -> Callable[[CheckpointStep], Mapping[str, str]]:
    """How the training that made a checkpoint ran, by its manifest; empty where none did."""

    def ran(step: CheckpointStep) -> Mapping[str, str]:
        known = store.told(step)
        return known.ran if known else {}

    return ran


def how_trained(
    policies: Iterable[CheckpointStep], of: Callable[[CheckpointStep], Mapping[str, str]]
) -> list[tuple[str, str]]:
    """Settings of the page that the trainings behind these checkpoints say themselves: the "training
    precision" (a study with ``auto`` gets what the machine has), the "processor", and, where
    it is not all of them, the "trained weights" (an adapter's targets reach some of a model). []
    without trainings."""
    trained = {one.folder_name: one for policy in policies for one in policy.history}
    ran = {name: told for name, step in trained.items() if (told := of(step))}
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
