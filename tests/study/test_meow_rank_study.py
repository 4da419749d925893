"""MEOW over ranks: the arms of the study meow, and only what is trained differs."""

from __future__ import annotations

import pytest

from planb.errors import PlanBError
from planb.studies.lora_rank import FULL, FULL_RATE, RANKS
from planb.studies.meow import meow
from planb.studies.meow_rank import ARMS, ORGANISMS, meow_rank
from planb.study.chain import Chain
from planb.study.study import Study
from planb.training.settings import LoRA
from planb.training.stage import Stage

DIALS = (*(f"r{rank}" for rank in RANKS), "full")


def by_name(study: Study) -> dict[tuple[str, str], Chain]:
    return {(chain.organism, chain.name): chain for chain in study.chains}


def last(chain: Chain) -> Stage:
    stage = chain.stages[-1]
    assert isinstance(stage, Stage)
    return stage


def test_both_organisms_have_every_rank_of_both_losses() -> None:
    arms = {"organism", *(f"{arm}_{dial}" for arm in ARMS.values() for dial in DIALS)}
    assert set(by_name(meow_rank())) == {(organism, arm) for organism in ORGANISMS for arm in arms}


def test_only_what_is_trained_differs_from_meow() -> None:
    found, theirs = by_name(meow_rank()), by_name(meow())
    for (organism, arm), called in [((o, a), c) for o in ORGANISMS for a, c in ARMS.items()]:
        own = theirs[organism, arm]
        assert found[organism, f"{called}_full"].stages == own.stages
        for rank in RANKS:
            chain = found[organism, f"{called}_r{rank}"]
            assert chain.stages[:-1] == own.stages[:-1]
            training, before = last(chain).training, last(own).training
            assert training.adapter == LoRA(rank=rank)
            assert training.learning_rate == before.learning_rate / FULL_RATE
            same = {"adapter": None, "learning_rate": before.learning_rate}
            assert training.but(**same) == before
            named = last(chain).but(training=before, name=last(own).name)
            assert named == last(own)


def test_the_figure_has_a_line_for_each_loss() -> None:
    series = meow_rank().series
    assert series is not None
    for line, arm in zip(series.lines, ARMS.values(), strict=True):
        assert [name for name, _ in line.points] == [f"{arm}_{dial}" for dial in DIALS]
        assert [x for _, x in line.points] == [*RANKS, FULL]
    assert {shown.task for shown in series.shown} == {"meow"}


def test_an_adapter_of_the_studys_own_keeps_its_alpha() -> None:
    whole = meow()
    own = LoRA(rank=32, alpha=5, rslora=True)
    chains = tuple(
        chain.but(stages=(*chain.stages[:-1], adapted(last(chain), own)))
        for chain in whole.chains
        if chain.name in ARMS
    )
    study = meow_rank(whole.but(chains=chains), ranks=(2, 4))
    assert not [name for _, name in by_name(study) if name.endswith("full")]
    for (_, name), chain in by_name(study).items():
        rank = int(name.rpartition("_r")[2])
        assert last(chain).training.adapter == LoRA(rank=rank, alpha=5, rslora=True)


def adapted(stage: Stage, adapter: LoRA) -> Stage:
    return stage.but(training=stage.training.but(adapter=adapter))


def test_a_study_without_such_arms_is_refused() -> None:
    whole = meow()
    with pytest.raises(PlanBError, match="has no arm lower_sft_160 or lower_orpo_160"):
        meow_rank(whole.but(chains=whole.chains[:1]))
