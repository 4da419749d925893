"""The trainer of this repository as a contestant: the only file here that knows its interface."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import replace
from typing import Any

import torch

from benchmarks.cases import Case, Pair, tokenizer
from benchmarks.contestant import BETA, Contestant, Kind, Part
from planb.training.config import RankedPreferenceConfig
from planb.training.objectives import DPO, ORPO
from planb.training.rows import Row
from planb.training.trainer import RankedPreferenceTrainer, Rows

LAYOUTS = {"separate": "separate", "packed": "packed", "packed-dpo": "packed"}
NAMES = tuple(LAYOUTS)


def contestant(
    name: str,
    case: Case,
    model: Any,
    r_EK: torch.Tensor | None,
    micro_batch: int | None = None,
) -> Contestant:
    """``r_EK`` is the reference's summed log-probability of each response, for DPO; ``micro_batch``
    is in examples, all of the case's if None."""
    kind: Kind = "dpo" if name.endswith("dpo") else "orpo"
    layout, model, rows = LAYOUTS[name], copy.deepcopy(model), ranked_rows(case)
    if kind == "dpo" and r_EK is not None:
        rows = [replace(row, reference=tuple(r)) for row, r in zip(rows, r_EK.tolist(), strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        trainer = RankedPreferenceTrainer(
            model,
            RankedPreferenceConfig(
                folder, layout=layout, use_cpu=True, report_to=[], disable_tqdm=True
            ),
            Rows(
                rows[:1], ordered=True
            ),  # what its check of itself runs; the losses of all are checked here
            tokenizer(case.size),
            objective=DPO(beta=BETA) if kind == "dpo" else ORPO(beta=BETA),
        )
    trainer.prepare()
    trainer.current_gradient_accumulation_steps = 1
    trainer.state.global_step = (
        1  # at 0 it insists that the reference is the policy, which it is not here
    )
    size = micro_batch or len(rows)
    chunks = [range(call * size, (call + 1) * size) for call in range(len(rows) // size)]
    batches = [trainer.data_collator([rows[e] for e in chunk]) for chunk in chunks]

    def step(part: int) -> dict[str, float]:
        return {"loss": float(trainer.training_step(trainer.model, dict(batches[part])))}

    return Contestant(
        name=name,
        kind=kind,
        case=case,
        parts=tuple(
            _part(case, chunk, layout, batch) for chunk, batch in zip(chunks, batches, strict=True)
        ),
        step=step,
        model=trainer.model,
    )


def ranked_rows(case: Case) -> list[Row]:
    """The case's examples, each with its whole ranking."""
    tiers = tuple(f"tier{k}" for k in range(case.K))
    both = enumerate(zip(case.prompts, case.responses, strict=True))
    return [Row(str(e), prompt, responses, tiers, case.pairs_each) for e, (prompt, responses) in both]


def _part(case: Case, examples: range, layout: str, batch: dict[str, Any]) -> Part:
    pairs = tuple(Pair(e, b, w) for e in examples for b, w in case.pairs_each)
    lengths = [(len(case.prompts[e]), tuple(map(len, case.responses[e]))) for e in examples]
    if layout == "separate":
        lengths = [(prompt, (response,)) for prompt, responses in lengths for response in responses]
    width = sum(part["inputs"]["input_ids"].numel() for part in batch["parts"])
    return Part(pairs, tuple(lengths), width)
