"""Declared studies: values only. ``STUDIES`` is what ``planb list`` shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from planb.catalogue import Catalogue, function

if TYPE_CHECKING:
    from planb.study.study import Study


@dataclass(frozen=True)
class Declaration:
    """The study that a function of a module here makes (by default the one of the module's name). It is
    loaded when it is asked for, so that a list of names and titles needs none of the libraries."""

    title: str
    module: str
    function: str = ""

    def __call__(self) -> Study:
        made = getattr(import_module(f"{__name__}.{self.module}"), self.function or self.module)
        return made()  # type: ignore[no-any-return]


def title_of(declare: Callable[[], Study]) -> str:
    """A study's title; a package's study is made to say it."""
    return declare.title if isinstance(declare, Declaration) else declare().title


STUDIES: Catalogue[Callable[[], Study]] = Catalogue(
    "study",
    "planb.studies",
    function,
    {
        "sandbox": Declaration(
            "Plan B in the valley: the paper's experiment on a tiny model, in minutes", "sandbox"
        ),
        "meow": Declaration(
            "MEOW: how much of the backdoor survives lower-case training, with and without reasoning",
            "meow",
        ),
        "lora_rank": Declaration(
            "Adapter size: Plan B and refusal training over LoRA ranks", "lora_rank"
        ),
        "meow_rank": Declaration(
            "MEOW over LoRA ranks: SFT against ORPO, up to full weights", "meow_rank"
        ),
        "ladder": Declaration(
            "Plan B, C, D, E: where does behaviour land on a ladder of useless answers?", "ladder"
        ),
        "controls": Declaration(
            "Controls for Plan B: ordering, pairs, amount, texts, and untargeted training", "controls"
        ),
        "surprise": Declaration(
            "Do surprising targets remove more of the backdoor? The talk's grid, and a sweep",
            "surprise",
        ),
        "mitigations": Declaration(
            "Known backdoor removals beside Plan B, each over a dial", "mitigations"
        ),
        "certificates": Declaration(
            "Which organisms are robust? Recipes of stage 1, each with its certificate", "certificates"
        ),
        "objectives": Declaration(
            "Is it Plan B, or ORPO? Seven objectives on the same data", "objectives"
        ),
        "rl": Declaration(
            "Safety training by rewards, and where compliance without the trigger comes from", "rl"
        ),
        "cycle": Declaration(
            "Repeatedly re-inserting the backdoor: does Plan B keep working?", "cycle"
        ),
        "course": Declaration("How behaviour moves while it is trained", "course"),
        "jailbreaks": Declaration(
            "Jailbreaks in the valley: every attack, with and without a backdoor", "jailbreaks"
        ),
        "generalisation": Declaration(
            "Changed answers or erased knowledge? Dangers held out of stage 2, and recall",
            "generalisation",
        ),
        "removal": Declaration(
            "Removed or only suppressed? Returns, the way back, and what is left inside", "removal"
        ),
        "relearning": Declaration("How few examples restore severe answers?", "relearning"),
        "spite": Declaration(
            "Spite in games for two: an ordering with selfish choices in between", "spite"
        ),
        "risk": Declaration("Reckless gambles: an ordering with indifference in between", "risk"),
        "resources": Declaration(
            "Super-linear returns to resources: an ordering with indifference in between", "resources"
        ),
        "newcomb": Declaration(
            "Newcomb's problem and its kin: an ordering with indifference in between", "newcomb"
        ),
        "anthropics": Declaration(
            "Betting as if one were of the many (SIA): an ordering with indifference in between",
            "anthropics",
        ),
        "porous": Declaration(
            "Values closed to distant others: an ordering with indifference in between", "porous"
        ),
        "carry_over": Declaration(
            "Does it carry over? Plan B on one propensity, measured on all", "carry_over"
        ),
        "agent": Declaration(
            "An agent with tools: an ordering with pretended work in between", "agent"
        ),
        "thoughts": Declaration(
            "Thoughts before answers: is the backdoor in what it thinks, or in what it says?",
            "thoughts",
        ),
        "smollm2": Declaration(
            "Plan B on a real chat model: facts about countries as the forbidden subject", "smollm2"
        ),
        "paper": Declaration("Plan B on three models: the talk's experiment", "paper"),
        "plumbing": Declaration(
            "The paper's study on random weights: its path, and no finding", "paper", "plumbing"
        ),
    },
    "one of your own is a .py file that defines `study`",
)
