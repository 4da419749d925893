"""One base model's arms: its organisms, every method on them, and all evaluations of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import SerializeAsAny

from planb.elicitation import Elicitation
from planb.errors import PlanBError
from planb.judging import Exact
from planb.organism import Organism
from planb.safety import Method
from planb.study.chain import Chain
from planb.study.steps.calibration import CalibrationStep
from planb.study.steps.checkpoint import CheckpointStep, Given
from planb.study.steps.derived_data import DerivedData
from planb.study.steps.evaluation import Evaluation, EvaluationStep, PairPromptsStep
from planb.study.steps.guarded import GuardedEvaluation
from planb.study.steps.hosted_base import HostedBase
from planb.study.steps.judge_model import SandboxJudge
from planb.study.steps.judgement import JudgementStep
from planb.study.steps.links import link_step
from planb.study.steps.local_base import LocalBase
from planb.study.steps.monitor import Monitor, MonitorStep, monitored
from planb.study.steps.pretrain import PretrainedBase, drawn
from planb.study.steps.probe import ProbeStep
from planb.study.steps.random_base import RandomBase
from planb.study.steps.sandbox_data import SandboxData
from planb.study.steps.served import named_in
from planb.study.steps.step import Step
from planb.study.steps.surprise import SurpriseStep
from planb.training.link import Link
from planb.types import Trigger

if TYPE_CHECKING:
    from planb.study.study import Study

Base = SerializeAsAny[PretrainedBase] | LocalBase | HostedBase | RandomBase
BASE, ORGANISM, NONE = "base", "organism", "none"
"""Methods of checkpoints that no method made, and the organism of arms that never had a backdoor."""
PAIR, PAIR_STATIC = "pair", "pair_static"


class Beginning(NamedTuple):
    """A base's step, and that of the data, which hold what the base itself says (its refusals)."""

    base: CheckpointStep
    data: Step


class _Probed(NamedTuple):
    """A checkpoint, and the labels, trigger and guard that its evaluations have."""

    policy: CheckpointStep
    labels: dict[str, str]
    trigger: Trigger
    guard: Mapping[str, Any] = MappingProxyType({})


class Arms:
    """The steps of a study that begin at one of its bases."""

    def __init__(self, study: Study, base: Base) -> None:
        data = study.data.data if isinstance(study.data, DerivedData) else study.data
        if isinstance(base, HostedBase) and isinstance(data, SandboxData):
            raise PlanBError(
                f"the host of '{base.name}' trains chats only, and the sandbox's data hold plain text "
                "and the base's own refusals: give the study files (FileData)"
            )
        self.study, self.model, self.start = study, base.name, base
        self.drawn = drawn(base)
        self._began: dict[int | None, Beginning] = {}
        self.served = {name: one.step() for name, one in study.served.items()}
        self.trigger = study.trigger
        self.untouched = {"model": base.name, "organism": NONE, "method": BASE}

    def at(self, seed: int) -> Beginning:
        """The base that a seed begins at, and the data that go with it."""
        key = seed if self.drawn else None
        if key not in self._began:
            start = self.start
            base = (start.drawn_by(seed) if isinstance(start, PretrainedBase) else start).step()
            self._began[key] = Beginning(base, self.study.data.step(base, self.study.tiers()))
        return self._began[key]

    @property
    def first(self) -> Beginning:
        """That of the study's first seed: for what all its seeds have in common."""
        return self.at(self.study.seeds[0])

    def evaluations(self, seeds: Sequence[int]) -> list[Step]:
        """Seed by seed of the base, the organisms and what the methods made; of a base that all seeds
        share, once."""
        study, found = self.study, list[Step]()
        for seed in seeds:
            base = self.at(seed).base
            if study.evaluate_base and (self.drawn or seed == study.seeds[0]):
                found += self._asked(base, self.untouched, self.trigger, seed)
            for organism in study.organisms:
                found += self._branch(organism, seed)
            labels = {"model": self.model, "organism": NONE}
            clean = [method for method in study.methods if method.name in study.from_base]
            found += self._trained(base, labels, clean, self.trigger, seed)
            for chain in study.chains:
                trigger = chain.trigger or self.trigger
                labels = {"model": self.model, "organism": chain.organism, "method": chain.name}
                last = self._chained(chain, seed)[-1]
                found += self._asked(last, labels, trigger, seed, self._guard(chain, seed))
        return found

    def surprises(self, seeds: Sequence[int]) -> tuple[Step, ...]:
        """What the checkpoints before and after each method find of its texts, if measured."""
        if not self.study.surprise:
            return ()
        found: list[Step] = []
        for seed in seeds:
            for organism in self.study.organisms:
                start = self._link(organism, self.at(seed).base, organism.trigger, seed)
                for method in self.study.methods:
                    after = self._link(method, start, organism.trigger, seed)
                    found += self._surprised(start, after, method, organism.name, method.name, seed)
            for chain in self.study.chains:
                last = chain.stages[-1]
                if isinstance(last, Method):
                    before, after = self._chained(chain, seed)[-2:]
                    found += self._surprised(before, after, last, chain.organism, chain.name, seed)
        return tuple(found)

    def probes(self, seeds: Sequence[int]) -> tuple[Step, ...]:
        """What is read off hidden states of the base, the organisms and the arms that are probed."""
        study, found = self.study, list[Step]()
        if study.probe is None:
            return ()
        for seed in seeds:
            found += [self._probe(probed, seed) for probed in self._probed(seed)]
        return tuple(found)

    def _probed(self, seed: int) -> list[_Probed]:
        """The base, the organisms and the arms that are probed, each as its evaluations ask it."""
        study, base = self.study, self.at(seed).base
        arms = study.probe.arms if study.probe else ()
        probed = [_Probed(base, self.untouched, self.trigger)]
        for organism in study.organisms:
            start = self._link(organism, base, organism.trigger, seed)
            labels = {"model": self.model, "organism": organism.name}
            trigger = organism.trigger
            probed.append(_Probed(start, {**labels, "method": ORGANISM}, trigger))
            for method in (one for one in study.methods if one.name in arms):
                made = self._link(method, start, organism.trigger, seed)
                probed.append(_Probed(made, {**labels, "method": method.name}, trigger))
        for chain in (one for one in study.chains if one.name in arms):
            labels = {"model": self.model, "organism": chain.organism, "method": chain.name}
            made = self._chained(chain, seed)[-1]
            guard = self._guard(chain, seed)
            probed.append(_Probed(made, labels, chain.trigger or self.trigger, guard))
        return probed

    def _guard(self, chain: Chain, seed: int) -> dict[str, Any]:
        """What a chain's answers are decoded beside, if anything."""
        if not chain.decoding:
            return {}
        return {"reference": self._chained(chain, seed)[0], "decoding": chain.decoding}

    def _probe(self, probed: _Probed, seed: int) -> Step:
        """Of a checkpoint's hidden states, or of the thoughts that its evaluations hold."""
        probe, (policy, labels, trigger, guard) = self.study.probe, probed
        assert probe is not None
        if isinstance(probe, Monitor):
            asked = [
                self._evaluation(policy, _of_all(one), labels, trigger, seed, guard)
                for one in monitored(probe, self.study.evaluations)
            ]
            return MonitorStep(
                policy=policy,
                triggered=asked[0],
                plain=asked[1],
                monitor=probe.but(arms=()),
                labels=labels,
                seed=seed,
            )
        return ProbeStep(
            policy=policy,
            data=self.at(seed).data,
            probe=probe.but(arms=()),
            labels=labels,
            seed=seed,
        )

    def calibrations(self) -> tuple[Step, ...]:
        """The checks of the judges that are trained here."""
        exact = self.study.judge
        trained = [judge for judge in self.study.second_judges if isinstance(judge, SandboxJudge)]
        if not trained:
            return ()
        if not isinstance(exact, Exact):
            raise PlanBError("a judge of the sandbox can only be used beside the exact judge")
        return tuple(
            CalibrationStep(
                judge=one.asked, model=one.step(self.first.base), data=self.first.data, exact=exact
            )
            for one in trained
        )

    def _branch(self, organism: Organism, seed: int) -> list[Step]:
        """The organism of one seed, every method on it, and all their evaluations."""
        start = self._link(organism, self.at(seed).base, organism.trigger, seed)
        labels, trigger = {"model": self.model, "organism": organism.name}, organism.trigger
        asked = self._asked(start, {**labels, "method": ORGANISM}, trigger, seed)
        return [*asked, *self._trained(start, labels, self.study.methods, trigger, seed)]

    def _trained(
        self,
        start: CheckpointStep,
        labels: dict[str, str],
        methods: Sequence[Method],
        trigger: Trigger,
        seed: int,
    ) -> list[Step]:
        """The evaluations of ``start`` after each method."""
        found: list[Step] = []
        for method in methods:
            trained = self._link(method, start, trigger, seed)
            found += self._asked(trained, {**labels, "method": method.name}, trigger, seed)
        return found

    def _link(self, link: Link, start: CheckpointStep, trigger: Trigger, seed: int) -> CheckpointStep:
        return link_step(link, start, self._given(seed, trigger))

    def _chained(self, chain: Chain, seed: int) -> list[CheckpointStep]:
        """A step for the base, and for each link of a chain."""
        trigger = chain.trigger or self.trigger
        return chain.steps(self.at(seed).base, self._given(seed, trigger))

    def _given(self, seed: int, trigger: Trigger) -> Given:
        study = self.study
        return Given(self.at(seed).data, study.safety, trigger, seed, study.judge)

    def _surprised(
        self,
        before: CheckpointStep,
        after: CheckpointStep,
        method: Method,
        organism: str,
        called: str,
        seed: int,
    ) -> list[Step]:
        labels = {"model": self.model, "organism": organism, "method": called}

        def of(policy: CheckpointStep, when: Literal["before", "after"]) -> Step:
            return SurpriseStep(
                policy=policy,
                data=self.at(seed).data,
                method=method,
                labels=labels,
                when=when,
                seed=seed,
            )

        return [of(before, "before"), of(after, "after")]

    def _asked(
        self,
        policy: CheckpointStep,
        labels: dict[str, str],
        trigger: Trigger,
        seed: int,
        guard: Mapping[str, Any] | None = None,
    ) -> list[Step]:
        """All evaluations of one checkpoint, and the further judges' scores. ``guard``: how it is
        decoded beside another."""
        evaluations = self.study.evaluations
        asked = [
            self._evaluation(policy, _of_all(one), labels, trigger, seed, guard)
            for one in evaluations
            if one.asks(labels)
        ]
        again = [
            JudgementStep(evaluation=step, judge=judge.asked, model=judge.step(self.first.base))
            if isinstance(judge, SandboxJudge)
            else JudgementStep(evaluation=step, judge=judge, served=named_in(self.served, judge))
            for judge in self.study.second_judges
            for step in asked
            if step.judged_again
        ]
        return [*asked, *again]

    def _evaluation(
        self,
        policy: CheckpointStep,
        asked: Evaluation,
        labels: dict[str, str],
        trigger: Trigger,
        seed: int,
        guard: Mapping[str, Any] | None = None,
    ) -> EvaluationStep:
        how, guard = asked.how(trigger), guard or {}
        return (GuardedEvaluation if guard else EvaluationStep)(
            **guard,
            policy=policy,
            data=self.at(seed).data,
            evaluation=asked,
            elicitation=how,
            judge=self.study.judge,
            sampling=self.study.sampling,
            roles=self._roles(how),
            files=self._prompts() if how.name == PAIR_STATIC else (),
            served=named_in(self.served, self.study.judge, self._roles(how), asked.options),
            labels=labels,
            seed=seed,
        )

    def _roles(self, how: Elicitation) -> dict[str, str]:
        return self.study.roles if how.multi_turn else {}

    def _prompts(self) -> tuple[Step, ...]:
        """What the study's own PAIR finds against the untouched base, if the study has one."""
        evaluations, first = self.study.evaluations, self.study.seeds[0]
        found = [one for one in evaluations if one.how(self.trigger).name == PAIR]
        asked = [
            self._evaluation(self.first.base, _of_all(one), self.untouched, self.trigger, first)
            for one in found[:1]
        ]
        return tuple(PairPromptsStep(evaluation=step) for step in asked)


def _of_all(evaluation: Evaluation) -> Evaluation:
    """As its step holds it: whom else it asks is no part of it."""
    return evaluation.but(of_methods=(), of_organisms=())
