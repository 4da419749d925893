"""What a response is worth: one file a judge, and the table of them.

To add one: a file with a subclass of ``Judge`` (its prompt, if it has one, in a text file beside it)
and a line here.
"""

from __future__ import annotations

from typing import Any

from planb.catalogue import Catalogue, subclass_of, value_named
from planb.judging.domain_rule import DomainRule
from planb.judging.exact import Exact
from planb.judging.flawed import Flawed
from planb.judging.harmbench import HarmBench
from planb.judging.jailbreakbench import JailbreakBench
from planb.judging.judge import Judge, judge_response
from planb.judging.label_logits import LabelLogits
from planb.judging.llm import LLMJudge
from planb.judging.refusal_strings import RefusalStrings
from planb.judging.strongreject import StrongReject
from planb.judging.trained import Trained

JUDGES: Catalogue[type[Judge]] = Catalogue(
    "judge",
    "planb.judges",
    subclass_of(Judge),
    {
        "exact": Exact,
        "refusal_strings": RefusalStrings,
        "llm": LLMJudge,
        "strongreject": StrongReject,
        "jailbreakbench": JailbreakBench,
        "harmbench": HarmBench,
        "label_logits": LabelLogits,
        "trained": Trained,
        "domain_rule": DomainRule,
        "flawed": Flawed,
    },
)


def judge_of(spec: str | dict[str, Any] | Judge) -> Judge:
    """The judge that ``spec`` names: a value, a name, or ``{"name": ..., **fields}``.

    Raises PlanBError for a name that ``JUDGES`` does not have, or fields that do not fit.
    """
    if isinstance(spec, Judge):
        return spec
    return value_named(spec, JUDGES)


__all__ = [
    "JUDGES",
    "DomainRule",
    "Exact",
    "Flawed",
    "HarmBench",
    "JailbreakBench",
    "Judge",
    "LLMJudge",
    "LabelLogits",
    "RefusalStrings",
    "StrongReject",
    "judge_of",
    "judge_response",
]
