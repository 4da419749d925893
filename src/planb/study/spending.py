"""What the arms of a study cost, from the manifests of their steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from planb.report.story import Spending
from planb.study.arms import ORGANISM
from planb.study.steps.checkpoint import CheckpointStep
from planb.study.steps.evaluation import EvaluationStep
from planb.study.steps.step import Step
from planb.study.store.manifest import Manifest
from planb.study.store.store import Store

Arm = tuple[str, str, str]


def spending(evaluations: Iterable[EvaluationStep], store: Store) -> tuple[Spending, ...]:
    """An entry an arm, the mean over its seeds; () where a manifest does not say what was spent, or
    cannot be read."""

    def spent(some: Iterable[Step]) -> list[Manifest] | None:
        known = [store.told(step) for step in some]
        found = [one for one in known if one and one.cpu_seconds]
        return found if len(found) == len(known) else None

    evaluations = list(evaluations)
    plain = {s.policy.folder_name for s in evaluations if s.labels["method"] == ORGANISM}
    of_arm: dict[Arm, dict[int, list[EvaluationStep]]] = defaultdict(lambda: defaultdict(list))
    for step in evaluations:
        arm = (step.labels["model"], step.labels["organism"], step.labels["method"])
        of_arm[arm][step.seed].append(step)
    found = []
    for arm, by_seed in of_arm.items():
        asked = spent(step for some in by_seed.values() for step in some)
        made = spent(one for some in by_seed.values() for one in _made(some[0].policy, plain))
        if asked is None or made is None:
            return ()
        found.append(
            Spending(
                model=arm[0],
                organism=arm[1],
                method=arm[2],
                making=sum(one.cpu_seconds for one in made) / len(by_seed),
                answering=sum(one.cpu_seconds for one in asked) / len(by_seed),
                memory=max((one.memory for one in (*made, *asked)), default=0),
            )
        )
    return tuple(found)


def _made(policy: CheckpointStep, plain: Collection[str]) -> list[CheckpointStep]:
    """The links after the base, but for a stage 1 that is a panel's organism itself."""
    return [step for step in policy.history[1:] if step.folder_name not in plain]
