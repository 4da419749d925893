"""The requests of an evaluated split, as far as they can be had before anything is run."""

from __future__ import annotations

from planb.study.steps.derived_data import DerivedDataStep
from planb.study.steps.domain_data import DomainDataStep
from planb.study.steps.file_data import FileDataStep
from planb.study.steps.own_words import OwnWordsStep
from planb.study.steps.request_data import RequestsStep, TieredStep, WritingStep
from planb.study.steps.sandbox_data import SandboxDataStep
from planb.study.steps.step import Step
from planb.types import Example


def asked_now(data: Step, split: str) -> list[Example] | None:
    """What ``data`` will write for an evaluated split; None where that is not known yet (a set of
    the hub's, a step of the user's own).

    Of sets in files it is all that may get into the split: near-duplicates are not looked for.
    """
    match data:
        case DerivedDataStep() | TieredStep() | WritingStep() | OwnWordsStep():
            return asked_now(data.source, split)
        case FileDataStep() | DomainDataStep():
            return data.examples(split)
        case SandboxDataStep():
            return data.asked(split)
        case RequestsStep():
            return data.candidates(split)
    return None
