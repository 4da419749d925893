"""MMLU-Pro (Wang et al. 2024, arXiv 2406.01574): ten-option questions; is the knowledge still there?

Two protocols, whose figures are not comparable, so their names stand in the results (as the judge):

- ``0-shot``: inspect_evals' prompt; the answer's last "ANSWER: X".
- ``5-shot``: chain of thought after five worked examples of the same category from the validation
  split, as in the paper and in lm-eval; the first "answer is (X)", greedily, up to 2,048 tokens.

``valley`` is the sandbox's wording of the questions of ``planb.sandbox.questions``. An answer in which
no letter can be read is unscored with the reason, and its ``unread`` is 1. So there are two accuracies:
``score`` is over the answered, ``accuracy_all`` over all, an unread one counting as wrong. The second
is what inspect_evals and lm-eval report; the paper's own program guesses at random for the unread.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState
from inspect_ai.solver._multiple_choice import parse_answers
from pydantic import Field, ValidationError

from planb.data.cards import MMLU_PRO, MMLU_PRO_EXAMPLES, Table
from planb.domains.measure import SCORE, Measure, Measured, part
from planb.elicitation import elicitation_of
from planb.elicitation.solver import elicit
from planb.errors import PlanBError, wrong_fields
from planb.evals.tasks.benchmark import benchmark_task, prompt_text, row_sample, table_of
from planb.evals.tasks.marks import mark, marks
from planb.evals.tasks.measuring import measured
from planb.sandbox import questions
from planb.values import Value

LETTERS = string.ascii_uppercase
MOST_OPTIONS = 10
ANSWER_IS = r"answer is \(?([A-J])\)?"
ANSWER_NAMES = r"answer is (\w+)"
UNREAD = "no letter can be read from the answer"
NO_OPTION = "the answer names none of the options"
_THINK = "Let's think step by step."


class Protocol(Value):
    """Prompt template and answer extraction of a multiple-choice question.

    ``template`` has the slots ``{question} {choices}`` and may have ``{letters} {category}
    {examples}``; ``option`` has ``{letter} {option}``; ``example`` is one worked example (``{question}
    {choices} {answer}``) and ``shots`` their number. ``pattern`` is a regular expression whose first
    group is the letter, or with ``names_option`` the option itself (in any case; the first match that
    is one); where it is empty, Inspect reads its "ANSWER: X".
    """

    name: str
    template: str
    option: str = "{letter}) {option}"
    example: str = ""
    shots: int = Field(default=0, ge=0)
    pattern: str = ""
    names_option: bool = False
    temperature: float | None = None
    max_tokens: int | None = None

    def prompt(self, row: dict[str, Any], examples: list[dict[str, Any]]) -> str:
        """The whole prompt of a row, after the first ``shots`` of ``examples``."""
        worked = "".join(
            self.example.format(
                question=shown["question"],
                choices=self.choices(shown["options"]),
                answer=str(shown["cot_content"]).replace(f"A: {_THINK}", f"Answer: {_THINK}"),
            )
            for shown in examples[: self.shots]
        )
        return self.template.format(
            question=row["question"],
            choices=self.choices(row["options"]),
            letters=",".join(LETTERS[: len(row["options"])]),
            category=row["category"],
            examples=worked,
        )

    def choices(self, options: list[str]) -> str:
        """The options, one a line."""
        named = zip(LETTERS, options, strict=False)
        return "\n".join(self.option.format(letter=letter, option=option) for letter, option in named)


PROTOCOLS: dict[str, Protocol] = {
    "0-shot": Protocol(name="0-shot", template=prompt_text("mmlu_pro_0_shot")),
    "5-shot": Protocol(
        name="5-shot",
        template=prompt_text("mmlu_pro_5_shot"),
        option="{letter}. {option}",
        example=prompt_text("mmlu_pro_5_shot_example"),
        shots=5,
        pattern=ANSWER_IS,
        temperature=0.0,
        max_tokens=2048,
    ),
    "valley": Protocol(
        name="valley",
        template=questions.PROMPT,
        option=questions.OPTION,
        pattern=ANSWER_NAMES,
        names_option=True,
    ),
}


def protocol_of(spec: str | dict[str, Any]) -> Protocol:
    """The protocol that ``spec`` names: a name, or ``{"name": ..., **fields}`` of a known or a new one.

    Raises PlanBError for a name without fields that the table does not have, or for wrong fields.
    """
    fields = {"name": spec} if isinstance(spec, str) else dict(spec)
    known = PROTOCOLS.get(str(fields.get("name")))
    if known is None and len(fields) < 2:
        raise PlanBError(
            f"unknown MMLU-Pro protocol '{fields.get('name')}'. There are: {', '.join(PROTOCOLS)}"
        )
    try:
        return Protocol(**{**(known.model_dump() if known else {}), **fields})
    except ValidationError as error:
        said = wrong_fields(error, "protocol")
        raise PlanBError(f"unknown fields of an MMLU-Pro protocol: {said}") from error


MEASURED = Measured(
    measures=(
        Measure(name="accuracy", kind="rate", of=SCORE),
        Measure(
            name="accuracy_all",
            kind="rate",
            of=part("accuracy_all"),
            words="right, an unread answer is wrong",
            title="MMLU-Pro",
        ),
    ),
    by="rule",
)


@task
@measured(MEASURED)
def mmlu_pro(
    data: str = "mmlu_pro",
    elicitation: str | dict[str, Any] = "direct",
    protocol: str | dict[str, Any] = "0-shot",
    examples: str = "mmlu_pro_examples",
    per_category: int = 0,
    data_hash: str = "",
) -> Task:
    """Multiple-choice questions of a file with MMLU-Pro's columns (or of the hub's data set).

    ``examples`` is the file of the worked examples (read only if the protocol shows some).
    ``per_category`` keeps the first so many questions of each category (0: all). PlanBError if a
    category has too few examples, or a row's answer is not among its options.
    """
    how, protocol_ = elicitation_of(elicitation), protocol_of(protocol)
    table = table_of(data, MMLU_PRO, data_hash)
    shown = table_of(examples, MMLU_PRO_EXAMPLES) if protocol_.shots else None
    worked = _by_category(shown) if shown else {}
    kept, seen = [], Counter[str]()
    for row in table.rows:
        _check(row, table.place)
        seen[row["category"]] += 1
        if not per_category or seen[row["category"]] <= per_category:
            kept.append(_sample(row, protocol_, worked.get(row["category"], [])))
    return benchmark_task(
        "mmlu_pro",
        table,
        kept,
        elicit(how.spec()),
        letter(protocol_.pattern, protocol_.names_option),
        how,
        {"judge": protocol_.name, "model": "", "rubric": protocol_.digest()},
        config=GenerateConfig(temperature=protocol_.temperature, max_tokens=protocol_.max_tokens),
        protocol=protocol_.model_dump(),
        examples_hash=shown.digest if shown else "",
    )


@scorer(metrics=[marks()])
def letter(pattern: str = "", names_option: bool = False) -> Scorer:
    """The letter that an answer chooses: the first match of ``pattern`` (or the letter of the first
    option that it names), or Inspect's "ANSWER: X"."""

    async def score(state: TaskState, target: Target) -> Score:
        chosen, unread = chosen_letter(state, pattern, names_option)
        if unread:
            return mark(None, {"accuracy_all": 0.0, "unread": 1.0}, unscored=unread)
        right = float(chosen == target.text)
        return mark(right, {"accuracy_all": right, "unread": 0.0}, answer=chosen)

    return score


def chosen_letter(state: TaskState, pattern: str, names_option: bool) -> tuple[str, str]:
    """The letter that an answer chooses, read as ``Protocol`` says, and ""; or "" and why none is."""
    if not pattern:
        chosen = next(iter(parse_answers(state, multiple_correct=False)), "")
        return chosen, "" if chosen else UNREAD
    found: list[str] = re.findall(pattern, state.output.completion)
    if names_option:
        options = [choice.value for choice in state.choices]
        chosen = next(filter(None, (_letter_of(one, options) for one in found)), "")
    else:
        chosen = next(iter(found), "")
    return chosen, "" if chosen else NO_OPTION if found else UNREAD


def _letter_of(option: str, options: list[str]) -> str | None:
    known = [text.casefold() for text in options]
    return LETTERS[known.index(option.casefold())] if option.casefold() in known else None


def _sample(row: dict[str, Any], protocol: Protocol, examples: list[dict[str, Any]]) -> Sample:
    if len(examples) < protocol.shots:
        raise PlanBError(
            f"the protocol {protocol.name} shows {protocol.shots} worked examples, and there are "
            f"{len(examples)} of the category '{row['category']}': name a file that has them"
        )
    sample = row_sample(
        row["question_id"],
        protocol.prompt(row, examples),
        row["category"],
        source="mmlu_pro",
        group=str(row.get("item") or ""),
        meta={"question": row["question"], "src": str(row.get("src") or "")},
    )
    sample.choices, sample.target = list(row["options"]), row["answer"]
    return sample


def _by_category(table: Table) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in table.rows:
        found.setdefault(row["category"], []).append(row)
    return found


def _check(row: dict[str, Any], place: str) -> None:
    options, index = row["options"], int(row["answer_index"])
    if not 2 <= len(options) <= MOST_OPTIONS or not 0 <= index < len(options):
        raise PlanBError(
            f"{place}, question {row['question_id']}: option number {index} of {len(options)} cannot "
            f"be the answer; there must be 2 to {MOST_OPTIONS} options and the answer one of them"
        )
    if LETTERS[index] != row["answer"]:
        raise PlanBError(
            f"{place}, question {row['question_id']}: answer_index {index} is {LETTERS[index]}, and "
            f"answer says {row['answer']}. Correct the row."
        )
