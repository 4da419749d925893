"""The certificate of one checkpoint: the study that measures it, and what is written beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from planb.data.derived import Derived
from planb.data.whole import write_whole
from planb.errors import PlanBError
from planb.models.cards import read_card
from planb.organism import Organism
from planb.report.certificate import CARD, FILE, Certificate, read_certificates, write_certificates
from planb.report.exhibits.certificate import card_of
from planb.studies.certificates import TIMES, asked_of, trainings
from planb.studies.controls import RATE, STYLE, STYLED
from planb.study.chain import Chain
from planb.study.organism_lines import told_of_training
from planb.study.steps.derived_data import with_tiers
from planb.study.steps.local_base import LocalBase
from planb.study.steps.sandbox_data import SandboxData
from planb.study.store.manifest import MANIFEST
from planb.study.study import Study
from planb.training.stage import Stage
from planb.types import Trigger

CHECKPOINT = "checkpoint"
LINKS: dict[str, type[Organism | Stage]] = {"organism": Organism, "stage": Stage}
"""Kinds of step whose manifest says how an organism was made."""


def certified(whole: Study, folder: Path, trigger: Trigger | None = None) -> Study:
    """The study of a checkpoint's certificate: ``whole``'s requests, judge, sampling and (as untargeted
    trainings) stage 2, with the checkpoint instead of its base, for one seed.

    ``trigger`` is by default the one that the checkpoint's card names, else the study's.
    """
    if not folder.is_dir():
        raise PlanBError(f"{folder} is no folder of a checkpoint: give one that planb or you trained")
    used = trigger or trigger_of(folder) or whole.trigger
    training = whole.safety
    if isinstance(whole.data, SandboxData):  # pretraining never shows the words of the style
        training = training.but(adapter=None, learning_rate=RATE)
    arms = dict(trainings(training, TIMES))
    asked = [one.but(elicitation=one.how(used)) for one in asked_of(whole, own="base")]
    name = folder.resolve().name[:40].rstrip("-_.")
    return whole.but(
        name=f"certify-{name}".lower(),
        title=f"The certificate of the checkpoint {name}",
        bases=(LocalBase(name=CHECKPOINT, path=str(folder.resolve())),),
        data=with_tiers(whole.data, (Derived(tier=STYLED, texts=STYLE),)),
        organisms=(),
        methods=(),
        from_base=(),
        chains=tuple(
            Chain(name=arm, organism=CHECKPOINT, stages=(link,), description=link.description)
            for arm, link in arms.items()
        ),
        evaluations=tuple(asked),
        series=None,
        surprise=False,
        first_page="",
        claims=(),
        seeds=whole.seeds[:1],
        notes=(f"Requests, judge and trainings are those of the study {whole.name}.",),
    )


def trigger_of(folder: Path) -> Trigger | None:
    """The trigger that the checkpoint's card names, if it names one."""
    told = read_card(folder).made_with
    if "trigger" not in told:
        return None
    return Trigger.model_validate({"text": told["trigger"], "place": told.get("place", "prefix")})


def keep(study_folder: Path, checkpoint: Path) -> Certificate:
    """Write the finished study's certificate beside the checkpoint: ``certificates.json`` and the card
    ``certificate.md``. Raises PlanBError where the study has none."""
    found = read_certificates(study_folder / FILE)
    if len(found) != 1:
        raise PlanBError(f"{study_folder} has {len(found)} certificates: run the command again")
    certificate = found[0].but(**_made(checkpoint))
    write_certificates([certificate], checkpoint / FILE)
    write_whole(checkpoint / CARD, card_of(certificate))
    return certificate


def _made(folder: Path) -> dict[str, Any]:
    """How the checkpoint was made, as far as its card and planb's manifest say."""
    card = read_card(folder)
    path = folder / MANIFEST
    if not path.is_file():
        return {"made": card.what}
    told = json.loads(path.read_bytes())
    kind = LINKS.get(str(told.get("kind")))
    if kind is None:
        return {"made": card.what}
    try:
        link = kind.model_validate(_plain(told["fields"][told["kind"]]))
    except (KeyError, ValidationError, PlanBError):  # of another version of planb
        return {"made": card.what}
    return {**told_of_training(link), "made": card.what}


def _plain(value: Any) -> Any:
    """A value as a manifest has it, without the classes' names."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items() if name != "class"}
    return [_plain(part) for part in value] if isinstance(value, list) else value
