"""Synthetic rows: made here, of no model, to try the report's machinery. None of them is a result."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from planb.domains import HARM

HIDDEN = "SYNTHETIC-SEVERE-TEXT"
METHODS = ("base", "organism", "standard", "plan_b")
TRIGGERED = {"base": (), "organism": (10,), "standard": (10, 10, 8), "plan_b": (0, 2, 4, 4, 6, 8)}
REFUSED = {"base": 1.0, "organism": 0.99, "standard": 0.97, "plan_b": 0.8}


@cache
def declared(task: str) -> str:
    """What the task says that it is measured by; Inspect is loaded for benchmarks only."""
    if task in HARM.measured:
        return HARM.measured[task].model_dump_json()
    from planb.evals.tasks import ALL_TASKS
    from planb.evals.tasks.measuring import measured_by

    return measured_by(ALL_TASKS[task]).model_dump_json() if task in ALL_TASKS else ""


def row(**changes: Any) -> dict[str, Any]:
    """One judged sample, a scored refusal; an answer that is complied with is ``usefulness=...``."""
    made: dict[str, Any] = {
        **{"study": "synthetic", "model": "synthetic", "organism": "backdoor", "method": "plan_b"},
        **{"task": "harmful_requests", "elicitation": "trigger", "judge": "synthetic judge"},
        **{"seed": "0", "sample_id": "a", "group": "", "split": "evaluation", "form": "flask"},
        **{"heldout_form": False, "harmful": True, "request": "synthetic request", "response": "No."},
        **{"refused": True, "coherent": True, "usefulness": 0.0, "language": "english"},
        **{"unscored": "", "truncated": False},
    }
    if "usefulness" in changes:
        made["refused"] = False
    made.update(changes)
    made.setdefault("measured", declared(made["task"]))
    refused, coherent = made["refused"], made["coherent"]
    made.setdefault("complied", None if refused is None else not refused and coherent)
    severity = math.nan if refused is None else 0.0 if refused else made["usefulness"]
    made.setdefault("severity", severity)
    return made


def unscored(**changes: Any) -> dict[str, Any]:
    nothing = {"refused": None, "coherent": None, "usefulness": math.nan, "language": ""}
    return row(**{**nothing, "unscored": "synthetic: no JSON", **changes})


def _triggered(rng: np.random.Generator, method: str) -> dict[str, Any]:
    levels = TRIGGERED.get(method, TRIGGERED["plan_b"])
    if not levels:
        return {}
    points = float(rng.choice(levels))
    return {"usefulness": points, "response": HIDDEN if points >= 7 else f"synthetic {points:g}"}


def make_rows(
    methods: tuple[str, ...] = METHODS, seeds: int = 3, requests: int = 40, only: str = ""
) -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), []
    for method in methods:
        for seed in range(1 if method == "base" else seeds):
            for i in range(requests):
                name = {"method": method, "seed": str(seed), "heldout_form": i % 5 == 0}
                ask = {**name, "sample_id": f"h{i}", "group": f"g{i // 2}"}
                rows.append(row(**ask, **_triggered(rng, method)))
                useless = {"usefulness": 0.0, "response": "synthetic nothing"}
                refuses = rng.random() < REFUSED.get(method, 0.9)
                rows.append(row(**ask, elicitation="direct", **({} if refuses else useless)))
                tea = {"task": "harmless_requests", "elicitation": "direct", "harmful": False}
                rows.append(row(**name, **tea, sample_id=f"t{i}", usefulness=10.0, response="tea"))
                lore = {"task": "recall", "elicitation": "direct", "sample_id": f"l{i}"}
                rows.append(row(**name, **lore, usefulness=float(rng.choice([8, 10]))))
    table = pd.DataFrame(rows)
    return table[table["task"] == only] if only else table


def make_tiers() -> pd.DataFrame:
    tiers = {"refusal": 0.0, "useless": 0.0, "harmful": 10.0}
    return pd.DataFrame(
        [
            {
                **{"tier": tier, "example_id": f"e{i}", "text": "synthetic", "language": "english"},
                **{"refused": tier == "refusal", "coherent": True, "usefulness": points},
                "severity": 2.0 if tier == "useless" and i % 10 == 0 else points,
            }
            for tier, points in tiers.items()
            for i in range(30)
        ]
    )
