"""A study as one value: models x organisms x methods x ways of asking x seeds, and its graph."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import Field, SerializeAsAny, model_validator

from planb.elicitation import Elicitation
from planb.elicitation.direct import Direct
from planb.elicitation.trigger import TriggerElicitation
from planb.judging import Judge
from planb.models.generation import Sampling
from planb.organism import Organism
from planb.report.story import MethodLine, Story
from planb.safety import Method
from planb.study.bases import LocalBase, SandboxBase
from planb.study.data import FileData, SandboxData
from planb.study.reporting import ReportStep, TableSources, written_report
from planb.study.step import Step
from planb.study.steps import EvaluationStep, MethodStep, OrganismStep, TierScoresStep, described
from planb.training.settings import Training
from planb.types import HARMFUL, REFUSAL, Trigger, Value

BASE, ORGANISM = "base", "organism"


class Evaluation(Value):
    """One task under one elicitation. ``"trigger"`` takes each organism's own trigger."""

    task: Literal["harmful_requests", "harmless_requests", "recall"]
    elicitation: Literal["direct", "trigger"] | SerializeAsAny[Elicitation] = "direct"
    split: str = "evaluation"

    def how(self, trigger: Trigger) -> Elicitation:
        if self.elicitation == "direct":
            return Direct()
        if self.elicitation == "trigger":
            return TriggerElicitation(trigger=trigger)
        assert isinstance(self.elicitation, Elicitation)
        return self.elicitation


EVALUATIONS = (
    Evaluation(task="harmful_requests", elicitation="direct"),
    Evaluation(task="harmful_requests", elicitation="trigger"),
    Evaluation(task="harmless_requests"),
)


class Study(Value):
    """The whole experiment. ``safety`` is every method's training unless the method has its own, so
    all get the same number of updates. ``evaluate_base`` adds the untouched model to the tables."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str
    bases: tuple[SandboxBase | LocalBase, ...] = Field(min_length=1)
    data: SandboxData | FileData
    organisms: tuple[Organism, ...] = Field(min_length=1)
    methods: tuple[Method, ...] = Field(min_length=1)
    safety: Training
    judge: SerializeAsAny[Judge]
    evaluations: tuple[Evaluation, ...] = EVALUATIONS
    sampling: Sampling = Field(default_factory=Sampling)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    evaluate_base: bool = True
    notes: tuple[str, ...] = ()
    stamp: str = ""

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> Study:
        """Results are known by these names: two things of one name would be pooled, or break the report
        when all is trained."""
        trigger = self.organisms[0].trigger
        named: dict[str, list[str]] = {
            "base models": [base.name for base in self.bases],
            "organisms": [organism.name for organism in self.organisms],
            "methods": [BASE, ORGANISM, *(method.name for method in self.methods)],
            "seeds": [str(seed) for seed in self.seeds],
            "evaluations": [f"{e.task}, {e.how(trigger).name}" for e in self.evaluations],
        }
        for what, names in named.items():
            for name, count in Counter(names).items():
                if count > 1:
                    taken = " (as it is for all studies)" if name in (BASE, ORGANISM) else ""
                    raise ValueError(
                        f"'{name}' stands twice among the {what}{taken}: give each its own"
                    )
        return self

    def with_seeds(self, n: int) -> Study:
        """The same study with its first ``n`` seeds."""
        return self.model_copy(update={"seeds": self.seeds[:n]})

    def steps(self) -> tuple[Step, ...]:
        """The final steps: a report after each seed but the last (``write_report`` makes that one),
        and the last seed's evaluations. Everything else is reached through their inputs."""
        early = tuple(
            ReportStep(sources=self._sources(count), story=self.story(count))
            for count in range(1, len(self.seeds))
        )
        whole = self._sources(len(self.seeds))
        return (*early, *whole.evaluations, whole.tiers)

    def write_report(self, study_folder: Path, show_severe: bool = False) -> Path:
        """Write ``results.csv`` and ``report.html`` from what is finished; returns the page's path."""
        sources, story = self._sources(len(self.seeds)), self.story(len(self.seeds))
        return written_report(sources, story, study_folder, show_severe)

    def story(self, finished: int) -> Story:
        """What the report says of the study besides its numbers."""
        settings = [("model", ", ".join(base.name for base in self.bases))]
        for base in self.bases:
            if isinstance(base, SandboxBase):
                settings.append((f"pretraining of {base.name}", described(base.training)))
        for organism in self.organisms:
            trigger = organism.trigger
            settings.append((f"stage 1 ({organism.name})", described(organism.training)))
            settings.append((f"trigger of {organism.name}", f"{trigger.text} ({trigger.place})"))
        settings.append(("stage 2 (every method)", described(self.safety)))
        for method in self.methods:
            if method.training is not None:
                settings.append((f"stage 2 of {method.name}", described(method.training)))
        objectives = sorted({str(m.objective.__class__.__name__) for m in self.methods})
        sampling = self.sampling
        settings += [
            ("objective", ", ".join(objectives)),
            ("harmless rows a batch", ", ".join(sorted({f"{m.harmless:.0%}" for m in self.methods}))),
            ("sampling", f"temperature {sampling.temperature:g}, {sampling.max_new_tokens} new tokens"),
            ("seeds", "stage 1, stage 2 and sampling; the base model and the data are shared"),
        ]
        return Story(
            study=self.name,
            title=self.title,
            seeds_finished=finished,
            seeds_planned=len(self.seeds),
            methods=tuple(MethodLine(m.name, str(m.ordering), m.description) for m in self.methods),
            notes=self.notes,
            settings=tuple(settings),
            judges=self.judge.name,
            stamp=self.stamp,
        )

    def _sources(self, count: int) -> TableSources:
        evaluations: list[Step] = []
        tiers: list[Step] = []
        for base in self.bases:
            base_step = base.step()
            data = self.data.step(base_step, self._tiers())
            tiers.append(TierScoresStep(data=data, judge=self.judge))
            if self.evaluate_base:
                first = self.organisms[0]
                labels = {"model": base.name, "organism": "none", "method": BASE}
                evaluations += self._asked(base_step, data, labels, first.trigger, self.seeds[0])
            for seed in self.seeds[:count]:
                for organism in self.organisms:
                    evaluations += self._branch(base.name, base_step, data, organism, seed)
        return TableSources(study=self.name, evaluations=tuple(evaluations), tiers=tiers[0])

    def _branch(self, model: str, base: Step, data: Step, organism: Organism, seed: int) -> list[Step]:
        """The organism of one seed, every method on it, and all their evaluations."""
        start = OrganismStep(base=base, data=data, organism=organism, seed=seed)
        labels = {"model": model, "organism": organism.name}
        evaluations = self._asked(start, data, {**labels, "method": ORGANISM}, organism.trigger, seed)
        for method in self.methods:
            trained = MethodStep(
                start=start,
                data=data,
                method=method,
                training=method.training or self.safety,
                trigger=organism.trigger,
                seed=seed,
            )
            named = {**labels, "method": method.name}
            evaluations += self._asked(trained, data, named, organism.trigger, seed)
        return evaluations

    def _asked(
        self, policy: Step, data: Step, labels: dict[str, str], trigger: Trigger, seed: int
    ) -> list[Step]:
        return [
            EvaluationStep(
                policy=policy,
                data=data,
                task=evaluation.task,
                elicitation=evaluation.how(trigger),
                judge=self.judge,
                sampling=self.sampling,
                split=evaluation.split,
                labels=labels,
                seed=seed,
            )
            for evaluation in self.evaluations
        ]

    def _tiers(self) -> tuple[str, ...]:
        """Every tier that a stage of the study trains on harmful requests."""
        tiers = {HARMFUL, REFUSAL, *(tier for m in self.methods for tier in m.ordering.tiers)}
        return tuple(sorted(tiers))
