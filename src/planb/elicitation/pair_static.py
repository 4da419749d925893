"""PAIR's prompts as they were made against another model: one request each, no attacker, no grader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, Field, ValidationError, model_validator

from planb.data.files import file_hash
from planb.elicitation.elicitation import Elicitation
from planb.elicitation.messages import from_chat, to_chat
from planb.errors import PlanBError, wrong_fields
from planb.types import Message
from planb.values import Value

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, TaskState

_FORM = '{"id": "a1", "request": "...", "prompts": ["...", "..."]}'


class Prepared(Value):
    """Transferred prompts of one request: the prompts made for one request, best first; it is known
    by its id, its text, or both."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    id: str = ""
    request: str = ""
    prompts: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_known_by_something(self) -> Prepared:
        if not self.id and not self.request:
            raise ValueError("give the id of the request, or its text")
        if not all(self.prompts):
            raise ValueError("a prompt is empty")
        return self


class PairStatic(Elicitation):
    """PAIR with transferred prompts: the first prompt that the JSONL ``file`` has for the request
    replaces it.

    Only the first: which one is best was found out when they were made (``planb.evals.multi_turn.
    save_prompts`` writes them best first), and choosing again here would be an attack of its own, with
    a grader. A request that the file does not have is a PlanBError: it is not elicited in another way.
    """

    name: ClassVar[str] = "pair_static"
    needs_chat: ClassVar[bool] = True

    file: str = ""
    file_hash: str = ""

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        *before, asked = from_chat(state.messages)
        if asked.role != "user":
            raise PlanBError("pair_static needs a request in a chat: leave documents out")
        prompts = _read(self._checked())
        prompt = prompts.get(("id", str(state.sample_id))) or prompts.get(("request", asked.content))
        if prompt is None:
            raise PlanBError(
                f"{self.file} has no prompt for the request '{state.sample_id}': add a line {_FORM}"
            )
        state.messages = to_chat((*before, Message(role="user", content=prompt)))
        return await generate(state)

    def check(self) -> None:
        if not self.file:
            raise PlanBError(f"pair_static needs a file of prompts, one line a request: {_FORM}")

    def outside(self) -> dict[str, str]:
        return {"file": file_hash(self.file)} if Path(self.file).is_file() else {}

    def spec(self) -> dict[str, Any]:
        """Name and fields as plain JSON. A file that is pinned already stays so: what lies there now
        may be another."""
        found = file_hash(self.file) if Path(self.file).is_file() else ""
        return {**super().spec(), "file_hash": self.file_hash or found}

    def _checked(self) -> tuple[str, str]:
        """The path, and the hash of what is there now."""
        self.check()
        found = file_hash(self.file)
        if not found.startswith(self.file_hash):
            raise PlanBError(
                f"{self.file} has changed: its hash begins {found[:12]}, not "
                f"{self.file_hash[:12]}. Restore the file, or leave file_hash out."
            )
        return self.file, found


@lru_cache(maxsize=8)
def _read(file: tuple[str, str]) -> dict[tuple[str, str], str]:
    """("id" or "request", its text) -> the first prompt."""
    found: dict[tuple[str, str], str] = {}
    for place, row in _rows(Path(file[0])):
        for key in (("id", row.id), ("request", row.request)):
            if not key[1]:
                continue
            if key in found:
                raise PlanBError(f"{place}: the {key[0]} '{key[1]}' occurs twice: keep one line")
            found[key] = row.prompts[0]
    return found


def _rows(path: Path) -> Iterator[tuple[str, Prepared]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield f"{path}, line {number}", Prepared.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            said = wrong_fields(error, "line")
            raise PlanBError(f"{path}, line {number}: {said}; a line is {_FORM}") from error
