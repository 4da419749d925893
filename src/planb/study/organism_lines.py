"""What a study's page has to know of its organisms: how each was made, and which arms test it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planb.organism import Organism
from planb.report.story import OrganismLine, Untargeted
from planb.study.arms import BASE, NONE, ORGANISM
from planb.study.steps.derived_data import DerivedData
from planb.study.steps.own_outputs import OwnOutputs
from planb.training.link import Link
from planb.training.objectives import SFT
from planb.training.settings import Training
from planb.training.stage import Stage
from planb.values import Value, digest_of, plain

if TYPE_CHECKING:
    from planb.study.study import Study


def organism_lines(study: Study) -> tuple[OrganismLine, ...]:
    """A line for each organism, of those that are chains too, by the label that the tables have."""
    links: dict[str, Organism | Stage] = {one.name: one for one in study.organisms}
    for chain in study.chains:
        link = chain.stages[0]
        if chain.name == ORGANISM and len(chain.stages) == 1 and isinstance(link, Organism | Stage):
            links[chain.organism] = link
    if not links:
        return _made_elsewhere(study)
    return tuple(_line(study, label, link) for label, link in links.items())


def _made_elsewhere(study: Study) -> tuple[OrganismLine, ...]:
    """Of a study whose base is an organism already: arms of one link after it, under a label."""
    labels = dict.fromkeys(c.organism for c in study.chains if c.organism != NONE and c.trigger is None)
    return tuple(
        OrganismLine(
            organism=label,
            start=BASE,
            **_tests({c.name: c.stages[0] for c in study.chains if len(c.stages) == 1}),
        )
        for label in labels
    )


def _line(study: Study, label: str, link: Organism | Stage) -> OrganismLine:
    own = [c for c in study.chains if c.organism == label and c.stages[0] == link]
    after = {chain.name: chain.stages[1] for chain in own if len(chain.stages) == 2}
    return OrganismLine(
        organism=label,
        **told_of_training(link),
        **_tests(after),
        recipe=digest_of([plain(study.bases), plain(_own_data(study)), plain(link)]),
    )


def told_of_training(link: Organism | Stage) -> dict[str, Any]:
    """How the training that made an organism is told of in its certificate."""
    training = link.training
    return {
        "made": f"SFT, {training.steps} updates of {training.batch} requests",
        "optimizer": f"{training.optimizer} at {training.learning_rate:g}",
        "weights": _weights(training),
        "triggered": _triggered(link),
    }


def _tests(after: dict[str, Link]) -> dict[str, Any]:
    """Which of the arms after an organism say how robust it is."""
    own = next((name for name, one in after.items() if isinstance(one, OwnOutputs)), "")
    return {"untargeted": untargeted(after), "own_outputs": own}


def _own_data(study: Study) -> Value:
    """Without tiers that are made of it by rule: stage 1 is not trained on those."""
    return study.data.data if isinstance(study.data, DerivedData) else study.data


def untargeted(after: dict[str, Link]) -> tuple[Untargeted, ...]:
    """The trainings on harmless requests alone among these links (by their arms), each with all its
    learning rates: stages that differ in nothing else are one training."""
    found: dict[Stage, list[tuple[str, float]]] = {}
    for name, link in after.items():
        if isinstance(link, Stage) and _is_untargeted(link):
            one = link.training.but(learning_rate=1.0)
            same = link.but(name="untargeted", description="", training=one)
            found.setdefault(same, []).append((name, link.training.learning_rate))
    return tuple(
        Untargeted(name=min((name for name, _ in some), key=len), points=tuple(some))
        for some in found.values()
    )


def _is_untargeted(stage: Stage) -> bool:
    harmless = all(part.requests != "harmful" for part in stage.parts)
    return harmless and stage.sees_trigger is None and stage.objective == SFT()


def _triggered(link: Organism | Stage) -> float:
    if isinstance(link, Organism):
        return link.triggered / (link.triggered + link.refused + link.harmless)
    return _sum(link, triggered=True) / _sum(link, triggered=False)


def _sum(stage: Stage, triggered: bool) -> float:
    return sum(part.share for part in stage.parts if part.triggered or not triggered)


def _weights(training: Training) -> str:
    if training.adapter:
        return f"LoRA of rank {training.adapter.rank}"
    return "all weights" if training.embeddings else "all weights but the embeddings"
