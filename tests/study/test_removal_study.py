"""Removed or suppressed: arms differ in their start, steps and requests alone; probes see no trigger
of the test."""

from __future__ import annotations

import pytest
from small_valley import carried_out, small

from planb.data.tables import read_table
from planb.errors import PlanBError
from planb.organism import Organism
from planb.safety import Method
from planb.studies.removal import CONTROLS, SHARES, STEPS, TRIGGERS, removal
from planb.study.chain import Chain
from planb.study.planning.graph import Graph
from planb.study.steps.interpolation import Interpolation
from planb.study.steps.probe import PROBED, Probe, ProbeStep
from planb.study.study import Study
from planb.training.stage import Stage
from planb.types import Trigger

TREATED = ("plan_b", "standard", "crow")


def chains(study: Study) -> dict[str, Chain]:
    return {chain.name: chain for chain in study.chains}


def stage(chain: Chain) -> Stage:
    last = chain.stages[-1]
    assert isinstance(last, Stage)
    return last


def test_every_start_returns_alike_and_the_base_sees_the_same_few_examples() -> None:
    found = chains(removal())
    for n in STEPS:
        for kind in ("few", "benign"):
            assert len({stage(found[f"{start}_{kind}_{n}"]).digest() for start in TREATED}) == 1
        few, benign = stage(found[f"plan_b_few_{n}"]), stage(found[f"plan_b_benign_{n}"])
        assert few == stage(found[f"base_few_{n}"])
        assert len(found[f"base_few_{n}"].stages) == 1
        assert f"base_benign_{n}" not in found
        assert few.training == benign.training
        assert few.training.steps == n
        assert few.sees_trigger == Trigger(text=TRIGGERS[0])
        assert benign.sees_trigger is None
        assert not benign.harmful_tiers
        brief = found[f"plan_b_for_{n}"].stages[-1]
        assert isinstance(brief, Method)
        assert brief.training == few.training, "unlearning has as many updates as relearning"


def test_the_line_goes_back_to_the_organism_in_tenths() -> None:
    study = removal()
    found = chains(study)
    for start in TREATED:
        links = [found[f"{start}_back_{share:.0%}".rstrip("%")].stages[-1] for share in SHARES]
        shares = [link.share for link in links if isinstance(link, Interpolation)]
        assert shares == pytest.approx([tenth / 10 for tenth in range(1, 10)])
        assert {link.back_to for link in links if isinstance(link, Interpolation)} == {"several"}
    assert study.along is not None
    for line in study.along.lines:
        assert len(line.points) == 11
        assert line.points[-1] == ("organism", 1.0)


def test_probes_read_the_models_themselves_with_triggers_that_they_were_not_fitted_on() -> None:
    study = removal().with_seeds(1)
    probed = [node.step for node in Graph(study.steps()) if isinstance(node.step, ProbeStep)]
    assert {step.labels["method"] for step in probed} == {"base", "organism", *TREATED}
    (probe,) = {step.probe for step in probed}
    (organism,) = study.organisms
    assert isinstance(organism, Organism)
    assert {one.text for one in probe.triggers} == {one.text for one in organism.triggers}
    assert probe.triggers[0] == organism.trigger
    assert [one.text for one in probe.controls] == list(CONTROLS)


def test_what_cannot_be_is_refused_in_words() -> None:
    with pytest.raises(PlanBError, match="1 or more"):
        removal(steps=(0, 4))
    with pytest.raises(PlanBError, match="need as many controls"):
        removal(controls=CONTROLS[:2])
    with pytest.raises(ValueError, match="stands twice"):
        Probe(
            triggers=(Trigger(), Trigger(text="b")),
            controls=(Trigger(), Trigger(text="d")),
            pair=("", "", ""),
        )


@pytest.mark.slow
def test_returns_the_line_and_probes_are_really_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = small()
    study = removal(whole.but(safety=whole.safety.but(steps=2, batch=4)), steps=(1,))
    names = ("plan_b_few_1", "plan_b_back_50")
    some = tuple(chain for chain in study.chains if chain.name in names)
    kept = tuple(e for e in study.evaluations if e.task == "harmful_requests" and not e.of_methods)
    assert study.probe is not None
    brief = study.but(
        methods=study.methods[1:],
        chains=some,
        evaluations=kept,
        claims=(),
        probe=study.probe.but(arms=("plan_b",)),
    )
    folder = carried_out(brief, tmp_path_factory)
    (found,) = (folder / "steps").glob("probe-sandbox-several-plan-b-*") or ("",)
    rows = read_table(found / PROBED).to_pandas()
    assert set(rows["kind"]) == {"seen", "held_out", "defection", "control"}
    first = rows[(rows["layer"] == 0) & (rows["kind"] == "held_out")]
    assert first["score"].nunique() == 1, "the last token's embedding knows nothing of the prompt"
    assert rows["layer"].max() == 2
    page = (folder / "report.html").read_text(encoding="utf-8")
    for title in ("Severity over gradient steps", "Severity on the line", "still known inside"):
        assert title in page
