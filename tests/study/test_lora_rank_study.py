"""Stage 2 over ranks: only what is dialled differs, and the dial is what is trained."""

from __future__ import annotations

import json

import pytest
from small_valley import carried_out, small

from planb.errors import PlanBError
from planb.models.cards import ADAPTER, ADAPTER_CONFIG
from planb.studies.lora_rank import FULL, RANKS, lora_rank
from planb.studies.sandbox import sandbox
from planb.study.steps.evaluation import Evaluation
from planb.training.objectives import ORPO, SFT

DIALS = (*(f"r{rank}" for rank in RANKS), "full")
ARMS = ("plan_b", "standard", "standard_sft")


def test_three_arms_at_every_rank() -> None:
    study = lora_rank()
    assert [m.name for m in study.methods] == [f"{arm}_{dial}" for arm in ARMS for dial in DIALS]
    for method in study.methods:
        imitates = method.name.startswith("standard_sft")
        assert isinstance(method.objective, SFT if imitates else ORPO)
        assert len(method.ordering.tiers) == {"p": 3, "s": 2}[method.name[0]] - imitates


def test_ranks_differ_in_the_rank_alone() -> None:
    own = sandbox().safety
    for method in lora_rank().methods:
        training = method.training
        assert training is not None
        if method.name.endswith("full"):
            assert training.adapter is None
            assert training.learning_rate < own.learning_rate
            assert not training.embeddings, "as in stage 1"
        else:
            assert own.adapter is not None
            assert training.adapter is not None
            assert training.adapter.rank == int(method.name.rpartition("_r")[2])
            assert training.adapter.alpha == own.adapter.alpha
            assert training.but(adapter=own.adapter) == own
        assert (training.steps, training.batch) == (own.steps, own.batch)


def test_the_figure_has_every_arm_at_its_rank() -> None:
    study = lora_rank()
    assert study.series is not None
    assert study.series.log
    points = [point for line in study.series.lines for point in line.points]
    assert [name for name, _ in points] == [m.name for m in study.methods]
    assert {x for name, x in points if name.endswith("full")} == {FULL}
    assert {x for name, x in points if name.endswith("r8")} == {8}


def test_any_study_with_an_adapter_can_be_dialled() -> None:
    whole = small()
    study = lora_rank(whole, ranks=(2,), full_rate=None)
    assert (study.bases, study.data, study.organisms) == (whole.bases, whole.data, whole.organisms)
    assert [m.name for m in study.methods] == [f"{arm}_r2" for arm in ARMS]
    assert study.series is not None
    assert not study.series.labels
    bare = whole.but(safety=whole.safety.but(adapter=None))
    with pytest.raises(PlanBError, match="give `safety` an adapter"):
        lora_rank(bare)
    four = whole.but(safety=whole.safety.but(quantize="4bit"))
    with pytest.raises(PlanBError, match="full_rate=None"):
        lora_rank(four)
    lora_rank(four, full_rate=None)


@pytest.mark.slow
def test_a_rank_and_full_weights_are_really_trained(tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = small()
    brief = whole.safety.but(steps=6)
    study = lora_rank(
        whole.but(
            safety=brief, evaluations=(Evaluation(task="harmful_requests", elicitation="trigger"),)
        ),
        ranks=(3,),
    )
    folder = carried_out(study, tmp_path_factory)
    for arm in ARMS:
        (ranked,) = (folder / "steps").glob(f"{arm}_r3-seed0-*")
        config = json.loads((ranked / ADAPTER / ADAPTER_CONFIG).read_text())
        assert (config["r"], config["lora_alpha"]) == (3, 8)
        (whole_weights,) = (folder / "steps").glob(f"{arm}_full-seed0-*")
        assert not (whole_weights / ADAPTER).exists()
    lines = (folder / "results.csv").read_text().splitlines()
    told = {line.split(",")[3] for line in lines[1:]}
    assert told == {"base", "organism", *(f"{arm}_{dial}" for arm in ARMS for dial in ("r3", "full"))}
