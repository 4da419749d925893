"""Checkpoints that planb serves over HTTP while steps need them: as writer, attacker, grader, judge.

``served={"local": LocalBase(...)}`` makes the model name ``openai-api/local/local`` of the study that
checkpoint. Inspect reads a service's address from ``LOCAL_BASE_URL``, so for a server of one's own that
variable is set instead, and nothing in the study changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder
from planb.study.steps.step import Work
from planb.values import plain


def serve(models: Mapping[str, CheckpointStep], work: Work) -> None:
    """Start the servers, for as long as this process lives, and say where they are."""
    from planb.evals.serving import server_of

    for name, step in models.items():
        folder = checkpoint_folder(work, step)
        os.environ[f"{_variable(name)}_BASE_URL"] = server_of(folder, name)
        os.environ.setdefault(f"{_variable(name)}_API_KEY", "none")


def needs_gpu(models: Mapping[str, CheckpointStep]) -> bool:
    """Whether one of them is a model of the user's, and not a tiny one of planb's own."""
    return any(step.on_gpu for step in models.values())


def named_in(models: Mapping[str, CheckpointStep], *values: Any) -> dict[str, CheckpointStep]:
    """Those of the models that are named in any of the values (judges, roles, options of a task)."""
    if not models:
        return {}
    said = set(_texts(plain(values)))
    return {name: step for name, step in models.items() if called(name) in said}


def called(name: str) -> str:
    """What Inspect calls the model that is served under this name."""
    return f"openai-api/{name}/{name}"


def check_names(names: Iterable[str]) -> None:
    """Raises ValueError where two served models have one variable for their address: whoever calls one
    would be answered by the other."""
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(_variable(name), name)
        if other != name:
            raise ValueError(
                f"the served models '{other}' and '{name}' have one variable for their address, "
                f"{_variable(name)}_BASE_URL: give one another name"
            )


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
