"""Judges that are models: one form, requested again until the answer can be read.

Any model that Inspect knows is called in Inspect's way (its retries, connections, cache, batches and
prices). Whatever goes wrong, and goes wrong ``tries`` times, leaves the response unscored with the last
problem as its reason: no number is ever made of a failure.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from planb.errors import PlanBError
from planb.judging.connection import BATCHING, connect, disconnect
from planb.judging.judge import Judge
from planb.judging.prompts import fill, prompt_text
from planb.judging.reading import Form, read
from planb.models.answers import UnreadableError, whole
from planb.models.stops import why_not_greedy
from planb.redaction import redacted
from planb.types import Example, Judgement, Spend
from planb.values import digest_of

if TYPE_CHECKING:
    from inspect_ai.model import GenerateConfig, Model, ModelOutput

ROLE = "grader"
"""Inspect's role that is called where no model is named: ``inspect eval --model-role grader=...``."""
_MANY = 10_000
_NO_SCHEMA = ("planb",)
"""Providers that take no schema of the answer, and say so with an error."""


class AskedJudge(Judge):
    """A judge that is a model with a rubric (LLM-as-a-judge). Subclasses name their ``form`` and
    ``file`` and say what an answer means (``meaning``).

    ``model`` is an Inspect model name (``openai-api/local/judge``); empty is the role ``grader`` of the
    running evaluation. ``base_url`` is where it is served. ``answers_as`` is the name that its server
    gives the answers, where that is another: an answer in any other name is none (a dated version of
    the model asked is no other). ``called`` is what tables call this judge.
    ``prompt`` is the path of a prompt of one's own. ``structured`` sends a schema of the answer to
    providers that take one. ``attempt_timeout`` is in seconds. ``batch`` uses the provider's batch API.
    """

    form: ClassVar[type[Form]]
    file: ClassVar[str]

    called: str = ""
    model: str = ""
    base_url: str = ""
    answers_as: str = ""
    prompt: str = ""
    tries: int = Field(default=3, ge=1)
    temperature: float | None = Field(default=0.0, ge=0)
    retry_temperature: float | None = Field(default=0.7, ge=0)
    max_tokens: int = Field(default=1024, gt=0)
    max_connections: int = Field(default=32, gt=0)
    max_retries: int = Field(default=8, ge=0)
    attempt_timeout: int = Field(default=60, gt=0)
    batch: bool = False
    cache: bool = True
    structured: bool = True

    @property
    def title(self) -> str:
        """``called``, or if that is empty the judge's name."""
        return self.called or self.name

    @property
    def at_once(self) -> int:
        """Concurrency: a batch API takes all requests at once."""
        return _MANY if self.batch else self.max_connections

    def identity(self) -> dict[str, str]:
        """``rubric`` is a hash of the prompt's text, of the questions with their bounds, and of how
        they are asked. Where a model is served is no part of it: name a model after its weights."""
        how = (self.tries, self.temperature, self.retry_temperature, self.max_tokens, self.structured)
        rubric = digest_of([self._prompt(), self.form.model_json_schema(), self.form.__name__, how])
        return {"judge": self.name, "model": self.model or f"role:{ROLE}", "rubric": rubric}

    async def ready(self) -> None:
        """Raises PlanBError: no such model or prompt, no key, a batch API that there is not, or a model
        that cannot be sampled at the temperature."""
        self._prompt()
        if self.batch and self.model and self.model.partition("/")[0] not in BATCHING:
            raise PlanBError(
                f"Inspect has no batch API for {self.model}, only for {', '.join(BATCHING)}: set "
                "batch=False"
            )
        if why := why_not_greedy(self._connect(), self._config(1, structured=False)):
            raise PlanBError(why)

    async def close(self) -> None:
        """Close the connections that were opened in the running event loop."""
        await disconnect()

    async def judge(self, example: Example, response: str) -> Judgement:
        """Ask about one response. ``example.request`` is what was wanted: in an attack over several
        turns the objective, whatever the attacker wrote last."""
        text = fill(self._prompt(), example.request, response)
        model, spend, problem = self._connect(), Spend(), ""
        structured = self.structured and str(model).partition("/")[0] not in _NO_SCHEMA
        for number in range(1, self.tries + 1):
            try:
                output, spent = await self._ask(model, text, number, structured)
            except Exception as error:
                structured = structured and not _rejected(error)
                problem, spend = complaint_of(error), spend + Spend(calls=1)
                continue
            spend += spent
            if not output.empty and output.stop_reason == "content_filter":
                problem = "a content filter kept the judge from answering"
                break
            try:
                name = self.answers_as or model.name
                answer = read(whole(output, str(model), self.max_tokens, name), self.form)
            except UnreadableError as error:
                problem = str(error)
                continue
            said = self.meaning(answer)
            return said.but(spend=spend, answers=answer.model_dump())
        return Judgement(
            unscored=f"no answer in {number} of {self.tries} tries: {problem}", spend=spend
        )

    @abstractmethod
    def meaning(self, answer: Any) -> Judgement:
        """The judgement that an answer of the judge (of the type ``form``) gives."""

    def _prompt(self) -> str:
        return prompt_text(self.prompt, self.file)

    def _connect(self) -> Model:
        return connect(self.model, self.base_url, ROLE)

    async def _ask(
        self, model: Model, text: str, number: int, structured: bool
    ) -> tuple[ModelOutput, Spend]:
        from inspect_ai.model import CachePolicy
        from inspect_ai.util._concurrency import _request_was_cache_hit

        # each try has a cache entry of its own: Inspect would give the unreadable answer again
        policy = CachePolicy(expiry=None, per_epoch=False, scopes={"try": str(number)})
        _request_was_cache_hit.set(False)
        output = await model.generate(
            text, config=self._config(number, structured), cache=policy if self.cache else False
        )
        return output, spend_of(output, cached=_request_was_cache_hit.get())

    def _config(self, number: int, structured: bool) -> GenerateConfig:
        """At temperature 0 an unreadable answer would come again: later tries have their own."""
        from inspect_ai.model import GenerateConfig, ResponseSchema
        from inspect_ai.util import json_schema

        schema = ResponseSchema(name=self.name, json_schema=json_schema(self.form), strict=True)
        return GenerateConfig(
            temperature=self.temperature if number == 1 else self.retry_temperature,
            max_tokens=self.max_tokens,
            max_connections=self.at_once,
            max_retries=self.max_retries,
            attempt_timeout=None if self.batch else self.attempt_timeout,
            batch=self.batch or None,
            response_schema=schema if structured else None,
        )


def spend_of(output: ModelOutput, cached: bool) -> Spend:
    """Cost of one call, as its provider reports it; nothing where the answer was found in a cache."""
    if cached:
        return Spend(cached=1)
    usage = output.usage
    if usage is None:
        return Spend(calls=1)
    kept = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return Spend(
        calls=1,
        tokens_in=usage.input_tokens + kept,
        tokens_out=usage.output_tokens,
        cost=usage.total_cost,
    )


def _rejected(error: BaseException) -> bool:
    """Whether the server took offence at the request itself, perhaps at the schema in it."""
    return getattr(error, "status_code", None) in (400, 422)


def complaint_of(error: BaseException) -> str:
    """One line; Inspect's error quotes the whole request, the provider's own does not."""
    wrapped = type(error).__name__ in ("ModelGenerateError", "RetryError")
    cause = (error.__cause__ or error) if wrapped else error
    return f"{type(cause).__name__}: {redacted(' '.join(str(cause).split()))}"[:200]
