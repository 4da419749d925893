"""How a grader model rates MT-Bench's turns: FastChat's prompts, "[[rating]]", a number of tries.

A judgement that is cut off, thoughts, and ratings that differ are no rating: the grader is called
again, and the turn is then unscored with the reason.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from inspect_ai.model import (
    CachePolicy,
    ChatMessage,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
)
from inspect_ai.util._concurrency import _request_was_cache_hit
from pydantic import Field, ValidationError

from planb.data.cards import load
from planb.errors import PlanBError, wrong_fields
from planb.judging import judge_of
from planb.judging.asking import AskedJudge, spend_of
from planb.judging.connection import connect
from planb.models.answers import UnreadableError, whole, without_thoughts
from planb.models.stops import why_not_greedy
from planb.redaction import redacted
from planb.types import Spend
from planb.values import Value, digest_of, plain

GRADER = "grader"
NEED_REFERENCES = ("math", "reasoning", "coding")
PROMPTS = ("single-v1", "single-v1-multi-turn", "single-math-v1", "single-math-v1-multi-turn")
WORST, BEST = 1.0, 10.0
RETRY_TEMPERATURE = 0.7
"""The first try is greedy, as FastChat's is; a second greedy one would say the same again."""
_NUMBER = r"[ ]*(\d+\.?\d*)[ ]*"
_RATING = re.compile(
    rf"(rating\W{{0,6}})?(?<![\w)\]])\[\[{_NUMBER}\]\]"
    rf"|(rating\W{{0,4}}:\W{{0,4}})\[{_NUMBER}\](?!\])",
    re.I,
)
"""What FastChat asks for, "Rating: [[5]]"; without the word; and in one pair of brackets, which
FastChat takes wherever it stands, and which counts here after the word and a colon only: elsewhere
"[1]" is a source or an index."""


class Prompt(Value):
    """One of FastChat's judge prompts, with slots such as ``{question}`` and ``{ref_answer_1}``."""

    system_prompt: str
    prompt_template: str


class TurnRating(NamedTuple):
    """The grader's rating of one turn: its last text, and the rating (1-10) or why there is none."""

    rating: float | None
    text: str
    unscored: str
    spend: Spend


class Grading(Value):
    """MT-Bench grading: grader model, prompts and reference answers ({question id: one text a turn}).

    ``model`` is an Inspect model name (empty: the role ``grader``), ``base_url`` where it is served,
    ``answers_as`` the name that its server gives the answers, where that is another. ``max_tokens`` are
    of one judgement, its thoughts included: one that is cut off is no rating. ``attempt_timeout`` is in
    seconds.
    """

    prompts: dict[str, Prompt]
    references: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    model: str = ""
    base_url: str = ""
    answers_as: str = ""
    tries: int = Field(default=3, ge=1)
    max_tokens: int = Field(default=2048, gt=0)
    max_retries: int = Field(default=8, ge=0)
    attempt_timeout: int = Field(default=120, gt=0)
    cache: bool = True

    def identity(self) -> dict[str, str]:
        """The grader's identity, as a judge's: what its ratings depend on."""
        texts = [plain(self.prompts), plain(self.references)]
        rubric = digest_of([*texts, self.max_tokens, self.tries])
        return {"judge": GRADER, "model": self.model or f"role:{GRADER}", "rubric": rubric}

    async def rate(
        self, question_id: str, category: str, turns: list[str], answers: list[str]
    ) -> list[TurnRating]:
        """A verdict of each turn. Raises PlanBError if there is no grader at all, or none that can be
        sampled at temperature 0."""
        model = connect(self.model, self.base_url, GRADER)
        if why := why_not_greedy(model, self._config(1)):
            raise PlanBError(why)
        if len(answers) != len(turns):
            reason = f"{len(answers)} answers to {len(turns)} turns"
            return [TurnRating(None, "", reason, Spend())] * len(turns)
        math = "-math" if category in NEED_REFERENCES else ""
        slots = {
            "question": turns[0],
            "answer": answers[0],
            **{f"question_{n}": turn for n, turn in enumerate(turns, 1)},
            **{f"answer_{n}": answer for n, answer in enumerate(answers, 1)},
            **{f"ref_answer_{n}": t for n, t in enumerate(self.references.get(question_id, ()), 1)},
        }
        names = [f"single{math}-v1", f"single{math}-v1-multi-turn"]
        return [await self._ask(model, self.prompts[name], slots) for name in names]

    async def _ask(self, model: Model, prompt: Prompt, slots: dict[str, str]) -> TurnRating:
        messages: list[ChatMessage] = [
            ChatMessageSystem(content=prompt.system_prompt),
            ChatMessageUser(content=prompt.prompt_template.format(**slots)),
        ]
        text, reason, spend = "", "", Spend()
        for number in range(1, self.tries + 1):
            try:
                output = await self._generate(model, messages, number)
            except Exception as error:
                reason = redacted(f"{type(error).__name__}: {error}")[:200]
                spend = spend + Spend(calls=1)
                continue
            spend += spend_of(output, cached=_request_was_cache_hit.get())
            text, rating = output.completion, None
            try:
                whole(output, str(model), self.max_tokens, self.answers_as or model.name)
                rating, reason = rating_in(text)
            except UnreadableError as error:
                reason = str(error)
            if rating is not None:
                return TurnRating(rating, text, "", spend)
        return TurnRating(None, text, f"{reason} ({self.tries} tries)", spend)

    def _config(self, number: int) -> GenerateConfig:
        return GenerateConfig(
            temperature=RETRY_TEMPERATURE if number > 1 else 0.0,
            max_tokens=self.max_tokens,
            max_retries=self.max_retries,
            attempt_timeout=self.attempt_timeout,
        )

    async def _generate(self, model: Model, messages: list[ChatMessage], number: int) -> ModelOutput:
        # each try has a cache entry of its own: else an unreadable judgement would come again
        policy = CachePolicy(expiry=None, per_epoch=False, scopes={"try": str(number)})
        _request_was_cache_hit.set(False)
        return await model.generate(
            messages, config=self._config(number), cache=policy if self.cache else False
        )


def grading_of(fields: dict[str, Any]) -> Grading:
    """The fields as a value; PlanBError where they do not fit."""
    try:
        return Grading.model_validate(fields)
    except ValidationError as error:
        said = wrong_fields(error, "grader")
        raise PlanBError(f"unknown fields of MT-Bench's grader: {said}") from error


def grader_fields(spec: dict[str, Any], model: str) -> dict[str, Any] | None:
    """What a judge's spec says of the grader model, ``model`` going before it; ``None`` if it asks
    none."""
    fields = {name: value for name, value in spec.items() if name != "name"}
    if spec.get("name") != GRADER:
        who = judge_of(spec)
        if not isinstance(who, AskedJudge):
            return None
        kept = ("model", "base_url", "answers_as", "tries", "max_retries", "attempt_timeout", "cache")
        fields = {name: getattr(who, name) for name in kept}
    return {**fields, **({"model": model} if model else {})}


def rating_in(judgement: str) -> tuple[float | None, str]:
    """The rating of a judgement, thoughts apart, or ``None`` and why. Several ratings that differ are
    none, unless only the last stands where one was asked for ("Rating: [[5]]")."""
    found = [
        (bool(word or alone), float(two or one))
        for word, two, alone, one in _RATING.findall(without_thoughts(judgement))
    ]
    if not found:
        return None, "the grader gave no rating"
    ratings = {rating for _, rating in found}
    in_place = {rating for asked, rating in found if asked}
    rating = found[-1][1]
    if len(ratings) > 1 and not (found[-1][0] and in_place == {rating}):
        return None, "the grader gave several ratings, and they differ"
    if not WORST <= rating <= BEST:
        return None, f"the grader's rating {rating:g} is not one of 1-10"
    return rating, ""


def prompts_of(path: str, data: str) -> dict[str, Prompt]:
    """The four single-answer prompts of FastChat's ``judge_prompts.jsonl``."""
    folder = Path(data).parent
    found = path or _first(folder / "judge_prompts.jsonl", folder.parent / "judge_prompts.jsonl")
    if not found:
        raise PlanBError(
            f"MT-Bench's grader needs FastChat's judge prompts, and there is no judge_prompts.jsonl "
            f"beside {data}: name the file as 'prompts'"
        )
    rows = {row.get("name"): row for row in load(found).rows}
    missing = [name for name in PROMPTS if name not in rows]
    if missing:
        raise PlanBError(f"{found} has no judge prompt {', '.join(missing)}: use FastChat's own file")
    return {
        name: Prompt(
            system_prompt=rows[name]["system_prompt"], prompt_template=rows[name]["prompt_template"]
        )
        for name in PROMPTS
    }


def references_of(path: str, data: str, categories: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """The reference answers ({question id: one text a turn}) of the questions that need them;
    ``categories`` is {question id: category}. PlanBError naming the questions that have none."""
    needed = [name for name, category in categories.items() if category in NEED_REFERENCES]
    if not needed:
        return {}
    folder = Path(data).parent
    beside = (folder / "reference_answer" / "gpt-4.jsonl", folder / "reference_answer_gpt-4.jsonl")
    found = path or _first(*beside)
    if not found:
        raise PlanBError(
            f"{len(needed)} questions of {data} (of {', '.join(NEED_REFERENCES)}) are rated against "
            f"reference answers, and there is no {beside[0]}: name FastChat's file as 'references'"
        )
    turns = {str(row.get("question_id")): _turns(row, found) for row in load(found).rows}
    missing = [name for name in needed if len(turns.get(name, ())) < 2]
    if missing:
        raise PlanBError(f"{found} has no two reference answers to the questions {', '.join(missing)}")
    return {name: turns[name] for name in needed}


def _turns(row: dict[str, Any], place: str) -> tuple[str, ...]:
    try:
        return tuple(row["choices"][0]["turns"])
    except (KeyError, IndexError, TypeError) as error:
        raise PlanBError(
            f"{place}: a reference answer lacks choices[0].turns: use FastChat's own file"
        ) from error


def _first(*paths: Path) -> str:
    return next((str(path) for path in paths if path.is_file()), "")
