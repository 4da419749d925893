"""One writer's model: a call, what came of it, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from planb.elicitation.messages import to_chat
from planb.errors import PlanBError
from planb.evals.writing.writer import IN_PROCESS, Writer
from planb.judging.asking import complaint_of, spend_of
from planb.judging.connection import connect
from planb.models.stops import cut_off, why_not_greedy
from planb.redaction import redacted
from planb.text import is_visible
from planb.types import Message, Spend
from planb.values import Value, seed_of

if TYPE_CHECKING:
    from inspect_ai.model import CachePolicy, GenerateConfig, ModelOutput

Kind = Literal["down", "rejected", "passing"]
_REJECTED = (400, 403, 404, 405, 413, 422)
_SEEDS = 2**31


class Attempt(Value):
    """One answer: its text, how it ended (Inspect's stop reasons), what it cost."""

    text: str = ""
    stop: str = ""
    spend: Spend = Spend()

    @property
    def problem(self) -> str:
        """Why it is no whole answer; "" if it is one."""
        if self.stop == "content_filter":
            return "a content filter stopped it"
        if self.stop in ("max_tokens", "model_length"):
            return "cut off: raise max_tokens"
        if self.stop != "stop":
            return f"not said to be finished (stop reason '{self.stop}')"
        return "" if is_visible(self.text) else "empty"


class CallFailedError(Exception):
    """A call that brought no answer. ``down``: no other would; ``rejected``: this one never will."""

    def __init__(self, reason: str, kind: Kind) -> None:
        super().__init__(reason)
        self.kind = kind


class Asker:
    """Calls the writer's model. ``answered`` says that it ever did, ``failed`` counts the requests in a
    row that came to nothing."""

    def __init__(self, writer: Writer) -> None:
        """Raises PlanBError: no such model, or no key for it. No call is made yet."""
        self.writer, self.answered, self.failed, self.last = writer, False, 0, ""
        try:
            self.model = connect(writer.model, writer.base_url, "")
        except PlanBError as error:
            raise PlanBError(
                f"the writer of '{writer.tier}': the model {writer.model} is not available: "
                f"{redacted(' '.join(str(error.__cause__ or error).split()))}. Name a model of "
                "Inspect's (openai/gpt-5, or openai-api/local/NAME with a server's base_url), and "
                "set its key"
            ) from error
        if why := why_not_greedy(self.model, self._config(1, None)):
            raise PlanBError(f"the writer of '{writer.tier}': {why}")

    async def ask(
        self, prompt: tuple[Message, ...], number: int, retries: int | None = None
    ) -> Attempt:
        """The answer ``number`` to a prompt: each number has a seed, and a place in the cache, of its
        own. Raises CallFailedError after the writer's retries (or ``retries``)."""
        from inspect_ai.util._concurrency import _request_was_cache_hit

        _request_was_cache_hit.set(False)
        try:
            output = await self.model.generate(
                to_chat(prompt),
                config=self._config(number, retries),
                cache=self._cached(number) if self.writer.cache else False,
            )
        except Exception as error:
            raise CallFailedError(complaint_of(error), _kind(error)) from error
        spend = self._priced(spend_of(output, cached=_request_was_cache_hit.get()))
        if output.error:
            raise CallFailedError(redacted(output.error), "passing")
        return Attempt(text=_text(output), stop=self._stop(output), spend=spend)

    def _config(self, number: int, retries: int | None) -> GenerateConfig:
        from inspect_ai.model import GenerateConfig

        writer = self.writer
        here = writer.model.partition("/")[0] in IN_PROCESS
        return GenerateConfig(
            temperature=writer.temperature,
            max_tokens=writer.max_tokens,
            seed=None if writer.seed is None else seed_of("write", writer.seed, number) % _SEEDS,
            max_connections=writer.max_connections,
            max_retries=writer.max_retries if retries is None else retries,
            attempt_timeout=None if here else writer.attempt_timeout,
        )

    def _stop(self, output: ModelOutput) -> str:
        """How the answer ended, by all that is known of it."""
        cut = cut_off(output, self.writer.model, self.writer.max_tokens)
        if cut is None:
            return "unknown"
        return "stop" if not cut and output.stop_reason == "unknown" else output.stop_reason

    def _cached(self, number: int) -> CachePolicy:
        from inspect_ai.model import CachePolicy

        return CachePolicy(expiry=None, per_epoch=False, scopes={"written": str(number)})

    def _priced(self, spend: Spend) -> Spend:
        """With the writer's prices, where the provider's are not known."""
        prices = (self.writer.price_in, self.writer.price_out)
        if spend.cost is not None or spend.cached or prices == (None, None):
            return spend
        return spend.but(cost=cost_of(self.writer, spend.tokens_in, spend.tokens_out))


def cost_of(writer: Writer, tokens_in: int, tokens_out: int) -> float | None:
    """USD at the writer's prices; None where it has none."""
    if writer.price_in is None and writer.price_out is None:
        return None
    return (tokens_in * (writer.price_in or 0.0) + tokens_out * (writer.price_out or 0.0)) / 1e6


def _text(output: ModelOutput) -> str:
    return "" if output.empty else output.completion.strip()


def _kind(error: BaseException) -> Kind:
    """Whether others would fare the same, or this one again."""
    cause = error.__cause__ if type(error).__name__ in ("ModelGenerateError", "RetryError") else error
    cause = cause or error
    status, name = getattr(cause, "status_code", None), type(cause).__name__
    if status == 401 or ("Connect" in name and "Timeout" not in name):
        return "down"
    return "rejected" if status in _REJECTED or isinstance(cause, PlanBError) else "passing"
