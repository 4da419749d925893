"""What holds for every test, and for the processes that tests start."""

from __future__ import annotations

import gc
import importlib.metadata
import os
from collections.abc import Iterator
from functools import cache

import pytest

# Several test processes share the cores: one thread each, also where a step of a study asks for two,
# and none that spins while it waits.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1", "OMP_WAIT_POLICY": "passive"}

# Inspect looks through the files of all installed packages for each evaluation: half of its time here.
importlib.metadata.packages_distributions = cache(importlib.metadata.packages_distributions)

# The libraries are a million objects. Looking through them for garbage took a sixth of the tests' time.
gc.disable()


LONGEST = (
    *("test_jailbreak_study", "test_plumbing", "test_launch", "test_distributed", "test_extending"),
    *("test_hosted_study", "test_ray", "test_continuous", "test_kill", "test_multi_turn"),
    *("test_surprise_study", "test_smollm2_study", "test_judge_storm"),
)
"""Files of more than half a minute: begun first, so that no process is left alone with one. The first
runs the small study (``path/conftest.py``); what also needs it comes late, and does not wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONGEST)))


def pytest_collection_finish() -> None:
    """The libraries are loaded: what comes now is looked through, they are not."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="module")
def _module_leaves_the_environment() -> Iterator[None]:
    yield from _environment_kept()


@pytest.fixture(autouse=True)
def _test_leaves_the_environment() -> Iterator[None]:
    yield from _environment_kept()


def _environment_kept() -> Iterator[None]:
    """Afterwards the environment is as it was: libraries set variables while they train, and a run's
    workers are forked from the one process that has loaded the libraries where it is unchanged."""
    before = dict(os.environ)
    yield
    if before != os.environ:
        os.environ.clear()
        os.environ.update(before)
