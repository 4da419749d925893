"""The steps at work, and how a run stands with them: how far, and how long is left."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from planb.study.keeping.store import Store
from planb.study.planning.estimate import Estimate
from planb.study.planning.graph import Node
from planb.study.running.progress import Going, Snapshot


@dataclass
class Seat:
    """A step at work: in our crew, or in another run."""

    node: Node
    ours: bool
    began: float
    looked: float = 0.0
    first_told: tuple[float, float] | None = None


def snapshot(
    store: Store,
    estimate: Estimate,
    seats: Mapping[str, Seat],
    to_come: Collection[str],
    ran: Collection[str],
    elapsed: float,
    done: int,
    failed: int,
) -> Snapshot:
    """A run at this moment. ``to_come`` and ``ran`` are steps' identities, ``elapsed`` is seconds."""
    going, left = [], {}
    for identity, seat in seats.items():
        now, left[identity] = _going(store, estimate, seat)
        going.append(now)
    graph = estimate.graph
    rest = sum(estimate.seconds(graph[i]) for i in to_come) + sum(left.values())
    begun = sum(estimate.seconds(graph[i]) for i in left)
    here = sum(estimate.seconds(graph[i]) for i in ran)
    whole = here + rest + max(begun - sum(left.values()), 0.0)
    return Snapshot(
        elapsed=elapsed,
        left=estimate.time_left(left, to_come),
        fraction=1 - rest / whole if whole else 1.0,
        done=done,
        total=len(graph),
        failed=failed,
        going=tuple(going),
    )


def _going(store: Store, estimate: Estimate, seat: Seat) -> tuple[Going, float]:
    """What is shown of a step at work, and the seconds left to it."""
    done, total, note = store.progress(seat.node.step)
    fraction = min(done / total, 1.0) if total > 0 else 0.0
    elapsed = time.monotonic() - seat.began
    if fraction and seat.first_told is None:
        seat.first_told = (elapsed, fraction)
    since = seat.first_told or (elapsed, fraction)
    left = estimate.left(seat.node, elapsed, fraction, since)
    return Going(seat.node.step, elapsed, done, total, note, elsewhere=not seat.ours), left
