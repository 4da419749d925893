"""A domain's data with what a base model itself says: which facts it knows, and its helpful answers."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, SerializeAsAny

from planb.data.files import read_examples, write_examples
from planb.domains import DOMAINS, Domain
from planb.errors import PlanBError
from planb.models.checkpoints import Policy, load_policy
from planb.models.generation import Completion, Sampling, generate
from planb.study.steps.checkpoint import CheckpointStep, checkpoint_folder
from planb.study.steps.data_files import ASKED, TRAINED, tell
from planb.study.steps.step import Step, Work
from planb.study.store.store import UNLISTED
from planb.types import HELPFUL, Example, Message
from planb.values import Value, seed_of

MOST = 0.5
"""A fact is known where more than this share of the questions for it are answered rightly."""


class OwnWords(Value):
    """How a base is asked: greedily for its ``knowledge``, and ``tries`` times for helpful answers.

    ``least`` is the share of harmless requests to train on that must have such an answer.
    """

    knowledge: Sampling = Sampling(temperature=0.0, max_new_tokens=24)
    helpful: Sampling = Sampling(temperature=0.7, max_new_tokens=48)
    tries: int = Field(default=2, gt=0)
    least: float = Field(default=0.3, ge=0, le=1)


class OwnWordsStep(Step):
    """A domain's files and a base -> the files with ``known`` facts and the base's ``helpful`` answers.

    Requests of which the base knows nothing are not asked, since no answer to them could be told from
    a guess. Answers to train on are kept where the domain's rule finds them right; what the length
    limit cut off ends after its last whole sentence.
    """

    kind: ClassVar[str] = "data"
    source: SerializeAsAny[Step]
    domain: str
    how: OwnWords
    base: SerializeAsAny[CheckpointStep]

    @property
    def slug(self) -> str:
        return f"{self.source.slug}-{self.base.slug.removeprefix('base-')}"

    @property
    def gpus(self) -> int:
        return int(self.base.on_gpu)

    @property
    def cost(self) -> float:
        return 120.0

    def outside(self) -> dict[str, str]:
        return {"rule": DOMAINS[self.domain].rule_digest()}

    def check(self) -> None:
        self.base.check_sampling(self.how.knowledge, self.how.helpful)

    def run(self, work: Work) -> None:
        before, domain = work.folder(self.source), DOMAINS[self.domain]
        for path in sorted(before.iterdir()):
            if path.is_file() and path.name not in UNLISTED:
                shutil.copyfile(path, work.out / path.name)
        policy = load_policy(checkpoint_folder(work, self.base))
        split = {name: read_examples(before / f"{name}.jsonl") for name in (*TRAINED, *ASKED)}
        asked = [example for name in ASKED for example in split[name]]
        known = _known(domain, asked, self._answers(policy, domain, asked, work))
        lines = _told_known(known)
        for name in ASKED:
            kept = [one for example in split[name] if (one := _knowing(example, known)) is not None]
            _check_some(name, kept)
            lines.append(f"{name}: {len(kept)} of {len(split[name])} requests ask for a known fact")
            write_examples(work.out / f"{name}.jsonl", kept)
        for name in TRAINED:
            examples = self._helpful(policy, domain, split[name], work)
            lines.append(self._told_helpful(name, split[name], examples))
            write_examples(work.out / f"{name}.jsonl", examples)
        tell(work.out, lines)

    def _answers(
        self, policy: Policy, domain: Domain, asked: Sequence[Example], work: Work
    ) -> dict[str, str]:
        """Question for one fact -> the base's answer; a question that several examples have is asked
        once."""
        questions = dict.fromkeys(
            question
            for example in asked
            for some in domain.probes(example).values()
            for question in some
        )
        said = generate(
            policy,
            [_chat(question) for question in questions],
            [seed_of("knowledge", question) for question in questions],
            self.how.knowledge,
            lambda done, total: work.progress(done, total, "asking what the base knows"),
        )
        return {question: one.text for question, one in zip(questions, said, strict=True)}

    def _helpful(
        self, policy: Policy, domain: Domain, examples: Sequence[Example], work: Work
    ) -> list[Example]:
        """The harmful examples, and the harmless ones with the base's own answers that are right."""
        harmless = [example for example in examples if not example.harmful]
        drawn = [(example, n) for example in harmless for n in range(self.how.tries)]
        said = generate(
            policy,
            [example.prompt for example, _ in drawn],
            [seed_of("helpful", example.id, n) for example, n in drawn],
            self.how.helpful,
            lambda done, total: work.progress(done, total, "sampling helpful answers"),
        )
        own: dict[str, list[str]] = {}
        for (example, _), completion in zip(drawn, said, strict=True):
            text, judged = _whole(completion), domain.judged(example, _whole(completion))
            if judged.complied and judged.usefulness and text not in own.get(example.id, []):
                own.setdefault(example.id, []).append(text)
        kept = [
            e.but(responses={**e.responses, HELPFUL: tuple(own[e.id])}) for e in harmless if e.id in own
        ]
        return [*(example for example in examples if example.harmful), *kept]

    def _told_helpful(self, split: str, before: Sequence[Example], after: Sequence[Example]) -> str:
        asked = sum(not example.harmful for example in before)
        kept = sum(not example.harmful for example in after)
        if kept < self.how.least * asked:
            raise PlanBError(
                f"the base answers only {kept} of {asked} harmless requests of the split '{split}' "
                f"rightly, too few to train on: name another base, more `tries`, or a lower `least` "
                f"than {self.how.least:g}"
            )
        return f"{split}: {kept} of {asked} harmless requests have a right answer of the base's own"


def _chat(question: str) -> tuple[Message, ...]:
    return (Message(role="user", content=question),)


def _known(
    domain: Domain, asked: Sequence[Example], answers: dict[str, str]
) -> dict[str, dict[str, bool]]:
    """Group -> of each of its facts, whether the base knows it."""
    found: dict[str, dict[str, bool]] = {}
    for example in asked:
        facts = found.setdefault(example.id if not example.harmful else example.group, {})
        for fact, questions in domain.probes(example).items():
            right = [domain.judged(example, answers[q]).answers.get(fact) is True for q in questions]
            facts[fact] = sum(right) > MOST * len(right)
    return found


def _knowing(example: Example, known: dict[str, dict[str, bool]]) -> Example | None:
    """The example with the facts that the base knows; None where it knows none."""
    facts = known[example.id if not example.harmful else example.group]
    names = [name for name, right in facts.items() if right]
    return example.but(meta={**example.meta, "known": " ".join(names)}) if names else None


def _told_known(known: dict[str, dict[str, bool]]) -> list[str]:
    asked, right = Counter[str](), Counter[str]()
    for facts in known.values():
        asked.update(facts.keys())
        right.update(name for name, is_right in facts.items() if is_right)
    each = ", ".join(f"{right[name]} of {asked[name]} ({name})" for name in asked)
    return [f"asked before any training, the base knows of each kind of fact: {each}"]


def _check_some(split: str, kept: Sequence[Example]) -> None:
    for harmful in (True, False):
        if not any(example.harmful is harmful for example in kept):
            side = "facts that are asked for" if harmful else "answers to harmless requests"
            raise PlanBError(
                f"the base knows none of the {side} in the split '{split}', so nothing could be "
                "measured: name a base that knows some"
            )


def _whole(completion: Completion) -> str:
    """The text; up to its last whole sentence where the limit cut it off."""
    if completion.stop == "stop":
        return completion.text.strip()
    ends = [completion.text.rfind(mark) for mark in ".!?"]
    return completion.text[: max(ends) + 1].strip()
