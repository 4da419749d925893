"""The record of an attack: every turn that was put to the target, and what was made of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, ModelOutput
    from inspect_ai.solver import TaskState

KEY = "attack"
"""Where the record stands in a sample's store."""


@dataclass(eq=False)
class Turn:
    """One prompt and the target's response. ``conversation`` ends with that response.

    ``rating`` is the grader's 1-10, ``refused`` its refusal judge's answer; ``None`` where it was not
    asked or could not be read. ``taken_back`` is a turn that was removed from what the target sees.
    """

    prompt: str
    output: ModelOutput
    conversation: list[ChatMessage]
    round: int
    stream: int = 0
    refused: bool | None = None
    rating: int | None = None
    taken_back: bool = False
    plan: dict[str, str] = field(default_factory=dict)

    @property
    def response(self) -> str:
        return self.output.completion

    def plain(self) -> dict[str, Any]:
        known = ("round", "stream", "prompt", "response", "refused", "rating", "taken_back", "plan")
        fields = {name: getattr(self, name) for name in known}
        return {**fields, "stop_reason": self.output.stop_reason}


@dataclass
class Record:
    """The record of an attack, written to ``state.store["attack"]`` after every turn: ``turns`` in
    order of round and stream, ``judged`` (the place in them of the one that is judged), why it
    ``stopped``, how many answers were ``unparsed`` and how many calls ``failed`` by role, and which
    rounds were ``skipped``, with the reason."""

    state: TaskState
    turns: list[Turn] = field(default_factory=list)
    judged: Turn | None = None
    stopped: str = ""
    unparsed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    skipped: list[dict[str, str]] = field(default_factory=list)

    def add(self, turn: Turn) -> None:
        self.turns.append(turn)
        self.turns.sort(key=lambda turn: (turn.round, turn.stream))  # streams answer in any order
        self.keep()

    def skip(self, role: str, problem: str, *place: object) -> None:
        self.skipped.append({"role": role, "at": " ".join(map(str, place)), "problem": problem})
        self.keep()

    def troubles(self) -> str:
        """Why there is no outcome, in one line."""
        said = [
            f"{kind} {role} {count} time{'s' if count > 1 else ''}"
            for kind, counts in (
                ("could not read the", self.unparsed),
                ("could not reach the", self.failed),
            )
            for role, count in counts.items()
        ]
        last = f" (last: {self.skipped[-1]['problem']})" if self.skipped else ""
        return (", ".join(said) or "nothing was put to the target") + last

    def keep(self) -> None:
        judged = next((n for n, turn in enumerate(self.turns) if turn is self.judged), None)
        self.state.store.set(
            KEY,
            {
                "turns": [turn.plain() for turn in self.turns],
                "judged": judged,
                "stopped": self.stopped,
                "taken_back": sum(turn.taken_back for turn in self.turns),
                "unparsed": dict(self.unparsed),
                "failed": dict(self.failed),
                "skipped": list(self.skipped),
            },
        )
