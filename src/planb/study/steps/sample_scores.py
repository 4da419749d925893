"""The rewards of samples while a policy is trained by them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from planb.errors import PlanBError
from planb.evals.own_loop import completed
from planb.judging import Judge, judge_response
from planb.training.reinforcement.reward import Reward
from planb.training.reinforcement.sources import Asked
from planb.types import Example, Judgement

SCORES = "scores.jsonl"
"""What the judge said of samples, kept while the step runs: nobody is asked twice."""


class Scores:
    """The rewards of answers, by a judge. What it said is written to ``path`` as it comes, and read
    there again: a run that is taken up gets the same rewards, and an answer is judged once."""

    def __init__(self, judge: Judge, reward: Reward, path: Path) -> None:
        self.judge, self.reward, self.path = judge, reward, path
        self.known: dict[tuple[str, str], Judgement] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    key, text, said = json.loads(line)
                    self.known[key, text] = Judgement.model_validate(said)
                except ValueError:  # a line that a kill cut short
                    continue

    def __call__(self, answers: Sequence[tuple[Asked, str]]) -> list[float | None]:
        """One reward an answer; None where the judge did not score it. Raises PlanBError where it
        scored none at all."""
        wanted = {(one.example.id, text): one.example for one, text in answers}
        new = [(e, text) for (key, text), e in wanted.items() if (key, text) not in self.known]
        said = completed(self._judged(new))
        failed = {(e.id, t): j for (e, t), j in zip(new, said, strict=True) if j.silent}
        with self.path.open("a", encoding="utf-8") as file:
            for (example, text), judgement in zip(new, said, strict=True):
                if not judgement.silent:
                    self.known[example.id, text] = judgement
                    line = [example.id, text, judgement.model_dump(mode="json")]
                    file.write(json.dumps(line) + "\n")
        found = [
            self.reward.of(
                self.known.get((one.example.id, text)) or failed[one.example.id, text],
                one.example.harmful,
            )
            for one, text in answers
        ]
        if all(reward is None for reward in found):
            why = next((j.unscored for j in failed.values()), "it gives no answer that a reward needs")
            raise PlanBError(
                f"the judge '{self.judge.title}' scored none of {len(found)} answers: {why}"
            )
        return found

    async def _judged(self, answers: Sequence[tuple[Example, str]]) -> list[Judgement]:
        free = asyncio.Semaphore(self.judge.at_once)

        async def one(example: Example, text: str) -> Judgement:
            async with free:
                return await judge_response(self.judge, example, text)

        await self.judge.ready()
        try:
            return list(await asyncio.gather(*(one(*answer) for answer in answers)))
        finally:
            await self.judge.close()
