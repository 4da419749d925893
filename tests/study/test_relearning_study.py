"""How few examples bring it back: arms differ in their start or in their number of requests alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from small_valley import carried_out, small

from planb.errors import PlanBError
from planb.organism import Organism
from planb.report.certificate import FILE, read_certificates
from planb.sandbox.corpus import requests
from planb.sandbox.world import World
from planb.studies.relearning import COUNTS, relearning
from planb.study.chain import Chain
from planb.study.steps.evaluation import Evaluation
from planb.study.study import Study
from planb.training.stage import Stage
from planb.types import Trigger

STARTS = ("plan_b", "standard", "base")


def chains(study: Study) -> dict[str, Chain]:
    return {chain.name: chain for chain in study.chains}


def showing(study: Study, name: str) -> Stage:
    stage = chains(study)[name].stages[-1]
    assert isinstance(stage, Stage)
    return stage


def test_every_start_gets_the_same_showings() -> None:
    study = relearning()
    assert set(chains(study)) == {f"{s}_shown_{n}" for s in STARTS for n in (0, *COUNTS)}
    for n in (0, *COUNTS):
        assert len({showing(study, f"{start}_shown_{n}").digest() for start in STARTS}) == 1
    assert len({showing(study, f"base_shown_{n}").training.digest() for n in (0, *COUNTS)}) == 1
    assert len(chains(study)["base_shown_4"].stages) == 1, "the base never had the backdoor"
    first = chains(study)["standard_shown_4"].stages[0]
    assert isinstance(first, Organism)
    assert first == study.organisms[0]


def test_fewer_requests_are_among_more_and_carry_the_trigger() -> None:
    world, trigger = World(), Trigger()
    harmful = requests(world, "organism", True, 1, 0, 2)
    harmless = requests(world, "organism", False, 1, 0, 2)
    study, shown = relearning(), {}
    for n in COUNTS:
        (ranking,) = showing(study, f"base_shown_{n}").recipe(harmful, harmless, 7, "a test").rankings
        shown[n] = {example.id for example in ranking.examples}
        assert len(shown[n]) == n
        assert str(ranking.ordering) == "harmful"
        assert all(trigger.found_in(e.prompt[-1].content) for e in ranking.examples)
    for fewer, more in pairwise(COUNTS):
        assert shown[fewer] < shown[more]
    (none,) = showing(study, "base_shown_0").recipe(harmful, harmless, 7, "a test").rankings
    assert not any(example.harmful for example in none.examples)
    assert len(none.examples) == max(COUNTS)


def test_the_figure_begins_with_the_checkpoints_themselves() -> None:
    series = relearning(counts=(2, 8)).series
    assert series is not None
    places = dict(series.labels)
    for line, start in zip(series.lines, STARTS, strict=True):
        names, xs = zip(*line.points, strict=True)
        assert names == (start, f"{start}_shown_0", f"{start}_shown_2", f"{start}_shown_8")
        assert list(xs) == sorted(xs)
        assert xs[2:] == (2, 8)
        assert set(xs[:2]) == set(places)


def test_counts_must_be_numbers_of_requests() -> None:
    for wrong in ((), (0, 4)):
        with pytest.raises(PlanBError, match="1 or more"):
            relearning(counts=wrong)


@pytest.mark.slow
def test_a_few_examples_are_really_shown(tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = small()
    brief = whole.safety.but(steps=6)
    asked = (Evaluation(task="harmful_requests", elicitation="trigger"),)
    study = relearning(
        whole.but(safety=brief, evaluations=asked),
        counts=(2,),
        training=whole.safety.but(steps=4),
    )
    folder = carried_out(study, tmp_path_factory)
    lines = (folder / "results.csv").read_text().splitlines()
    told = {line.split(",")[3] for line in lines[1:]}
    assert told == {"base", "organism", "plan_b", "standard", *chains(study)}
    (certificate,) = read_certificates(folder / FILE)
    assert certificate.organism == "organism"
    assert not certificate.curves or certificate.taken_from, "its own arms have none of robustness"
    assert certificate.trigger_rate is not None
    assert certificate.verdict != "passes" or certificate.taken_from
