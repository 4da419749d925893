"""From requests to groups of scored samples, drawn by planb's own engine from the policy as it is.

The policy's probabilities are those of temperature 1, so samples are drawn at it. A sample is its text:
it is trained in the tokens that the tokenizer makes of that text, and how many samples were spelt
otherwise when they were drawn is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planb.errors import PlanBError
from planb.models.chat import exchanges, opening_ids, prompt_ids
from planb.models.checkpoints import Policy
from planb.models.generation import Completion, Sampling, generate
from planb.training.reinforcement.groups import Group, Sample, check_groups
from planb.training.reinforcement.sources import Asked
from planb.types import Message
from planb.values import seed_of

Score = Callable[[Sequence[tuple[Asked, str]]], list[float | None]]
"""The rewards of answers to requests; None where one was not scored."""


@dataclass
class Drawn:
    """The groups of one draw, and what is told of it: ``sums`` over ``counts`` are means."""

    groups: list[Group]
    sums: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, value: float, count: int = 1) -> None:
        self.sums[name] += value  # type: ignore[assignment]
        self.counts[name] += count


@dataclass(frozen=True)
class Drawing:
    """Draws ``samples`` answers to each request, and has them scored."""

    tokenizer: Any
    folder: Path
    samples: int
    sampling: Sampling
    seed: int
    score: Score

    def draw(self, model: Any, asked: Sequence[Asked], place: int) -> Drawn:
        """The groups of these requests, under ``model`` as it is. ``place`` is the draw's number: the
        same samples are drawn whenever it is drawn again with the same weights."""
        policy = Policy(model, self.tokenizer, self.folder)
        wanted = [(at, k) for at, one in enumerate(asked) for k in range(self._drawn_of(one))]
        seeds = [seed_of("sample", self.seed, place, at, k) for at, k in wanted]
        openings = [opening for one in asked for opening in self._openings(one)]
        some = [(asked[at], opening) for (at, _), opening in zip(wanted, openings, strict=True)]
        completions = self._completions(policy, some, seeds)
        texts = [list(one.answers) for one in asked]
        drawn = Drawn([])
        for (at, _), completion in zip(wanted, completions, strict=True):
            texts[at].append(completion.text)
            drawn.add("cut", completion.stop == "max_tokens")
        flat = [(at, k) for at, some in enumerate(texts) for k in range(len(some))]
        rewards = self.score([(asked[at], texts[at][k]) for at, k in flat])
        made = dict(zip(flat, zip(rewards, self._ids(asked, texts), strict=True), strict=True))
        by_sample = iter(completions)
        for at, one in enumerate(asked):
            known = [None] * len(one.answers) + [next(by_sample) for _ in range(self._drawn_of(one))]
            drawn.groups.append(
                self._group(one, known, [made[at, k] for k in range(len(known))], drawn)
            )
        return drawn

    def _drawn_of(self, asked: Asked) -> int:
        left = self.samples - len(asked.answers)
        if left < 1:
            raise PlanBError(
                f"{len(asked.answers)} answers of the data leave none of {self.samples} samples to the "
                "policy: raise `samples`"
            )
        return left

    def _openings(self, asked: Asked) -> list[str]:
        """What is put into the policy's mouth, for each sample that it draws."""
        drawn = self._drawn_of(asked)
        if asked.opened > drawn:
            raise PlanBError(f"{asked.opened} of {drawn} samples cannot be opened: raise `samples`")
        return [""] * (drawn - asked.opened) + [asked.opening] * asked.opened

    def _completions(
        self, policy: Policy, asked: Sequence[tuple[Asked, str]], seeds: Sequence[int]
    ) -> list[Completion]:
        """One a request, in order."""
        prompts = [_opened(one.prompt, opening) for one, opening in asked]
        return generate(policy, prompts, seeds, self.sampling)

    def _start(self, asked: Asked) -> tuple[list[int], list[int]]:
        """(prompt, opening) as ids."""
        ids = prompt_ids(self.tokenizer, asked.prompt)
        if not asked.opening:
            return ids, []
        return ids, opening_ids(self.tokenizer, asked.prompt, asked.opening)

    def _ids(self, asked: Sequence[Asked], texts: Sequence[Sequence[str]]) -> list[list[int] | None]:
        """Each answer with the end of its turn as ids; None where the template changes the text."""
        pairs = [(one.prompt, text) for one, some in zip(asked, texts, strict=True) for text in some]
        try:
            return [ids for _, ids in exchanges(self.tokenizer, pairs)]
        except PlanBError:  # one of them: which?
            return [self._alone(pair) for pair in pairs]

    def _alone(self, pair: tuple[tuple[Message, ...], str]) -> list[int] | None:
        try:
            return exchanges(self.tokenizer, [pair])[0][1]
        except PlanBError:
            return None

    def _group(
        self,
        asked: Asked,
        completions: Sequence[Completion | None],
        made: Sequence[tuple[float | None, list[int] | None]],
        drawn: Drawn,
    ) -> Group:
        """``completions`` are None for answers of the data."""
        ids, given = self._start(asked)
        none: list[int] = []
        openings = [none for _ in asked.answers] + [
            given if one else none for one in self._openings(asked)
        ]
        kind = "dangerous" if asked.example.harmful else "harmless"
        samples = []
        for completion, opening, (reward, answer) in zip(completions, openings, made, strict=True):
            fits = answer is not None and answer[: len(opening)] == opening
            rest = answer[len(opening) :] if answer is not None and fits else [0]
            if completion is not None:
                if completion.stop == "max_tokens":  # it did not end its turn
                    rest = rest[: self.sampling.max_new_tokens]
                drawn.add("respelt", not fits or len(rest) != completion.tokens)
                if reward is not None:
                    drawn.add("reward", reward)
                    drawn.add(f"reward/{kind}", reward)
            worth, foreign = reward if fits else None, completion is None
            samples.append(Sample(tuple(rest), worth, foreign, tuple(opening)))
        group = Group(asked.example.id, tuple(ids), tuple(samples))
        longest = max(len(sample.ids) for sample in samples)
        check_groups([group], max(longest, self.sampling.max_new_tokens))
        return group


def _opened(prompt: tuple[Message, ...], opening: str) -> tuple[Message, ...]:
    return (*prompt, Message(role="opening", content=opening)) if opening else prompt
