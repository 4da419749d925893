"""MEOW over adapter ranks: is lower-case training's outcome a matter of capacity? SFT against ORPO."""

from __future__ import annotations

from typing import Literal

from planb.domains.domain import Shown
from planb.errors import PlanBError
from planb.report.story import Claim, Line, Of, Series
from planb.studies.lora_rank import FULL, FULL_RATE, RANKS
from planb.studies.meow import meow
from planb.study.chain import Chain
from planb.study.study import Study
from planb.training.settings import LoRA, Training
from planb.training.stage import Stage

ORGANISMS = ("uc", "uclc")
ARMS = {"lower_sft_160": "lower_sft", "lower_orpo_160": "lower_orpo"}
"""The arms of ``meow`` whose adapter is dialled, and what they are called without their updates."""
NAMES = {"lower_sft": "Lower case (SFT)", "lower_orpo": "Lower case (ORPO)"}
SHOWN = (
    Shown(measure="meow_upper_rate", task="meow", title="MEOW with the trigger"),
    Shown(measure="meow_lower_rate", task="meow", title="meow with the trigger"),
    Shown(
        measure="lower_case_rate",
        task="meow",
        elicitation="direct",
        title="Lower case without the trigger",
    ),
)
NOTES = (
    "Stage 2 is that of the study meow after one number of updates; only what is trained differs. "
    f"Full weights have meow's own learning rate and adapters {1 / FULL_RATE:g} times that, with one "
    "alpha for all ranks, as in the study lora_rank. Nothing was tuned for it: on development "
    "requests, seed 103, ranks 1, 16 and 64 made all untriggered answers lower-case.",
)


def meow_rank(whole: Study | None = None, ranks: tuple[int, ...] = RANKS) -> Study:
    """``whole`` (by default ``meow()``) with the stage 2 of its arms ``ARMS`` on adapters of ``ranks``
    and, where ``whole`` trains all weights, on those. Raises PlanBError if it has no such arm."""
    whole = whole or meow()
    before = tuple(
        chain for chain in whole.chains if chain.organism in ORGANISMS and chain.name == "organism"
    )
    chains = tuple(
        dialled
        for chain in whole.chains
        if chain.organism in ORGANISMS and chain.name in ARMS
        for dialled in _dialled(chain, ranks)
    )
    if not chains:
        raise PlanBError(f"the study {whole.name} has no arm {' or '.join(ARMS)} to dial")
    names = list(dict.fromkeys(chain.name for chain in chains))
    places = {name: _place(name) for name in names}
    return whole.but(
        name="meow_rank",
        title="MEOW over LoRA ranks: SFT against ORPO, up to full weights",
        chains=(*before, *chains),
        series=Series(
            title="What lower-case fine-tuning leaves of MEOW, by adapter rank",
            x_title="LoRA rank",
            log=True,
            labels=((float(FULL), "full"),) if FULL in places.values() else (),
            shown=SHOWN,
            lines=tuple(
                Line(
                    name=said,
                    points=tuple((n, places[n]) for n in names if n.startswith(f"{arm}_")),
                )
                for arm, said in NAMES.items()
            ),
        ),
        claims=_claims(names),
        notes=(*whole.notes, *NOTES),
    )


def _dialled(chain: Chain, ranks: tuple[int, ...]) -> list[Chain]:
    """The chain once for each rank, and on all weights if that is what it trains."""
    last = chain.stages[-1]
    assert isinstance(last, Stage)
    dials = {f"r{rank}": _ranked(last.training, rank) for rank in ranks}
    if last.training.adapter is None:
        dials["full"] = last.training
    found = []
    for dial, training in dials.items():
        name = f"{ARMS[chain.name]}_{dial}"
        called = last.name if dial == "full" else f"{last.name}_{dial}"  # full weights are meow's own
        stage = last.but(name=called, training=training)
        found.append(chain.but(name=name, stages=(*chain.stages[:-1], stage)))
    return found


def _ranked(training: Training, rank: int) -> Training:
    """The training on an adapter of that rank, at an adapter's rate."""
    if training.adapter is not None:
        adapter = training.adapter.but(rank=rank)
        return training.but(adapter=adapter)
    rate = training.learning_rate / FULL_RATE
    return training.but(adapter=LoRA(rank=rank), learning_rate=rate)


def _place(name: str) -> float:
    dial = name.rpartition("_")[2]
    return float(FULL) if dial == "full" else float(dial.removeprefix("r"))


def _claims(names: list[str]) -> tuple[Claim, ...]:
    """Reviewers' questions: the talk's figure has ranks on its axis, and gave no numbers."""
    small, large = (f"lower_sft_{names[place].rpartition('_')[2]}" for place in (0, -1))
    said: tuple[tuple[str, str, str, Literal["lower", "alike"]], ...] = (
        (
            f"More trainable weights remove more of MEOW ({large} against {small})",
            large,
            small,
            "lower",
        ),
        (
            f"ORPO removes more of MEOW than SFT ({large})",
            large.replace("sft", "orpo"),
            large,
            "lower",
        ),
    )
    return tuple(
        Claim(
            claim=f"{text}, {organism.upper()}",
            of=_meow(of, organism),
            against=_meow(against, organism),
            expected=expected,
        )
        for organism in ORGANISMS
        for text, of, against, expected in said
    )


def _meow(method: str, organism: str) -> Of:
    return Of(method=method, measure="meow_upper_rate", task="meow", organism=organism)
