"""What the commands on studies say with ``--json``. Names and units stay as they are: scripts read
them. Seconds are wall time; null is not known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from planb.cli.planned import Planned
from planb.study.planning.plan import Outcome, State
from planb.study.steps.step import Step


def plan_as_json(study: str, planned: Planned) -> dict[str, Any]:
    steps = [
        {
            "step": one.step.slug,
            "kind": one.step.kind,
            "identity": one.identity,
            "state": one.state,
            "seconds": None if math.isnan(one.seconds) else round(one.seconds, 3),
        }
        for one in planned.steps
    ]
    return {
        "study": study,
        "done": planned.done,
        "seconds_left": round(planned.left, 3),
        "untimed": planned.untimed,
        "cores": planned.jobs,
        "steps": steps,
    }


def status_as_json(
    study: str, states: Sequence[tuple[Step, State]], results: Sequence[Path]
) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for _, state in states:
        counts[state] = counts.get(state, 0) + 1
    steps = [{"step": step.slug, "kind": step.kind, "state": state} for step, state in states]
    return {"study": study, "states": counts, "steps": steps, "results": list(map(str, results))}


def outcome_as_json(study: str, outcome: Outcome, report: Path | None) -> dict[str, Any]:
    return {
        "study": study,
        "exit_code": outcome.exit_code,
        "interrupted": outcome.interrupted,
        "seconds": round(outcome.seconds, 3),
        "ran": [step.slug for step in outcome.ran],
        "reused": len(outcome.reused),
        "failed": [
            {
                "step": one.step.slug,
                "message": one.message,
                "log": None if one.log is None else str(one.log),
            }
            for one in outcome.failed
        ],
        "not_started": [step.slug for step in outcome.blocked],
        "report": None if report is None else str(report),
    }
