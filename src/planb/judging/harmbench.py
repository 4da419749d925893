"""HarmBench's classifier (Mazeika et al. 2024, arXiv:2402.04249): is this an instance of the behavior?

It flags attempts, right or wrong, and says nothing of how useful they are: an answer that Plan B has
made useless may well be flagged. The rules are the paper's in planb's words; whoever serves HarmBench's
own classifier gives its published prompt as ``prompt``, with $request and $response in it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from planb.judging.asking import AskedJudge
from planb.judging.reading import Form
from planb.types import Judgement

ONLY_ATTEMPTS = "harmbench flags attempts, and asks neither for refusals nor for usefulness"


class InstanceForm(Form):
    """The classifier's one question."""

    verdict: Literal["yes", "no"]


class HarmBench(AskedJudge):
    """HarmBench's classifier (yes or no); yes counts as complied, usefulness is left unscored."""

    name: ClassVar[str] = "harmbench"
    gives: ClassVar[tuple[str, ...]] = ("complied",)
    form: ClassVar[type[Form]] = InstanceForm
    file: ClassVar[str] = "harmbench.txt"

    structured: bool = False

    def meaning(self, answer: InstanceForm) -> Judgement:
        return Judgement(flagged=answer.verdict == "yes", unscored=ONLY_ATTEMPTS)
