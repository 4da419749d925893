"""The running steps, and how a run stands with them: how far, and how long is left."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from planb.study.planning.estimate import Estimate
from planb.study.planning.graph import Node
from planb.study.running.progress import Snapshot, StepProgress
from planb.study.store.store import Store


@dataclass
class RunningStep:
    """A step that is running: here, or in another run."""

    node: Node
    ours: bool
    began: float
    looked: float = 0.0
    first_told: tuple[float, float] | None = None


def snapshot(
    store: Store,
    estimate: Estimate,
    running: Mapping[str, RunningStep],
    to_come: Collection[str],
    ran: Collection[str],
    elapsed: float,
    done: int,
    failed: int,
) -> Snapshot:
    """A run at this moment. ``to_come`` and ``ran`` are steps' identities, ``elapsed`` is seconds."""
    shown, left = [], {}
    for identity, current in running.items():
        now, left[identity] = _progress(store, estimate, current)
        shown.append(now)
    unknown = [identity for identity, seconds in left.items() if math.isnan(seconds)]
    left.update(dict.fromkeys(unknown, 0.0))
    graph = estimate.graph
    rest = sum(estimate.seconds(graph[i]) for i in to_come) + sum(left.values())
    begun = sum(estimate.seconds(graph[i]) for i in left)
    here = sum(estimate.seconds(graph[i]) for i in ran)
    whole = here + rest + max(begun - sum(left.values()), 0.0)
    untimed = estimate.untimed(to_come) + len(unknown)
    share = done / len(graph) if untimed else 1 - rest / whole if whole else 1.0
    return Snapshot(
        elapsed=elapsed,
        left=estimate.time_left(left, to_come),
        fraction=share,
        done=done,
        total=len(graph),
        failed=failed,
        running=tuple(shown),
        untimed=untimed,
    )


def _progress(store: Store, estimate: Estimate, current: RunningStep) -> tuple[StepProgress, float]:
    """What is shown of a running step, and the seconds left to it."""
    done, total, note = store.progress(current.node.step)
    fraction = min(done / total, 1.0) if total > 0 else 0.0
    elapsed = time.monotonic() - current.began
    if fraction and current.first_told is None:
        current.first_told = (elapsed, fraction)
    since = current.first_told or (elapsed, fraction)
    left = estimate.left(current.node, elapsed, fraction, since)
    return StepProgress(current.node.step, elapsed, done, total, note, elsewhere=not current.ours), left
