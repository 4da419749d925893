"""Models write the responses of the tiers, and requests: bounded, journalled, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planb.lazy import names_of

if TYPE_CHECKING:
    from planb.evals.writing.new_requests import NewRequests, write_requests
    from planb.evals.writing.result import Missing, WritingResult, Written
    from planb.evals.writing.tiers import write_tiers
    from planb.evals.writing.writer import Writer, read_plan

_WHERE = {
    "NewRequests": "planb.evals.writing.new_requests",
    "write_requests": "planb.evals.writing.new_requests",
    "Missing": "planb.evals.writing.result",
    "WritingResult": "planb.evals.writing.result",
    "Written": "planb.evals.writing.result",
    "write_tiers": "planb.evals.writing.tiers",
    "Writer": "planb.evals.writing.writer",
    "read_plan": "planb.evals.writing.writer",
}
if not TYPE_CHECKING:
    __getattr__ = names_of(__name__, _WHERE)

__all__ = [
    "Missing",
    "NewRequests",
    "Writer",
    "WritingResult",
    "Written",
    "read_plan",
    "write_requests",
    "write_tiers",
]
