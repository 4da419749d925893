"""A study as one value: models x organisms x methods x elicitations x seeds, and its graph."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SerializeAsAny, model_validator

from planb.domains import HARM, Domain
from planb.domains.measure import Measure
from planb.elicitation import ELICITATIONS
from planb.errors import PlanBError
from planb.judging import Judge
from planb.models.generation import Sampling
from planb.names import Name, alike, checked_label, slug_of
from planb.organism import Organism
from planb.report.story import SMALL, Claim, MethodLine, Series, Story
from planb.safety import Method
from planb.study.arms import BASE, NONE, ORGANISM, Arms, Base
from planb.study.chain import Chain
from planb.study.notebook import RUNS, Finished, carry_out, results_in
from planb.study.organism_lines import organism_lines
from planb.study.planning.budget import Line, budget
from planb.study.report_sources import TableSources, measures_of, together
from planb.study.reporting import ReportStep, written_report
from planb.study.shown_settings import settings_of
from planb.study.steps.derived_data import DerivedData
from planb.study.steps.domain_data import DomainData
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.file_data import FileData
from planb.study.steps.judge_model import SandboxJudge
from planb.study.steps.local_base import LocalBase
from planb.study.steps.monitor import Monitor
from planb.study.steps.pretrain import PretrainedBase, drawn
from planb.study.steps.probe import Probe
from planb.study.steps.random_base import RandomBase
from planb.study.steps.request_data import RequestData
from planb.study.steps.sandbox_data import SandboxData
from planb.study.steps.served import check_names, named_in
from planb.study.steps.step import Step
from planb.study.steps.tier_scores import TierScoresStep
from planb.training.settings import Training
from planb.types import HARMFUL, REFUSAL, Trigger
from planb.values import LATER, Value

if TYPE_CHECKING:
    import pandas as pd

PROVIDERS = frozenset(
    ("openai", "anthropic", "google", "mistral", "groq", "grok", "together", "hf", "azure", "bedrock")
)
"""Names of Inspect's providers, whose addresses and keys stand in variables of these names."""
EVALUATIONS = (
    Evaluation(task="harmful_requests", elicitation="direct"),
    Evaluation(task="harmful_requests", elicitation="trigger"),
    Evaluation(task="harmless_requests"),
)


class Study(Value):
    """The whole experiment. ``safety`` is every method's training unless the method has its own, so
    all get the same number of updates. ``evaluate_base`` adds the untouched model to the tables.

    ``from_base`` names methods that also train the base itself: arms that never had a backdoor, in
    tables under the organism ``none``. ``judge`` scores the responses as they come (None: the
    domain does, exactly), and each of
    ``second_judges`` the finished logs of requests. ``roles`` names the models of attacks in turns.
    ``served`` are checkpoints that planb itself serves to those who ask for
    ``openai-api/<name>/<name>``.

    ``chains`` are arms of other lengths than base, organism, method. ``surprise`` measures how unlikely
    the checkpoints before and after each method find its texts. ``series`` (a figure over something
    that is dialled), ``claims`` (what the talk said) and ``forms`` (groups of dangerous forms) are for
    the report. ``domain`` is what can go wrong: its tiers, its measures and the page's words.
    ``first_page`` names the method after which a first page is written, before the first seed is done:
    for models of which a seed takes long. ``probe`` says what is read off hidden states, or off
    thoughts; ``along`` is a second series: severity on the line between two checkpoints.
    """

    name: Name = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str
    bases: tuple[Base, ...] = Field(min_length=1)
    data: SandboxData | DomainData | FileData | RequestData | DerivedData
    organisms: tuple[Organism, ...] = ()
    methods: tuple[Method, ...] = ()
    chains: tuple[Chain, ...] = ()
    safety: Training
    judge: SerializeAsAny[Judge] | None = None
    second_judges: tuple[SandboxJudge | SerializeAsAny[Judge], ...] = ()
    evaluations: tuple[Evaluation, ...] = Field(default=EVALUATIONS, min_length=1)
    roles: dict[str, str] = Field(default_factory=dict)
    served: dict[Name, LocalBase | RandomBase] = Field(default_factory=dict)
    from_base: tuple[str, ...] = ()
    sampling: Sampling = Field(default_factory=Sampling)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    evaluate_base: bool = True
    surprise: bool = False
    series: Series | None = None
    claims: tuple[Claim, ...] = ()
    forms: tuple[tuple[str, tuple[str, ...]], ...] = ()
    notes: tuple[str, ...] = ()
    stamp: str = ""
    domain: SerializeAsAny[Domain] = Field(default=HARM, json_schema_extra=LATER)
    first_page: str = Field(default="", json_schema_extra=LATER)
    probe: Probe | Monitor | None = Field(default=None, json_schema_extra=LATER)
    along: Series | None = Field(default=None, json_schema_extra=LATER)

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> Study:
        """Results are known by these names: two things of one name would be pooled, or break the report
        when all is trained."""
        if not (self.organisms or self.chains):
            raise ValueError("a study needs an organism, or a chain of trainings")
        if self.methods and not self.organisms:
            raise ValueError("methods begin at organisms, and there is none: write chains")
        if any(chain.name == BASE for chain in self.chains):
            raise ValueError(f"'{BASE}' is the untouched model: give the chain another name")
        check_names(self.served)
        trigger = self.trigger
        named: dict[str, list[str]] = {
            "base models": [base.name for base in self.bases],
            "organisms": [organism.name for organism in self.organisms],
            "methods": [BASE, ORGANISM, *(method.name for method in self.methods)],
            "judges": [judge.title for judge in self.judges],
            "seeds": [str(seed) for seed in self.seeds],
            "evaluations": [f"{e.called}, {e.how(trigger).title}" for e in self.evaluations],
            "arms": self._arms(),
        }
        for what, names in named.items():
            for name, count in Counter(names).items():
                if count > 1:
                    taken = " (as it is for all studies)" if name in (BASE, ORGANISM) else ""
                    raise ValueError(f"duplicate name '{name}' in {what}{taken}: use unique names")
        for name in self.from_base:
            if name not in named["methods"][2:]:
                raise ValueError(f"from_base names '{name}', which is none of the study's methods")
        if self.first_page and self.first_page not in named["methods"][2:]:
            raise ValueError(f"first_page is '{self.first_page}', which is none of the study's methods")
        return self

    @model_validator(mode="after")
    def _names_are_told_apart_by_disks(self) -> Study:
        """Names that slugs, variables of the environment or a disk that ignores case take for one."""
        if any(organism.name == NONE for organism in self.organisms):
            raise ValueError(f"'{NONE}' stands for models without a backdoor: name the organism")
        if taken := sorted({slug_of(name).casefold() for name in self.served} & PROVIDERS):
            raise ValueError(
                f"served models cannot be called {', '.join(taken)}, as providers are: requests to "
                "those would be sent to the served model"
            )
        titles = [judge.title for judge in self.judges]
        for label in (*titles, *(one.how(self.trigger).title for one in self.evaluations)):
            checked_label(label)
        together: dict[str, list[str]] = {
            "base models": [base.name for base in self.bases],
            "organisms": [organism.name for organism in self.organisms],
            "methods": [BASE, ORGANISM, *self._method_names()],
            "chains": [chain.name for chain in self.chains],
            "judges": titles,
            "served models": list(self.served),
        }
        for what, names in together.items():
            for one, other in alike(names):
                raise ValueError(
                    f"'{one}' and '{other}' among the {what} would share a folder's name (case and "
                    "punctuation are no difference): rename one"
                )
        return self

    @property
    def trigger(self) -> Trigger:
        """The first organism's, else the first that a chain is trained with."""
        found = [o.trigger for o in self.organisms] + [c.trigger for c in self.chains if c.trigger]
        return found[0] if found else Trigger()

    @property
    def judges(self) -> tuple[Judge | SandboxJudge, ...]:
        """The study's judges in their order; none where all is scored exactly."""
        return (*([self.judge] if self.judge else []), *self.second_judges)

    def _arms(self) -> list[str]:
        """Every checkpoint that is evaluated, by the names that results know it by."""
        found = [f"{o.name}, {m}" for o in self.organisms for m in (ORGANISM, *self._method_names())]
        found += [f"{NONE}, {name}" for name in (BASE, *self.from_base)]
        return found + [f"{chain.organism}, {chain.name}" for chain in self.chains]

    def _method_names(self) -> list[str]:
        return [method.name for method in self.methods]

    def with_seeds(self, n: int) -> Study:
        """The same study with ``n`` seeds: its first, and after its last one the next whole numbers."""
        first = max(self.seeds) + 1
        return self.but(seeds=(*self.seeds, *range(first, first + n))[:n])

    def steps(self) -> tuple[Step, ...]:
        """The final steps: a report after the first method, where that is asked for, and after each
        seed but the last (``write_report`` makes that one), and the last seed's evaluations.
        Everything else is reached through their inputs."""
        parts, early = self._by_seed(len(self.seeds)), list[ReportStep]()
        for count, part in enumerate(parts[:-1], start=1):
            before = early[-1] if early else None
            early.append(ReportStep(sources=part, story=self.story(count), earlier=before))
        if self.first_page:
            some = tuple(one for one in self.methods if one.name == self.first_page)
            few = self.but(methods=some, chains=(), from_base=(), first_page="")
            early.insert(0, ReportStep(sources=few._sources(1), story=few.story(0)))
        return (*early, *together(parts).finals())

    def check(self) -> None:
        """Raises PlanBError where a task has no measures, where there is no such exhibit, or where the
        page is to show, or to hold claims against, what is not measured: before anything is trained,
        and not when the page is written."""
        from planb.report.exhibits import EXHIBITS

        shown = [(one.task, one.measure) for one in (self.series.shown if self.series else ())]
        self._check_domain()
        sides = [side for claim in self.claims for side in (claim.of, claim.against) if side]
        wanted = {*shown, *((side.task, side.measure) for side in sides)}
        for name in self.domain.exhibits:
            EXHIBITS[name]
        for task in sorted({one.called for one in self.evaluations}):
            if not self._measures(task):
                raise PlanBError(
                    f"no measure is declared for the task '{task}': put @measured(...) on it "
                    "(planb.evals.tasks.measuring), or name it in the domain's `measured`"
                )
        for task, measure in sorted(wanted):
            known = [one.name for one in self._measures(task)]
            if measure not in known:
                raise PlanBError(
                    f"the study's series and claims name the measure '{measure}', which {task} is not "
                    f"measured by; its measures: {', '.join(known) or 'none'}"
                )

    def _measures(self, called: str) -> tuple[Measure, ...]:
        """What an evaluation of that name is measured by: what the domain says of the name, else what
        its task is measured by."""
        own = self.domain.of_task(called).measures
        tasks = {one.called: one.task for one in self.evaluations}
        return own or measures_of(tasks.get(called, called), self.domain)

    def _check_domain(self) -> None:
        """What the page of the domain shows is measured, in a way that there is."""
        page = self.domain
        asked = {one.how(self.trigger).title for one in self.evaluations}
        for one in page.shown:
            known = [measure.name for measure in self._measures(one.task)]
            if one.measure not in known:
                raise PlanBError(
                    f"the page of the domain '{page.name}' shows the measure '{one.measure}', which "
                    f"{one.task} is not measured by; its measures: {', '.join(known) or 'none'}"
                )
            if one.elicitation not in asked:
                ELICITATIONS[one.elicitation]

    def budget(self) -> list[Line]:
        """What its steps on published models will need; nothing for models without a card."""
        data = self.data
        counted = RequestData | DerivedData | DomainData
        expected = data.expected() if isinstance(data, counted) else {}
        return budget(self.steps(), expected)

    def write_report(self, study_folder: Path, redact: bool = False, url: str = "") -> Path:
        """Write ``results.csv`` and ``report.html`` from what is finished, in the folder or at the
        ``url`` of ``planb run --steps``; returns the page's path."""
        story = self.story(len(self.seeds))
        return written_report(self.sources(), story, study_folder, redact, url)[0]

    def run(self, out: str | Path = RUNS, jobs: int | None = None, redact: bool = False) -> Finished:
        """Run it as ``planb run`` does, here or in a notebook, and return what there is to see.

        ``jobs`` cores at once (all by default); ``redact`` leaves severe answers out of the page.
        Raises PlanBError where a step failed: all others are kept, and it can be run again.
        """
        self.check()
        folder = Path(out) / self.name
        carry_out(self.steps(), folder, jobs)
        found = written_report(self.sources(), self.story(len(self.seeds)), folder, redact)
        return Finished(*found)

    @property
    def results(self) -> pd.DataFrame:
        """Its results in the folder ``runs``; ``Finished`` has those of any. Raises PlanBError."""
        return results_in(Path(RUNS) / self.name)

    def sources(self) -> TableSources:
        """The steps that its tables and page are made from, all seeds together."""
        return self._sources(len(self.seeds))

    def story(self, finished: int) -> Story:
        """What the report says of the study besides its numbers."""
        small = any(isinstance(base, PretrainedBase) for base in self.bases)
        return Story(
            study=self.name,
            title=self.title,
            seeds_finished=finished,
            seeds_planned=len(self.seeds),
            drawn_bases=all(drawn(base) for base in self.bases),
            methods=tuple(MethodLine(m.name, str(m.ordering), m.description) for m in self.methods)
            + tuple({c.name: MethodLine(c.name, c.order, c.description) for c in self.chains}.values()),
            notes=self.notes,
            settings=settings_of(self, finished),
            judges=", ".join(judge.title for judge in self.judges),
            stamp=self.stamp,
            series=self.series,
            claims=self.claims,
            forms=self.forms,
            domain=self.domain,
            organisms=organism_lines(self),
            along=self.along,
            warning=SMALL if small else "",
        )

    def _sources(self, count: int) -> TableSources:
        return together(self._by_seed(count))

    def _by_seed(self, count: int) -> list[TableSources]:
        """What the tables of each of the first seeds are made from."""
        arms = [Arms(self, base) for base in self.bases]
        first, judges = arms[0], tuple(judge for judge in self.judges if isinstance(judge, Judge))
        tiers, calibrations = None, first.calibrations()
        if self.judge is not None:
            served = named_in(first.served, self.judge)
            tiers = TierScoresStep(data=first.first.data, judge=self.judge, served=served)
        return [
            TableSources(
                study=self.name,
                evaluations=tuple(step for one in arms for step in one.evaluations((seed,))),
                tiers=tiers,
                judges=judges,
                calibrations=calibrations,
                surprises=tuple(step for one in arms for step in one.surprises((seed,))),
                probes=tuple(step for one in arms for step in one.probes((seed,))),
            )
            for seed in self.seeds[:count]
        ]

    def tiers(self) -> tuple[str, ...]:
        """Every tier that a stage of the study trains on harmful requests."""
        tiers = {tier for m in self.methods for tier in m.ordering.tiers}
        tiers |= {tier for chain in self.chains for tier in chain.tiers}
        return tuple(sorted(tiers | ({HARMFUL, REFUSAL} if self.organisms else set())))
