"""Judges and models that are called: is everything there that they need, before step 1?"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection
from typing import Any

from planb.errors import PlanBError
from planb.evals.own_loop import completed
from planb.judging import Judge, judge_of
from planb.judging.asking import ROLE, AskedJudge
from planb.judging.label_logits import LabelLogits
from planb.models.stops import GREEDY_REFUSED
from planb.study.steps.served import called
from planb.types import ANSWERS
from planb.values import Value, digest_of, plain

LOADING = ("hf", "nnterp", "transformer_lens", "vllm", "sglang")
"""Inspect's providers that load weights, or start a server, when a model of theirs is made."""
_known: set[str] = set()
"""What was found in order in this process, by a digest: many steps share it."""


def check_judge(judge: Judge, served: Collection[str] = (), roles: Collection[str] = ()) -> None:
    """Raises PlanBError if the judge could not judge: its class cannot be found again in another
    process, or it has no model, key, prompt or file.

    ``served`` are the names of models that the study itself serves, ``roles`` those that an evaluation
    has a model for.
    """
    if seen("judge", judge, sorted(served), sorted(roles)):
        return
    found_again(judge, "judge", judge_of)
    if isinstance(judge, AskedJudge):
        if not judge.model and ROLE not in roles:
            raise PlanBError(
                f"the judge '{judge.title}' names no model, and the evaluation has none in the role "
                f"'{ROLE}': name one of Inspect's (model=...)"
            )
        whose = f"the judge '{judge.title}'"
        check_model(judge.model, served, whose, judge.temperature, judge.base_url)
    try:
        _check_identity(judge)
        if not isinstance(judge, LabelLogits) and not _comes_later(judge, served):
            _in_a_loop(judge)
    except PlanBError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise PlanBError(f"the judge '{judge.title}' cannot judge: {said}") from error
    note("judge", judge, sorted(served), sorted(roles))


def _check_identity(judge: Judge) -> None:
    identity, whose = judge.identity(), f"the judge '{judge.title}'"
    said = [name for name in ("judge", "model", "rubric") if isinstance(identity.get(name), str)]
    if len(said) < 3 or not all(isinstance(value, str) for value in identity.values()):
        raise PlanBError(f"the identity of {whose} must hold texts, and at least judge, model, rubric")
    if wrong := sorted({*judge.gives} - {*ANSWERS}):
        raise PlanBError(f"{whose} gives {', '.join(wrong)}: it can give {', '.join(ANSWERS)}")
    if not inspect.iscoroutinefunction(judge.judge):
        raise PlanBError(f"the method `judge` of {whose} must be `async def`")


def check_model(
    name: str,
    served: Collection[str],
    whose: str,
    temperature: float | None = None,
    base_url: str = "",
) -> None:
    """Raises PlanBError if Inspect knows no such model, or has no key for it; ``whose`` it is. Nothing
    that would load weights is made."""
    provider = name.partition("/")[0]
    if not name or name in map(called, served):
        return
    if provider in GREEDY_REFUSED and temperature == 0:
        raise PlanBError(
            f"{whose} asks {name} at temperature 0, and Inspect's provider {provider} refuses that: "
            "name the same weights planb/<folder or hub id>"
        )
    if provider in LOADING or seen("model", name, base_url):
        return
    from planb.judging.connection import made

    try:
        made(name, base_url)
    except Exception as error:
        raise PlanBError(
            f"{whose}: the model {name} is not available: {plain_words(error)}. Name a model "
            "of Inspect's, and set its key"
        ) from error
    note("model", name, base_url)


def plain_words(error: Exception) -> str:
    """One line, without the marks of Inspect's colours."""
    return " ".join(re.sub(r"\[/?[a-z]+\]", "", str(error)).split())


def found_again(value: Value, what: str, again: Callable[[Any], Value]) -> None:
    """A judge or an elicitation travels into a log, and into other processes, as its name and fields:
    they must make the same value there."""
    kind = type(value)
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        raise PlanBError(
            f"the {what} {kind.__qualname__} is defined where no other process can import it: put the "
            "class at the top of a module, or of the study's own file"
        )
    made = again(value.spec())  # type: ignore[attr-defined]
    if type(made) is not kind:
        raise PlanBError(
            f"the {what} {kind.__qualname__} is taken for {type(made).__qualname__}, which "
            f"{kind.__module__} has under its name: give it another name"
        )


def _comes_later(judge: Judge, served: Collection[str]) -> bool:
    """Whether its model is not there yet, or would be loaded by looking."""
    if not isinstance(judge, AskedJudge):
        return False
    provider = judge.model.partition("/")[0]
    return not judge.model or provider in LOADING or judge.model in map(called, served)


def _in_a_loop(judge: Judge) -> None:
    async def ready() -> None:
        try:
            await judge.ready()
        finally:
            await judge.close()

    completed(ready())


def seen(*what: object) -> bool:
    return _digest(what) in _known


def note(*what: object) -> None:
    _known.add(_digest(what))


def _digest(what: tuple[object, ...]) -> str:
    return digest_of([plain(part) for part in what])
