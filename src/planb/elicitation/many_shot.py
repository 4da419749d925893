"""Many-shot jailbreaking: examples of compliance before the request (Anil et al. 2024).

Its tokens grow with the shots; a prompt that a local policy has no room for is a PlanBError.
"""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from planb.data.files import file_hash, read_examples
from planb.elicitation.elicitation import Elicitation
from planb.elicitation.messages import from_chat, to_chat
from planb.elicitation.prompts import fill, prompt_hashes, prompt_text
from planb.errors import PlanBError
from planb.types import HARMFUL, Example, Message, Tier
from planb.values import LATER, fields_that_count, seed_of

if TYPE_CHECKING:
    from inspect_ai.solver import Generate, TaskState

TURN = "many_shot.txt"
_Shot = tuple[str, str]


class ManyShot(Elicitation):
    """Many-shot jailbreak: ``shots`` requests with answers of the tier ``tier`` precede the request.

    ``examples`` is a file of planb examples. Each sample has its own choice, drawn with ``seed``, the
    same for every model; more shots are the fewer and others. An example of the sample's own group, or
    of its very request, is never shown. With ``draw="once"`` all samples have the same choice, so a
    local model runs the shots once for all of them; it may hold no example of a sample's group or
    request (PlanBError). ``form`` is real chat turns, or one user message that holds a dialogue. The
    ids shown are in the sample's store.
    """

    name: ClassVar[str] = "many_shot"
    needs_chat: ClassVar[bool] = True

    shots: int = Field(default=8, ge=1)
    examples: str = ""
    examples_hash: str = ""
    tier: Tier = HARMFUL
    form: Literal["turns", "dialogue"] = "turns"
    seed: int = 0
    draw: Literal["each", "once"] = Field(default="each", json_schema_extra=LATER)

    async def ask(self, state: TaskState, generate: Generate) -> TaskState:
        prompt = from_chat(state.messages)
        if prompt[-1].role != "user":
            raise PlanBError("many-shot needs a request in a chat: leave documents out")
        group = (state.metadata.get("example") or {}).get("group", "")
        chosen = self._chosen(str(state.sample_id), group, prompt[-1].content)
        state.store.set("many_shot", {"examples": [example.id for example in chosen]})
        shots = [(example.request, example.responses[self.tier][0]) for example in chosen]
        state.messages = to_chat(_with_shots(prompt, shots, self.form))
        return await generate(state)

    def check(self) -> None:
        if not self.examples:
            raise PlanBError(
                "many-shot needs a file of examples: {name: many_shot, examples: some.jsonl, shots: 8}"
            )

    def outside(self) -> dict[str, str]:
        text = prompt_hashes((TURN,)) if self.form == "dialogue" else {}
        there = Path(self.examples).is_file()
        return {**text, "examples": file_hash(self.examples)} if there else text

    def spec(self) -> dict[str, Any]:
        """Name and fields as plain JSON. A file that is pinned already stays so: what lies there now
        may be another."""
        found = file_hash(self.examples) if Path(self.examples).is_file() else ""
        counted = {"name", *fields_that_count(self)}
        spec = {name: value for name, value in super().spec().items() if name in counted}
        return {**spec, "examples_hash": self.examples_hash or found}

    def _chosen(self, sample_id: str, group: str, request: str) -> list[Example]:
        whole = list(_read(self._file(), self.tier))
        apart = [e for e in whole if e.request != request and not (group and e.group == group)]
        pool = whole if self.draw == "once" else apart
        if len(pool) < self.shots:
            raise PlanBError(
                f"{self.examples} has {len(pool)} examples with a '{self.tier}' response for the "
                f"request '{sample_id}' (its own group is left out), and {self.shots} shots were asked "
                "for: ask for fewer, or name a larger file"
            )
        named = "" if self.draw == "once" else sample_id
        random.Random(seed_of("many_shot", self.seed, named)).shuffle(pool)
        chosen = pool[: self.shots]
        if any(example not in apart for example in chosen):
            raise PlanBError(
                f"one draw of shots for all holds an example of the group of '{sample_id}', or this "
                'very request: name a file of other groups, or use draw="each"'
            )
        return chosen

    def _file(self) -> tuple[str, str]:
        """The path, and the hash of what is there now."""
        self.check()
        found = file_hash(self.examples)
        if not found.startswith(self.examples_hash):
            raise PlanBError(
                f"{self.examples} has changed: its hash begins {found[:12]}, not "
                f"{self.examples_hash[:12]}. Restore the file, or leave examples_hash out."
            )
        return self.examples, found


@lru_cache(maxsize=8)
def _read(file: tuple[str, str], tier: Tier) -> tuple[Example, ...]:
    """The file's examples that can be a shot: a lone user message, with a response of the tier."""
    return tuple(
        example
        for example in read_examples(file[0])
        if tier in example.responses and [message.role for message in example.prompt] == ["user"]
    )


def _with_shots(
    prompt: tuple[Message, ...], shots: list[_Shot], form: Literal["turns", "dialogue"]
) -> tuple[Message, ...]:
    *before, asked = prompt
    if form == "dialogue":
        turns = [fill(prompt_text(TURN), request=r, response=said) for r, said in shots]
        last = fill(prompt_text(TURN), request=asked.content, response="").rstrip()
        return (*before, Message(role="user", content="\n\n".join([*turns, last])))
    told = [
        message
        for request, said in shots
        for message in (
            Message(role="user", content=request),
            Message(role="assistant", content=said),
        )
    ]
    return (*before, *told, asked)
