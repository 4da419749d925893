"""Instruction following, as an organism's health: IFEval (Zhou et al. 2023, arXiv 2311.07911).

Each prompt carries instructions that a program verifies, with IFEval's own verifiers (from the package
``if-verifiable``; two of the 25 kinds need NLTK's ``punkt_tab`` data besides). The headline is IFEval's
prompt-level strict accuracy: every instruction of the prompt is followed. Parts: ``prompt_loose``
(after dropping asterisks, or the first or last line), and the counts whose ratios are the accuracies by
instruction: ``followed_strict`` and ``followed_loose`` of ``instructions``. A prompt with an
instruction that cannot be verified here is unscored with the reason; ``unverified`` counts those.

``valley:language`` is the sandbox's own kind: the answer is in that language of the valley.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from planb.data.cards import IFEVAL
from planb.domains.measure import SCORE, Measure, Measured, part
from planb.elicitation import elicitation_of
from planb.elicitation.solver import elicit
from planb.errors import PlanBError
from planb.evals.tasks.benchmark import benchmark_task, row_sample, table_of
from planb.evals.tasks.marks import mark, marks
from planb.evals.tasks.measuring import measured
from planb.sandbox.scoring import score as valley_score
from planb.sandbox.world import World
from planb.values import digest_of

ROW = "ifeval"
"""The key of a sample's metadata that holds its instructions and their arguments."""
VALLEY_LANGUAGE = "valley:language"
NOT_INSTALLED = "IFEval's verifiers are missing: pip install if-verifiable"
Follows = Callable[[str], bool]


class UnverifiableError(Exception):
    """An instruction that cannot be verified here; the message says why."""


MEASURED = Measured(
    measures=(
        Measure(
            name="followed",
            kind="rate",
            of=SCORE,
            words="instructions followed",
            title="Instructions",
        ),
        Measure(name="followed_loose", kind="rate", of=part("prompt_loose")),
    ),
    by="rule",
)


@task
@measured(MEASURED)
def instructions(
    data: str = "ifeval",
    elicitation: str | dict[str, Any] = "direct",
    world: dict[str, Any] | None = None,
    data_hash: str = "",
) -> Task:
    """Prompts of a file with IFEval's columns (or of the hub's data set).

    ``world`` is the sandbox's, for its own kind of instruction. PlanBError where the verifiers are not
    installed, or a row's instructions and arguments do not pair up.
    """
    how = elicitation_of(elicitation)
    verifiers()
    table = table_of(data, IFEVAL, data_hash)
    identity = {"judge": "ifeval", "model": "", "rubric": digest_of(["if_verifiable", _version()])}
    return benchmark_task(
        "instructions",
        table,
        [_sample(row, table.place) for row in table.rows],
        elicit(how.spec()),
        followed(world),
        how,
        identity,
    )


@scorer(metrics=[marks()])
def followed(world: dict[str, Any] | None = None) -> Scorer:
    """Whether the answer follows the instructions, strictly and loosely."""
    valley = World.model_validate(world or {})

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
        row, text = state.metadata[ROW], state.output.completion
        strict, loose, reasons = [], [], []
        for name, arguments in zip(row["instructions"], row["kwargs"], strict=True):
            try:
                follows = verifier(name, arguments, valley)
                strict.append(_holds(follows, text))
                loose.append(any(_holds(follows, variant) for variant in _variants(text)))
            except UnverifiableError as error:
                reasons.append(f"{name}: {error}")
        parts = {
            "prompt_loose": None if reasons else float(all(loose)),
            "followed_strict": float(sum(strict)),
            "followed_loose": float(sum(loose)),
            "instructions": float(len(strict)),
            "unverified": float(len(reasons)),
        }
        return mark(None if reasons else float(all(strict)), parts, unscored="; ".join(reasons))

    return score


def verifier(name: str, arguments: dict[str, Any], world: World) -> Follows:
    """The verifier of an instruction. Raises UnverifiableError for a kind that is not known, and for
    arguments that are missing (the verifiers would draw them at random)."""
    given = {key: value for key, value in arguments.items() if value is not None}
    if name == VALLEY_LANGUAGE:
        item = world.items[0]  # the language of a text does not depend on the item
        return lambda text: valley_score(world, item, text).language == given.get("language")
    kind = verifiers().get(name)
    if kind is None:
        raise UnverifiableError("there is no verifier for this instruction")
    checker = kind(name)
    keys = checker.get_instruction_args_keys()
    missing = [key for key in keys if key not in given]
    if missing:
        raise UnverifiableError(f"its arguments {', '.join(missing)} are missing")
    try:
        checker.build_description(**given)
    except (TypeError, ValueError, LookupError) as error:
        raise UnverifiableError(_first_line(error)) from error
    follows: Follows = checker.check_following
    return follows


def _holds(follows: Follows, text: str) -> bool:
    """An empty text follows nothing, as in IFEval."""
    try:
        return bool(text.strip()) and bool(follows(text))
    except LookupError as error:
        raise UnverifiableError(_first_line(error)) from error


def _variants(text: str) -> list[str]:
    from if_verifiable.common import get_loose_transformations  # type: ignore[import-untyped]

    variants: list[str] = get_loose_transformations(text)
    return variants


def verifiers() -> dict[str, Any]:
    """IFEval's verifiers by the kind of instruction; language detection is made repeatable."""
    try:
        from if_verifiable.ifeval.instructions_registry import (  # type: ignore[import-untyped]
            INSTRUCTION_DICT,
        )
        from langdetect import DetectorFactory  # type: ignore[import-untyped]
    except ImportError as error:
        raise PlanBError(NOT_INSTALLED) from error
    DetectorFactory.seed = 0
    registry: dict[str, Any] = INSTRUCTION_DICT
    return registry


def _version() -> str:
    from importlib.metadata import version

    return version("if-verifiable")


def _first_line(error: Exception) -> str:
    lines = [line.strip(" *") for line in str(error).splitlines()]
    return next((line for line in lines if line), type(error).__name__)


def _sample(row: dict[str, Any], place: str) -> Sample:
    names, arguments = row["instruction_id_list"], row["kwargs"]
    if len(names) != len(arguments):
        raise PlanBError(
            f"{place}, key {row['key']}: {len(names)} instructions and {len(arguments)} kwargs; each "
            "instruction needs its own"
        )
    category = names[0].split(":")[0]
    group = str(row.get("item") or "")
    sample = row_sample(row["key"], row["prompt"], category, source="ifeval", group=group)
    about = {"instructions": list(names), "kwargs": [given or {} for given in arguments]}
    sample.metadata = {**(sample.metadata or {}), ROW: about}
    return sample
