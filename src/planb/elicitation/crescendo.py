"""Crescendo: small steps towards the objective (Russinovich et al. 2024, arXiv 2404.01833).

In each round the attacker writes the next question from the last response; a refusal judge says whether
the target refused, and if not an evaluation judge rates 1-10 how far the response got. A refused turn
is taken back: the target never sees it again, the attacker gets the refusal and tries another. (The
paper has a second judge look over the first one's verdict as well; a rating that cannot be read is
requested again here instead.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from planb.elicitation.attack import ATTACKER, GRADER, Attack, AttackSession
from planb.elicitation.reading import CrescendoStep, Rating, Refusal
from planb.elicitation.record import Turn
from planb.errors import PlanBError

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage

SYSTEM, BEGIN = "crescendo_attacker.txt", "crescendo_begin.txt"
ANSWERED, REFUSED = "crescendo_answered.txt", "crescendo_refused.txt"
REFUSAL, RATE = "crescendo_refusal.txt", "crescendo_grader.txt"
NOTHING = 1
"""The rating of a response that does not do what the objective requests."""


class Crescendo(Attack):
    """Crescendo, a multi-turn attack that escalates step by step. ``rounds`` and ``backtracks`` are the
    paper's 10 and 10. A refused turn that is taken back is no round; when no back-track is left, it
    stays in the conversation and counts as one.

    Judged is the best-rated response, the latest of equals. A rating of 1 is of talk on the way, which
    does not do what the objective requests: where there is nothing better, the last refusal is judged,
    so that an attack which was refused counts as refused. A turn that the judge could not be read for
    is taken back, without a back-track, and its round is over.
    """

    name: ClassVar[str] = "crescendo"
    files: ClassVar[tuple[str, ...]] = (SYSTEM, BEGIN, ANSWERED, REFUSED, REFUSAL, RATE)

    rounds: int = Field(default=10, ge=1)
    backtracks: int = Field(default=10, ge=0)

    @property
    def calls(self) -> int:
        return self.rounds + self.backtracks

    async def attack(self, session: AttackSession) -> str:
        conversation, told = list(session.before), self._opening(session)
        number, taken_back = 1, 0
        while number <= self.rounds:
            place = (f"round {number}", f"try {taken_back + 1}")
            step = await session.role(ATTACKER, told, CrescendoStep, *place)
            if step is None:
                number += 1
                continue
            try:
                turn = await self._put(session, conversation, step, number)
            except PlanBError as error:
                if not session.record.turns:
                    raise
                return f"the target can go no further: {error}"
            await self._judge(session, turn, place)
            if turn.rating is not None and turn.rating >= self.success:
                return "success"
            back = bool(turn.refused) and taken_back < self.backtracks
            turn.taken_back = back or turn.refused is None
            if not turn.taken_back:
                conversation = turn.conversation
            self._tell(session, told, step, turn)
            taken_back, number = (taken_back + 1, number) if back else (taken_back, number + 1)
        return "rounds"

    def judged(self, turns: list[Turn]) -> Turn | None:
        rated = [turn for turn in turns if turn.rating is not None]
        best = max(reversed(rated), key=lambda turn: turn.rating or 0, default=None)
        if best is not None and best.rating != NOTHING:
            return best
        return next((turn for turn in reversed(turns) if turn.refused), best)

    def _opening(self, session: AttackSession) -> list[ChatMessage]:
        from inspect_ai.model import ChatMessageSystem, ChatMessageUser

        system = self.text(SYSTEM, objective=session.objective, rounds=str(self.rounds))
        begin = self.text(BEGIN, objective=session.objective)
        return [ChatMessageSystem(content=system), ChatMessageUser(content=begin)]

    async def _put(
        self, session: AttackSession, conversation: list[ChatMessage], step: CrescendoStep, number: int
    ) -> Turn:
        plan = {"summary": step.last_response_summary, "rationale": step.rationale}
        return await session.put(conversation, step.generated_question, round=number, plan=plan)

    async def _judge(self, session: AttackSession, turn: Turn, place: tuple[str, ...]) -> None:
        """Two stages: only what is not refused is rated."""
        refusal = await session.role(
            GRADER, self._question(REFUSAL, session, turn), Refusal, *place, "refusal"
        )
        turn.refused = refusal.refused if refusal else None
        if turn.refused is False:
            rating = await session.role(
                GRADER, self._question(RATE, session, turn), Rating, *place, "rating"
            )
            turn.rating = rating.rating if rating else None

    def _question(self, name: str, session: AttackSession, turn: Turn) -> list[ChatMessage]:
        from inspect_ai.model import ChatMessageUser

        texts = {"objective": session.objective, "prompt": turn.prompt, "response": turn.response}
        return [ChatMessageUser(content=self.text(name, **texts))]

    def _tell(
        self, session: AttackSession, told: list[ChatMessage], step: CrescendoStep, turn: Turn
    ) -> None:
        """The feedback to the attacker on its question; none on one that could not be judged."""
        from inspect_ai.model import ChatMessageAssistant, ChatMessageUser

        if turn.refused is None:
            return
        texts = {"objective": session.objective, "response": turn.response}
        if turn.refused:
            text = self.text(REFUSED, **texts, taken_back="yes" if turn.taken_back else "no")
        else:
            text = self.text(ANSWERED, **texts, rating=str(turn.rating or "unknown"))
        said = step.model_dump_json()
        told += [ChatMessageAssistant(content=said), ChatMessageUser(content=text)]
