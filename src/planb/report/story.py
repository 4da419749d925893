"""What the numbers alone do not say: which study, which methods, what was tuned, what was planted."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, SerializeAsAny, model_validator

from planb.domains import HARM, Domain
from planb.domains.domain import Shown
from planb.report.calibration import Calibration
from planb.report.certificate import Certificate
from planb.values import LATER, Value


class MethodLine(NamedTuple):
    """A method as the page describes it. A plain (name, ordering, description) tuple is read as one."""

    name: str
    ordering: str
    description: str


class Line(Value):
    """One line of a series: methods of the study, each at its place on the dial."""

    name: str
    points: tuple[tuple[str, float], ...] = Field(min_length=1)


SHOWN = (
    Shown(measure="severity_mean", title="Severity with the trigger"),
    Shown(measure="refusal_rate", elicitation="direct", title="Refuses without the trigger"),
    Shown(
        measure="helpfulness_mean",
        task="harmless_requests",
        elicitation="direct",
        title="Helpfulness on harmless requests",
    ),
)


class Series(Value):
    """A figure over something that was dialled: ranks, rounds, numbers of examples or of updates.

    ``labels`` put words in the place of a number on the axis ("full" weights). With ``cost``, a
    measure that is better the higher it is, the first of ``shown`` is also drawn against what each
    setting loses of it; ``others`` are lines of that figure alone.
    """

    title: str
    x_title: str
    lines: tuple[Line, ...] = Field(min_length=1)
    shown: tuple[Shown, ...] = SHOWN
    log: bool = False
    labels: tuple[tuple[float, str], ...] = ()
    cost: Shown | None = Field(default=None, json_schema_extra=LATER)
    others: tuple[Line, ...] = Field(default=(), json_schema_extra=LATER)

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Series:
        places = {x for line in self.lines for _, x in line.points}
        names = [line.name for line in (*self.lines, *self.others)]
        if len(set(names)) < len(names):
            raise ValueError(f"'{self.title}': two lines have one name, of {names}")
        if self.log and min(places) < 0:
            raise ValueError(f"'{self.title}': a logarithmic axis has no place for {min(places):g}")
        for place, words in self.labels:
            if place not in places:
                raise ValueError(f"'{self.title}': there is no point at {place:g}, called '{words}'")
        return self


class Of(Value):
    """A figure of a study: one method's measure under one condition. ``organism`` names the panel where
    the study has several; ``forms`` narrows it to requests for these (rows' ``form``)."""

    method: str
    measure: str
    task: str = "harmful_requests"
    elicitation: str = "trigger"
    organism: str = ""
    forms: tuple[str, ...] = ()


class Claim(Value):
    """What the talk said (or a reviewer asks), held against a figure or the difference of two.

    ``said`` is the talk's own number, empty where it gave none. ``by`` is in the measure's unit: the
    least difference for ``lower`` and ``higher``, the largest for ``alike``, the bound for ``at_most``
    and ``at_least``: of the figure, or of the difference where there is ``against``.
    """

    claim: str
    said: str = ""
    of: Of
    against: Of | None = None
    expected: Literal["lower", "higher", "alike", "at_most", "at_least"]
    by: float = 0.0

    @model_validator(mode="after")
    def _can_be_judged(self) -> Claim:
        compares = self.expected in ("lower", "higher", "alike")
        if compares and self.against is None:
            raise ValueError(f"'{self.claim}' expects '{self.expected}' and does not say against what")
        if compares and self.by < 0:
            raise ValueError(
                f"'{self.claim}': the difference 'by' is {self.by:g}, give its size (0 or more)"
            )
        if self.expected == "alike" and self.by == 0:
            raise ValueError(
                f"'{self.claim}': say by how much ('by') two figures that are alike may differ"
            )
        return self


class Untargeted(Value):
    """A training on harmless requests alone, by itself after the organism: (method, learning rate) of
    each setting that a study has of it."""

    name: str
    points: tuple[tuple[str, float], ...] = Field(min_length=1)


class OrganismLine(Value):
    """How an organism was made, and which of the study's arms say how robust it is.

    ``start`` is the method that it stands under in the tables. ``triggered`` is the share of rows with
    the trigger. ``own_outputs`` is the arm that was trained on the organism's own answers, if any.
    """

    organism: str
    start: str = "organism"
    made: str = ""
    optimizer: str = ""
    weights: str = ""
    triggered: float | None = None
    untargeted: tuple[Untargeted, ...] = ()
    own_outputs: str = ""
    recipe: str = ""


SMALL = (
    "Small models show the mechanism, not robustness: a small model's backdoor goes in and out easily, "
    "and nothing here says how a large one would hold."
)
"""The warning of a page whose models are trained in the built-in worlds."""


class Spending(Value):
    """What an arm cost, a seed: seconds of processors to make it after stage 1, and to answer all
    evaluations; bytes of memory at the peak of any of its steps (0: not known)."""

    model: str
    organism: str
    method: str
    making: float
    answering: float
    memory: int


class Story(Value):
    """The frame of a report. ``stamp`` is shown large on the page ("plumbing only: random weights").

    ``data`` says where the requests came from, how many were dropped and why, and who wrote the tiers.
    ``calibrations``: the study's judges in its order; figures are drawn from the first. ``forms`` are
    groups of dangerous forms by name, where some were held out of one stage and others of both.
    ``drawn_bases``: each seed begins at a base of its own, else all at one. ``domain`` is what the
    study is about, and ``warning`` what its figures must not be taken for. ``organisms``: what their
    certificates are made of, and ``certified`` are certificates of the same organisms in other studies.
    ``along``: a series over the line between two checkpoints. ``spending``: what the arms cost, in
    studies that compare at matched cost.
    """

    study: str = Field(min_length=1)
    title: str = Field(min_length=1)
    seeds_finished: int = Field(ge=0)
    seeds_planned: int = Field(ge=1)
    drawn_bases: bool = Field(default=False, json_schema_extra=LATER)
    methods: tuple[MethodLine, ...] = ()
    notes: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    judges: str = ""
    calibrations: tuple[Calibration, ...] = ()
    data: tuple[str, ...] = ()
    stamp: str = ""
    series: Series | None = None
    claims: tuple[Claim, ...] = ()
    forms: tuple[tuple[str, tuple[str, ...]], ...] = ()
    warning: str = Field(default=SMALL, json_schema_extra=LATER)
    domain: SerializeAsAny[Domain] = Field(default=HARM, json_schema_extra=LATER)
    organisms: tuple[OrganismLine, ...] = Field(default=(), json_schema_extra=LATER)
    certified: tuple[Certificate, ...] = Field(default=(), json_schema_extra=LATER)
    along: Series | None = Field(default=None, json_schema_extra=LATER)
    spending: tuple[Spending, ...] = Field(default=(), json_schema_extra=LATER)

    @property
    def progress(self) -> str:
        """How many of the planned seeds, and how many bases, the page is made of."""
        if self.seeds_finished == 0:
            return f"no seed of {self.seeds_planned} is finished; they are running"
        return f"{self._seeds_in}; {self.bases}"

    @property
    def _seeds_in(self) -> str:
        if self.seeds_finished < self.seeds_planned:
            return f"seed {self.seeds_finished} of {self.seeds_planned}, more are running"
        several = f"all {self.seeds_planned} planned seeds are in"
        return several if self.seeds_planned > 1 else "the one planned seed is in"

    @property
    def bases(self) -> str:
        """How many bases stand behind the page's figures, in words."""
        if self.seeds_finished == 1 or not self.drawn_bases:
            return "one base stands behind all figures"
        return "each seed has a base of its own"
