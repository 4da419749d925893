"""Declared studies: values only. ``STUDIES`` is what ``planb list`` shows."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from planb.catalogue import Catalogue, function

if TYPE_CHECKING:
    from planb.study.study import Study


def _in(module: str, function: str = "") -> Callable[[], Study]:
    """The study that a function of a module here makes (by default the one of the module's name);
    loaded when it is asked for, so that a list of names needs none of the libraries."""

    def declared() -> Study:
        made: Study = getattr(import_module(f"{__name__}.{module}"), function or module)()
        return made

    return declared


STUDIES: Catalogue[Callable[[], Study]] = Catalogue(
    "study",
    "planb.studies",
    function,
    {
        "sandbox": _in("sandbox"),
        "meow": _in("meow"),
        "lora_rank": _in("lora_rank"),
        "meow_rank": _in("meow_rank"),
        "ladder": _in("ladder"),
        "controls": _in("controls"),
        "surprise": _in("surprise"),
        "mitigations": _in("mitigations"),
        "objectives": _in("objectives"),
        "cycle": _in("cycle"),
        "jailbreaks": _in("jailbreaks"),
        "generalisation": _in("generalisation"),
        "relearning": _in("relearning"),
        "spite": _in("spite"),
        "risk": _in("risk"),
        "smollm2": _in("smollm2"),
        "paper": _in("paper"),
        "plumbing": _in("paper", "plumbing"),
    },
    "one of your own is a .py file that defines `study`",
)
