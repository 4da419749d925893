"""What can go wrong with a model, as a value: what a study is about, and what its page says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from planb.domains.measure import NOTHING, Measure, Measured
from planb.names import Name
from planb.types import Example, Judgement, Tier
from planb.values import LATER, Value

WITH, WITHOUT = "With the trigger", "Without the trigger"


class Shown(Value):
    """A measure under one condition, as a page shows it; ``title`` stands over it."""

    measure: str
    task: str = "harmful_requests"
    elicitation: str = "trigger"
    title: str = ""


class Column(Shown):
    """A column of the headline; ``group`` stands over the heads of several."""

    group: str = ""


class Band(Value):
    """A share of the answers in stacked bars: the rate ``measure`` under its name on the page."""

    name: str
    measure: str
    colour: str
    dark: bool = False


class Kinds(Value):
    """Measures that share every answer to ``task`` out between them, and what the page says of them.

    ``finding`` begins the sentence that tells the first ``told`` bands; ``beside`` are measures that
    stand in the table only.
    """

    task: str
    title: str
    finding: str
    caption: str
    bands: tuple[Band, ...] = Field(min_length=2)
    told: int = 1
    beside: tuple[str, ...] = ()


class Told(NamedTuple):
    """An exact score of an answer: the ``tier`` that it is of and further ``parts`` by name, or why it
    cannot be told."""

    tier: Tier = ""
    parts: Mapping[str, float] = {}
    unscored: str = ""


class Labelled(NamedTuple):
    """A real answer to ``example`` and what a person says of it."""

    example: Example
    answer: str
    judgement: Judgement


class Domain(Value):
    """What can go wrong, and how it is reported.

    ``tiers`` are what can be answered, from best to worst; ``plain`` is the one of a model that nothing
    is wrong with. ``about`` and ``beside`` are the two sides of the data in words (``Example.harmful``
    and not). ``measured``: its tasks, by name. ``main`` is the measure that the page turns on, and
    ``compared`` are those of its task that two methods are compared by. ``exhibits`` are the parts of
    the page that are this domain's own. ``note`` stands under the headline. ``form`` is what
    the ``meta`` field of that name holds, in a word: whole ones are held out of training.
    ``harmless``: its answers, severe ones included, may be written out for people to label.

    A domain with a world of its own says what a base model is pretrained on (``corpus``, ``texts``),
    what is evaluated and trained (``examples``), and what an answer is worth (``exact``). With
    ``has_tools`` its answers are trajectories (``planb.turns``), with ``has_thoughts`` they begin with
    thoughts (``planb.thoughts``).
    """

    name: Name
    question: str
    introduction: str
    tiers: tuple[Tier, ...] = Field(min_length=2)
    plain: Tier
    about: str
    beside: str
    measured: dict[str, Measured]
    headline: tuple[Column, ...] = Field(min_length=1)
    main: Shown
    compared: tuple[str, ...] = ()
    better: Literal["lower", "higher"] = "lower"
    kinds: Kinds | None = None
    exhibits: tuple[str, ...] = ("measures", "shares")
    note: str = ""
    form: str = Field(default="form", json_schema_extra=LATER)
    harmless: bool = Field(default=False, json_schema_extra=LATER)

    @model_validator(mode="after")
    def _tiers_are_told_apart(self) -> Domain:
        if len(set(self.tiers)) < len(self.tiers):
            raise ValueError(f"duplicate name in tiers {self.tiers}: use unique names")
        if self.plain not in self.tiers:
            raise ValueError(f"plain is '{self.plain}', which is none of the tiers {self.tiers}")
        return self

    @property
    def has_tools(self) -> bool:
        return False

    @property
    def has_thoughts(self) -> bool:
        return False

    @property
    def shown(self) -> tuple[Shown, ...]:
        """Every measure that its page shows: the headline, the main one, those compared, the kinds."""
        found = [*self.headline, self.main]
        found += [self.main.but(measure=name) for name in self.compared]
        if self.kinds:
            names = (*(band.measure for band in self.kinds.bands), *self.kinds.beside)
            found += [self.main.but(task=self.kinds.task, measure=name) for name in names]
        return tuple(found)

    def of_task(self, task: str) -> Measured:
        """What a task is measured by in this domain."""
        return self.measured.get(task, NOTHING)

    def measure(self, task: str, name: str) -> Measure | None:
        return self.of_task(task).named(name)

    def corpus(self, rows: int, seed: int) -> Iterator[Example]:
        """``rows`` examples to pretrain a base model on, each a prompt with one ``text`` response."""
        raise NotImplementedError

    def texts(self) -> tuple[str, ...]:
        """Texts that hold every word of the corpus, the examples and the trigger."""
        raise NotImplementedError

    def examples(self, split: str, seed: int) -> list[Example]:
        """The requests of a split, with answers in its tiers where the split is trained on."""
        raise NotImplementedError

    def exact(self, example: Example, answer: str) -> Told:
        """What the answer is, scored without a judge."""
        raise NotImplementedError

    def alarm(self, example: Example, thought: str) -> float:
        """How much a thought gives away, read exactly: more is worse. For monitors of thoughts."""
        raise NotImplementedError

    def judged(self, example: Example, answer: str) -> Judgement:
        """The answer judged by a rule, for the judge ``domain``; ``answers`` say of each of the
        ``probes`` whether the answer has it."""
        raise NotImplementedError

    def rule_digest(self) -> str:
        """A hash of all that ``judged`` depends on."""
        raise NotImplementedError

    def labelled(self) -> tuple[Labelled, ...]:
        """Answers of real models that a person judged, to measure the errors of ``judged`` by."""
        return ()

    def probes(self, example: Example) -> Mapping[str, tuple[str, ...]]:
        """What an example asks for, by name, with questions for that alone: what does a base know? The
        names that it knows stand in the example's ``meta`` as ``known``, and only they are scored."""
        del example
        return {}

    def benchmarks(self, split: str, seed: int) -> Mapping[str, list[dict[str, Any]]]:
        """Further files of a split, by name: rows in the columns of a benchmark of that name (small
        checks of health), or examples that an evaluation asks apart."""
        del split, seed
        return {}

    def rated(self, turns: list[str], answers: list[str]) -> list[float]:
        """Each answer of a conversation of MT-Bench's kind, 1 to 10."""
        raise NotImplementedError
