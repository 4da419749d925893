"""Severity on the straight line between an organism's weights and treated ones."""

from __future__ import annotations

from planb.report.evidence import Evidence, Exhibit, Missing
from planb.report.exhibits import series


def draw(evidence: Evidence) -> Exhibit | Missing | None:
    """The story's second series, as the first is drawn; nothing without one."""
    return series.exhibit_of(evidence, evidence.story.along)
