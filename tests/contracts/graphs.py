"""The graphs of the declared studies, built once for all tests of a process: the largest has
thousands of steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from planb.studies import STUDIES
from planb.study.planning.graph import Graph
from planb.study.study import Study

Change = Callable[[Study], Study]


def as_declared(study: Study) -> Study:
    return study


@cache
def graph_of(name: str, change: Change = as_declared) -> Graph:
    return Graph(change(STUDIES[name]()).steps())
