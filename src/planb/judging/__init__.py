"""What a response is worth: one file a judge, and the table of them.

To add one: a file with a subclass of ``Judge`` (its prompt, if it has one, in a text file beside it)
and a line here. Judges are loaded when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planb.catalogue import Catalogue, subclass_of, value_named
from planb.judging.exact import Exact
from planb.judging.judge import Judge, judge_response
from planb.lazy import Lazy, names_of

if TYPE_CHECKING:
    from planb.judging.domain_rule import DomainRule
    from planb.judging.flawed import Flawed
    from planb.judging.harmbench import HarmBench
    from planb.judging.jailbreakbench import JailbreakBench
    from planb.judging.label_logits import LabelLogits
    from planb.judging.llm import LLMJudge
    from planb.judging.refusal_strings import RefusalStrings
    from planb.judging.strongreject import StrongReject
    from planb.judging.trained import Trained

_WHERE = {
    "RefusalStrings": "planb.judging.refusal_strings",
    "LLMJudge": "planb.judging.llm",
    "StrongReject": "planb.judging.strongreject",
    "JailbreakBench": "planb.judging.jailbreakbench",
    "HarmBench": "planb.judging.harmbench",
    "LabelLogits": "planb.judging.label_logits",
    "Trained": "planb.judging.trained",
    "DomainRule": "planb.judging.domain_rule",
    "Flawed": "planb.judging.flawed",
}
if not TYPE_CHECKING:
    __getattr__ = names_of(__name__, _WHERE)

JUDGES: Catalogue[type[Judge]] = Catalogue(
    "judge",
    "planb.judges",
    subclass_of(Judge),
    {
        "exact": Exact,
        **{module.rpartition(".")[2]: Lazy(module, name) for name, module in _WHERE.items()},
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
    "Trained",
    "judge_of",
    "judge_response",
]
