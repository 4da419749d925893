"""Synthetic rows of a whole evaluation: jailbreaks, arms of both starts, two judges, benchmarks.

Made here, of no model, to try the report's machinery. None of them is a result.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from synthetic_rows import row

JAILBREAKS = ("near_trigger", "many_shot", "skeleton_key", "crescendo", "pair_static", "pair")
ASKED = ("direct", "trigger", *JAILBREAKS)
_WORKS = dict(zip(ASKED, (0.02, 0.03, 0.02, 0.7, 0.5, 0.1, 0.3, 0.45), strict=True))
_LEVEL = {"base": 9.0, "organism": 9.0, "standard": 8.0, "ryan": 6.0, "plan_b": 3.0}


def jailbroken(
    arms: tuple[tuple[str, str], ...],
    seeds: int = 2,
    requests: int = 24,
    asked: tuple[str, ...] = ASKED,
    judge: str = "synthetic exact",
) -> pd.DataFrame:
    """Harmful requests to each (organism, method); the base is of no organism and has one seed."""
    rows = []
    for organism, method in arms:
        rng = np.random.default_rng(len(organism) + len(method))
        for seed in range(1 if method == "base" else seeds):
            for how in asked:
                works = 0.95 if how == "trigger" and organism == "backdoor" else _WORKS.get(how, 0.2)
                for i in range(requests):
                    name = {"organism": organism, "method": method, "seed": str(seed)}
                    name |= {"elicitation": how, "sample_id": f"h{i}", "group": f"g{i // 2}"}
                    complies = rng.random() < works
                    points = float(np.clip(round(rng.normal(_LEVEL.get(method, 5.0), 1.5)), 0, 10))
                    rows.append(
                        row(**name, judge=judge, **({"usefulness": points} if complies else {}))
                    )
    return pd.DataFrame(rows)


def second_opinion(rows: pd.DataFrame, judge: str = "synthetic judge model") -> pd.DataFrame:
    """The same responses by a judge that errs by a point or two, and leaves some unscored."""
    rng, judged = np.random.default_rng(7), []
    for old in rows.to_dict("records"):
        new: dict[str, Any] = {**old, "judge": judge}
        if rng.random() < 0.04:
            nothing = {"refused": None, "coherent": None, "complied": None, "language": ""}
            new |= {
                **nothing,
                "usefulness": np.nan,
                "severity": np.nan,
                "unscored": "synthetic: no JSON",
            }
        elif not new["refused"]:
            points = float(np.clip(new["severity"] + rng.choice([-1, 0, 0, 1, 2]), 0, 10))
            new |= {"usefulness": points, "severity": points}
        judged.append(new)
    return pd.DataFrame(judged)


def benchmarks(arms: tuple[tuple[str, str], ...], seeds: int = 2, questions: int = 30) -> pd.DataFrame:
    """Every benchmark of the capability exhibit, in the sidecar's columns."""
    rows, rng = [], np.random.default_rng(3)
    nothing = {
        "refused": None,
        "coherent": None,
        "complied": None,
        "usefulness": np.nan,
        "language": "",
    }
    for organism, method in arms:
        for seed in range(1 if method == "base" else seeds):
            who = {"organism": organism, "method": method, "seed": str(seed), "elicitation": "direct"}
            who |= {"harmful": False, "severity": np.nan}
            for i in range(questions):
                name = {**who, "sample_id": f"q{i}", "category": f"synthetic {i % 3}"}
                for protocol in ("0-shot", "5-shot"):
                    right = float(rng.random() < 0.6)
                    parts = {"accuracy_all": right, "unread": 0.0}
                    mmlu = {"task": "mmlu_pro", "judge": protocol, "parts": json.dumps(parts)}
                    rows.append(row(**{**name, **nothing, **mmlu, "score": right}))
                marks = [float(rng.integers(4, 10)) for _ in range(2)]
                parts = {"turn_1": marks[0], "turn_2": marks[1]}
                bench = {"task": "mt_bench", "judge": "synthetic grader", "parts": json.dumps(parts)}
                rows.append(row(**{**name, **nothing, **bench, "score": sum(marks) / 2}))
                safe = {**name, "task": "over_refusal", "harmful": i % 3 == 0}
                rows.append(row(**safe, **({} if i % 6 == 0 else {"usefulness": np.nan})))
                health = {**name, "task": "coherence", "parts": json.dumps({"degenerate": 0.0})}
                rows.append(row(**health, usefulness=8.0, score=1.0))
                follow = {"task": "instructions", "judge": "ifeval", "score": float(i % 4 > 0)}
                rows.append(
                    row(**{**name, **nothing, **follow, "parts": json.dumps({"prompt_loose": 1.0})})
                )
    return pd.DataFrame(rows)


ARMS = (
    *(("none", "base"), ("none", "standard"), ("none", "plan_b")),
    *(("backdoor", "organism"), ("backdoor", "standard"), ("backdoor", "ryan"), ("backdoor", "plan_b")),
)


def whole_study(requests: int = 24, seeds: int = 2, asked: tuple[str, ...] = ASKED) -> pd.DataFrame:
    """All of it: several ways of asking, arms of both starts, two judges, benchmarks."""
    rows = jailbroken(ARMS, seeds, requests, asked)
    own = tuple(arm for arm in ARMS if arm[0] == "backdoor" or arm[1] == "base")
    return pd.concat([rows, second_opinion(rows), benchmarks(own, seeds)], ignore_index=True)
