"""Finished evaluations -> tables and the page: after each seed, and with `planb report`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from planb.data.tables import read_csv
from planb.errors import PlanBError
from planb.report.story import Story
from planb.study.planning.graph import Graph
from planb.study.report_sources import TableSources, together
from planb.study.steps.step import Step, Work, identities_once
from planb.study.store.backends import checked_url, opened
from planb.study.store.store import DamagedError, Store

if TYPE_CHECKING:
    from planb.report.evidence import Exhibit

MOST_NAMED = 10
"""So many damaged steps are named."""
PUBLISHED = (
    *("results.csv", "differences.csv", "claims.csv", "certificates.json", "surprise.csv"),
    "report.html",
)
FOLDERS = ("figures", "tables")


class ReportStep(Step):
    """The report as it stands after some of the seeds, or (0) after one method of the first.

    ``sources`` are one seed's, and ``earlier`` is the report of those before it. (With all seeds'
    sources in each, a plan would grow with the square of the seeds.)"""

    kind: ClassVar[str] = "report"
    sources: TableSources
    story: Story
    earlier: ReportStep | None = None

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
        earlier = (self.earlier,) if self.earlier else ()
        return (*earlier, *self.sources.finals())

    def whole(self) -> TableSources:
        """The sources of all seeds so far."""
        parts, step = [self.sources], self.earlier
        while step is not None:
            parts.append(step.sources)
            step = step.earlier
        return together(parts[::-1])

    def run(self, work: Work) -> None:
        from planb.report.page import write_report

        own, steps = self.whole(), work.steps
        store = opened(steps, work.url)
        own.bring(store)
        rows, tiers, surprises = own.rows(steps), own.tier_scores(steps), own.surprising(steps)
        story = own.told(self.story, store)
        write_report(
            rows,
            tiers,
            story,
            work.out,
            redact=True,
            surprises=surprises,
            probes=own.probed(steps),
            logs=own.logs(),
        )

    def publish(self, out: Path, study_folder: Path) -> None:
        """Into the study's folder, unless a report of more trained models is there already."""
        if _arms_in(study_folder / "results.csv") > _arms_in(out / "results.csv"):
            return
        study_folder.mkdir(parents=True, exist_ok=True)
        for name in (*PUBLISHED, *FOLDERS):
            source, target = out / name, study_folder / name
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            elif source.exists():
                scratch = target.with_name(f".{name}.tmp")
                shutil.copyfile(source, scratch)
                scratch.replace(target)


def written_report(
    sources: TableSources, story: Story, study_folder: Path, redact: bool, url: str = ""
) -> tuple[Path, dict[str, Exhibit]]:
    """Write tables and page into ``study_folder`` now, in this process; the page's path and exhibits.

    What lies at the ``url`` only is brought. Every finished step that they are made from is compared
    with its manifest first. Raises ``DamagedStepsError`` where one is damaged, when tables and page of
    the others are written.
    """
    from planb.report.page import write_report
    from planb.study.labelling import stored_labels

    steps, page = study_folder / "steps", study_folder / "report.html"
    store = opened(steps, checked_url(url))
    with identities_once():
        sources.bring(store)
        damaged = _damaged(sources, steps)
        whole = sources.whole(damaged)
        if not whole.evaluations:
            raise DamagedStepsError(damaged, None)
        rows, surprises = whole.rows(steps), whole.surprising(steps)
        lost = sources.tiers is not None and sources.tiers.identity() in damaged
        tiers = None if lost else sources.tier_scores(steps)
        story, logs = _without(whole.told(story, store), sources, damaged), whole.logs()
    exhibits = write_report(
        rows,
        tiers,
        story,
        study_folder,
        redact=redact,
        surprises=surprises,
        probes=whole.probed(steps),
        labels=stored_labels(study_folder),
        logs=logs,
    )
    if damaged:
        raise DamagedStepsError(damaged, page)
    return page, exhibits


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


def _arms_in(results: Path) -> int:
    """How many models the table is about: each seed of each method."""
    if not results.exists():
        return 0
    arm = ["model", "organism", "method", "seed"]
    return len(read_csv(results, arm)[arm].drop_duplicates())
