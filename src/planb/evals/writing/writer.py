"""Who writes the responses of a tier, as a value; and a plan of several writers, from a file."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from planb.errors import PlanBError, wrong_fields
from planb.evals.writing.texts import lines_of, packaged, read_text
from planb.types import GERMAN_REFUSAL, HARMFUL, HELPFUL, REFUSAL, Message, Tier
from planb.values import Value, digest_of, seed_of

REQUESTS = "requests"
"""The ``tier`` of a writer of requests."""
PACKAGED = "packaged"
REQUEST = "request"
IN_PROCESS = ("planb", "hf")
"""Inspect's providers that run a model here: a call waits for its batch, and cannot be cancelled."""
Keep = Literal["all", "answers", "refusals", "german_refusals"]
_DIRECT = (REFUSAL, HARMFUL, HELPFUL)
_KEEP: dict[Tier, Keep] = {
    REFUSAL: "refusals",
    GERMAN_REFUSAL: "german_refusals",
    REQUESTS: "all",
}


class Writer(Value):
    """The writer of one tier: a model, or a list of canned texts.

    ``model`` is an Inspect model name (``openai-api/local/open``), ``base_url`` where it is served. It
    gets the text of ``instruction`` (a path; "" is the packaged one of the tier), or with ``as_is``
    nothing besides the request. ``place`` puts that text into the system message, or before the request
    (where the text itself has ``$request``, the request goes there). ``canned`` is the path of a file
    of responses, one a line, or "packaged". ``of`` says which requests, ``count`` how many different
    responses each is given. ``keep`` drops what is not wanted, by the strings that refusals begin with;
    after ``tries`` answers in a row that could not be kept, no further is asked for. ``max_tokens`` are
    of one response, ``attempt_timeout`` is in seconds (a model in this process has none), prices are in
    USD per million tokens. ``seed`` None sends none. What is not given is taken from the tier: refusal,
    harmful and helpful are requested directly.
    """

    tier: Tier = Field(min_length=1)
    model: str = ""
    base_url: str = ""
    instruction: str = ""
    as_is: bool = False
    place: Literal["system", "user"] = "system"
    canned: str = ""
    of: Literal["harmful", "harmless", "all"] = "harmful"
    count: int = Field(default=1, ge=1)
    keep: Keep = "answers"
    tries: int = Field(default=3, ge=1)
    temperature: float | None = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=1024, gt=0)
    seed: int | None = 0
    max_connections: int = Field(default=32, gt=0)
    max_retries: int = Field(default=5, ge=0)
    attempt_timeout: int = Field(default=300, gt=0)
    cache: bool = True
    price_in: float | None = Field(default=None, ge=0)
    price_out: float | None = Field(default=None, ge=0)

    def derived_fields(self) -> dict[str, Any]:
        """What the tier needs: the model, its settings, and what is kept."""
        return {
            "as_is": self.tier in _DIRECT and not self.instruction,
            "of": "harmless" if self.tier == HELPFUL else "harmful",
            "keep": _KEEP.get(self.tier, "answers"),
        }

    @model_validator(mode="after")
    def _can_write(self) -> Writer:
        if bool(self.model) == bool(self.canned):
            raise ValueError("name a model, or canned texts, and not both")
        if self.as_is and self.instruction:
            raise ValueError("as_is is asked without an instruction: leave one of the two out")
        if self.model and not (self.as_is or self.instruction or packaged(f"{self.tier}.txt")):
            raise ValueError(
                "there is no packaged instruction for this tier: name a file, or set as_is"
            )
        if self.canned == PACKAGED and packaged(f"canned_{self.tier}.txt") is None:
            raise ValueError("there are no packaged canned texts: name a file of them")
        if self.model and self.count > 1 and self.temperature == 0:
            raise ValueError("at temperature 0 all responses to a request are one: raise it")
        return self

    def text(self) -> str:
        """The writer's instruction; "" if the request is sent directly. PlanBError if its file
        cannot be used."""
        if self.as_is or not self.model:
            return ""
        own = read_text(self.instruction) if self.instruction else packaged(f"{self.tier}.txt") or ""
        if self.place == "system" and f"${REQUEST}" in own:
            raise PlanBError(
                f"the instruction of '{self.tier}' has ${REQUEST}, but is in the system message: "
                'set place="user"'
            )
        return own

    def lines(self) -> tuple[str, ...]:
        """Its canned texts. PlanBError if there are fewer than it is to give one request."""
        own = packaged(f"canned_{self.tier}.txt") if self.canned == PACKAGED else read_text(self.canned)
        lines = lines_of(own or "")
        if len(lines) < self.count:
            raise PlanBError(
                f"{self.canned} has {len(lines)} texts for the tier '{self.tier}', and every request "
                f"needs {self.count}: add more, one per line"
            )
        return lines

    def canned_for(self, example_id: str) -> tuple[str, ...]:
        """``count`` of its canned texts, always the same for the same request and seed."""
        chosen = sorted(self.lines(), key=lambda line: seed_of("canned", self.seed, example_id, line))
        return tuple(chosen[: self.count])

    def messages(self, prompt: tuple[Message, ...], text: str) -> tuple[Message, ...]:
        """The prompt as the writer gets it, with the instruction ``text`` in its place."""
        if not text:
            return prompt
        if self.place == "system":
            first, rest = (prompt[0], prompt[1:]) if prompt[0].role == "system" else (None, prompt)
            content = f"{text}\n\n{first.content}" if first else text
            return (Message(role="system", content=content), *rest)
        last = prompt[-1]
        if f"${REQUEST}" in text:
            content = Template(text).safe_substitute({REQUEST: last.content})
        else:
            content = f"{text}\n\n{last.content}"
        return (*prompt[:-1], Message(role=last.role, content=content))

    def identity(self, text: str) -> str:
        """A hash of what its texts depend on. Where the model is served is no part of it, nor how many
        are wanted or kept: more tries go on where fewer ended. A local checkpoint (``planb/``) counts
        by its weights; any other model by its name."""
        how = (self.temperature, self.max_tokens, self.seed, self.place)
        return digest_of([self.tier, _pinned(self.model), text, *how])

    @property
    def provenance(self) -> dict[str, str]:
        """Provenance of the tier, for an example's ``meta``."""
        if self.canned:
            told, by = digest_of(self.lines())[:12], "canned"
        else:
            told, by = digest_of(self.text())[:12] if self.text() else "none", self.model
        return {f"writer.{self.tier}": by, f"instruction.{self.tier}": told}


def read_plan(path: Path) -> tuple[Writer, ...]:
    """The writers of a plan: YAML, TOML or JSON, an object with the list ``writers``.

    Paths of texts in it are relative to the plan. Raises PlanBError naming the writer that is wrong.
    """
    content = _parsed(path)
    rows = content.get("writers") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise PlanBError(
            f"{path} is not a plan: it must have a list 'writers', each with tier and model"
        )
    return tuple(writer_of(_beside(row, path), f"{path}, writer {n}") for n, row in enumerate(rows, 1))


def writer_of(fields: dict[str, Any], where: str) -> Writer:
    """The writer with these fields. PlanBError beginning with ``where`` it was asked for."""
    try:
        return Writer.model_validate(fields)
    except ValidationError as error:
        wrong = wrong_fields(error, fields.get("tier", "writer"))
        raise PlanBError(
            f"{where}: {wrong}. The fields are {', '.join(Writer.model_fields)}"
        ) from error


def _pinned(model: str) -> str:
    provider, _, folder = model.partition("/")
    if provider != "planb" or not Path(folder).is_dir():
        return model
    from planb.models.cards import checkpoint_digest

    return f"planb@{checkpoint_digest(Path(folder))}"


def _parsed(path: Path) -> Any:
    import tomllib

    import yaml  # type: ignore[import-untyped,unused-ignore]

    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            return tomllib.loads(text)
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PlanBError(f"the plan {path} cannot be read: {' '.join(str(error).split())}") from error


def _beside(row: dict[str, Any], path: Path) -> dict[str, Any]:
    found = dict(row)
    for name in ("instruction", "canned"):
        text = found.get(name)
        if isinstance(text, str) and text and text != PACKAGED:
            found[name] = str(path.parent / text)
    return found
