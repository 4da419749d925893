"""PAIR: an attacker model refines one prompt at a time (Chao et al. 2023, arXiv 2310.08419).

``streams`` conversations with the attacker run side by side, ``depth`` rounds each; the paper has 20 x
3. In each round the attacker writes a prompt, the target answers it (with nothing before it), the
grader rates the answer 1-10, and the attacker gets the rating. It stops after the round in which a
rating reached ``success``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from planb.elicitation.attack import ATTACKER, GRADER, Attack, AttackSession
from planb.elicitation.prompts import prompt_text
from planb.elicitation.reading import PairStep, Rating
from planb.elicitation.record import Turn

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage

SYSTEM, BEGIN, FEEDBACK = "pair_attacker.txt", "pair_begin.txt", "pair_feedback.txt"
RATE, APPROACHES = "pair_grader.txt", "pair_approaches.txt"


class Pair(Attack):
    """PAIR, an attack by iterative prompt refinement. The answer with the highest rating is judged, the
    earliest of equals.

    ``memory`` is how many of its last turns the attacker sees. The streams take the approaches of
    ``pair_approaches.txt`` in turn. A prompt that no rating could be had for stays in the record and is
    never the judged one.
    """

    name: ClassVar[str] = "pair"
    files: ClassVar[tuple[str, ...]] = (SYSTEM, BEGIN, FEEDBACK, RATE, APPROACHES)

    streams: int = Field(default=20, ge=1)
    depth: int = Field(default=3, ge=1)
    memory: int = Field(default=4, ge=1)

    @property
    def calls(self) -> int:
        return self.streams * self.depth

    async def attack(self, session: AttackSession) -> str:
        from inspect_ai.util import collect

        approaches = prompt_text(APPROACHES, self.prompts).splitlines()
        streams = [
            _Stream(number, approaches[number % len(approaches)]) for number in range(self.streams)
        ]
        for number in range(1, self.depth + 1):
            await collect(*(self._step(session, stream, number) for stream in streams))
            if any((turn.rating or 0) >= self.success for turn in session.record.turns):
                return "success"
        return "depth"

    def judged(self, turns: list[Turn]) -> Turn | None:
        rated = [turn for turn in turns if turn.rating is not None]
        return max(rated, key=lambda turn: turn.rating or 0, default=None)

    async def _step(self, session: AttackSession, stream: _Stream, number: int) -> None:
        place = (f"stream {stream.number}", f"round {number}")
        step = await session.role(ATTACKER, self._to_attacker(session, stream), PairStep, *place)
        if step is None:
            return
        turn = await session.put(
            session.before,
            step.prompt,
            round=number,
            stream=stream.number,
            plan={"improvement": step.improvement},
        )
        rating = await session.role(GRADER, self._to_grader(session, turn), Rating, *place)
        if rating is None:
            return
        turn.rating = rating.rating
        feedback = self.text(
            FEEDBACK, objective=session.objective, response=turn.response, rating=str(turn.rating)
        )
        stream.told.append((step.model_dump_json(), feedback))
        session.record.keep()

    def _to_attacker(self, session: AttackSession, stream: _Stream) -> list[ChatMessage]:
        from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

        system = self.text(SYSTEM, objective=session.objective, approach=stream.approach)
        begin = self.text(BEGIN, objective=session.objective)
        messages: list[ChatMessage] = [
            ChatMessageSystem(content=system),
            ChatMessageUser(content=begin),
        ]
        for said, feedback in stream.told[-self.memory :]:
            messages += [ChatMessageAssistant(content=said), ChatMessageUser(content=feedback)]
        return messages

    def _to_grader(self, session: AttackSession, turn: Turn) -> list[ChatMessage]:
        from inspect_ai.model import ChatMessageUser

        text = self.text(RATE, objective=session.objective, prompt=turn.prompt, response=turn.response)
        return [ChatMessageUser(content=text)]


@dataclass
class _Stream:
    """One conversation with the attacker: what it wrote, and the feedback on it."""

    number: int
    approach: str
    told: list[tuple[str, str]] = field(default_factory=list)
