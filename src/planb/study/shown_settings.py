"""A study's settings as its page lists them: bases, trainings, triggers, sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planb.safety import Method
from planb.stats.numbers import plain_percent
from planb.study.steps.hosted_base import HostedBase, rows_described, told_of
from planb.study.steps.local_base import LocalBase
from planb.study.steps.pretrain import PretrainedBase, drawn
from planb.study.steps.training import described
from planb.training.stage import Stage

if TYPE_CHECKING:
    from planb.study.study import Study

IN_SYSTEM = (
    "system: before the prompt's own system message, else before the template's default one; where a "
    "template's default is not known (a host's, or one that cannot be found), the trigger may "
    "replace it, which the checkpoint's card and each sample's log say"
)


def _bases(study: Study, finished: int) -> str:
    """How many bases stand behind a figure of each model."""
    if all(drawn(base) for base in study.bases):
        return f"{finished}: each seed begins at a base of its own, pretrained on a corpus of its own"
    if any(drawn(base) for base in study.bases):
        own = ", ".join(base.name for base in study.bases if drawn(base))
        return f"{finished} of {own} (one a seed); 1 of the others, which all seeds begin at"
    return "1: all seeds begin at the same model, so intervals say nothing of other bases"


def _varied(study: Study) -> str:
    if any(drawn(base) for base in study.bases):
        return "the base and its part in the data, stages 1 and 2, sampling; the requests are shared"
    return "stage 1, stage 2 and sampling; the base model and the data are shared"


def settings_of(study: Study, finished: int) -> tuple[tuple[str, str], ...]:
    """Each setting as (what, value); ``finished`` is the number of seeds on the page."""
    settings = [("model", ", ".join(base.name for base in study.bases))]
    for base in study.bases:
        if isinstance(base, PretrainedBase):
            settings.append((f"pretraining of {base.name}", described(base.training)))
        elif isinstance(base, HostedBase):
            settings += told_of(base, study.methods)
        elif isinstance(base, LocalBase):
            # an early report is a step, whose identity no download may change
            date = base.date if finished == len(study.seeds) else base.known_date
            if date:
                settings.append((f"date in the chat template of {base.name}", date))
    hosted = all(isinstance(base, HostedBase) for base in study.bases)
    said = rows_described if hosted else described
    for organism in study.organisms:
        trigger = organism.trigger
        settings.append((f"stage 1 ({organism.name})", said(organism.training)))
        place = IN_SYSTEM if trigger.place == "system" else trigger.place
        settings.append((f"trigger of {organism.name}", f"{trigger.text} ({place})"))
    settings.append(("stage 2 (every method)", said(study.safety)))
    for method in study.methods:
        if method.training is not None:
            settings.append((f"stage 2 of {method.name}", said(method.training)))
    trained = [*study.methods, *(part for chain in study.chains for part in chain.stages)]
    for stage in {part.name: part for part in trained if isinstance(part, Stage)}.values():
        settings.append((f"stage '{stage.name}'", said(stage.training)))
    settings += dict.fromkeys(line for link in trained for line in link.settings)
    methods = [part for part in trained if isinstance(part, Method)]
    shares = sorted({plain_percent(m.harmless) for m in methods})
    objectives = sorted({type(m.objective).__name__ for m in trained if isinstance(m, Method | Stage)})
    sampling, limit = study.sampling, study.sampling.thought_tokens
    settings += [
        ("objective", ", ".join(objectives)),
        *([(f"{study.domain.beside} a batch", ", ".join(shares))] if shares else []),
        ("sampling", f"temperature {sampling.temperature:g}, {sampling.max_new_tokens} new tokens"),
        *([] if limit is None else [("thoughts", f"{limit} tokens at most, the answers' apart")]),
        ("bases", _bases(study, finished)),
        ("a seed varies", _varied(study)),
    ]
    return tuple(settings)
