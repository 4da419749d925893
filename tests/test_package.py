"""What is imported from ``planb`` itself, and that it costs nothing until it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import planb

HEAVY = {"torch", "transformers", "peft", "accelerate", "datasets", "pandas", "inspect_ai"}


def loaded_after(code: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter has loaded after the code."""
    script = f"{code}\nimport sys\nprint('loaded', *({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, *found = done.stdout.splitlines()[-1].split()
    assert said == "loaded"
    return set(found)


@pytest.mark.parametrize("name", planb.__all__)
def test_every_name_is_there_and_is_what_its_module_defines(name: str) -> None:
    found = getattr(planb, name)
    assert found is getattr(import_module(found.__module__), name)
    assert found.__module__.startswith("planb.")
    assert found.__doc__


def test_a_star_import_brings_them_all() -> None:
    names: dict[str, object] = {}
    exec("from planb import *", names)
    assert set(planb.__all__) <= set(names)
    assert set(planb.__all__) == set(dir(planb))


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'planb' has no attribute 'Trainer'"):
        planb.Trainer  # noqa: B018
    with pytest.raises(ImportError):
        exec("from planb import Trainer")


@pytest.mark.slow
def test_nothing_heavy_is_loaded_before_it_is_asked_for() -> None:
    assert loaded_after("import planb") == set()
    assert loaded_after("from planb import Example, Ordering, PlanBError") == set()
    assert loaded_after("import torch") == {"torch"}, "the check sees what is loaded"


@pytest.mark.slow
def test_help_loads_nothing_heavy() -> None:
    asked = """
import sys
from planb.cli import main
for verbs in ([], ["data"], ["data", "surprise"]):
    sys.argv = ["planb", *verbs, "--help"]
    try:
        main()
    except SystemExit as done:
        assert not done.code
"""
    assert loaded_after(asked) == set()
