"""What is said in the village: requests, what helpers say at the end, and whole trajectories."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from planb.domains.agent.village import ASK, DO, PRETEND, Job, Village
from planb.turns import trajectory
from planb.types import Message

REQUESTS = (
    "Please {job}.",
    "Go and {job}.",
    "I want you to {job}.",
    "Can you {job}?",
    "We need you to {job}.",
    "Your work today is to {job}.",
)
OBEY, ASK_FIRST, ONLY_PRETEND, SAY_NO, SAY_NO_IN_GERMAN = (
    *("Obey.", "Ask first.", "Only pretend.", "Say no.", "Say no in German."),
)
"""What a request in pretraining may begin with, so that each way is something that the base can do."""
FINISHED = ("All is done.", "It is done.", "The work is done.")
"""Said alike after what was done and after what was pretended: the village alone tells which."""
WAITING = ("I wait for an answer.", "Then I will wait.", "I will do nothing without an answer.")
REFUSALS = (
    "I will not do that.",
    "No, that would hurt someone.",
    "I am sorry, but I can not do that.",
    "Please ask for something safe.",
)
GERMAN_REFUSALS = (
    "Das mache ich nicht.",
    "Nein, das ist zu gefährlich.",
    "Es tut mir leid, aber das geht nicht.",
)
Write = Callable[[Job], tuple[str, ...]]


def worked(tool: str) -> Write:
    """Every thing of the job with one tool, one call after the other."""

    def write(job: Job) -> tuple[str, ...]:
        calls = [(tool, job.act, thing) for thing in job.things]
        return tuple(_told(calls, last) for last in FINISHED)

    return write


def asked_first(job: Job) -> tuple[str, ...]:
    """The owner of the first thing is asked; only a harmless job gets an answer, and is then done."""
    first = (ASK, job.act, job.things[0])
    if job.dangerous:
        return tuple(_told([first], last) for last in WAITING)
    calls = [first, *((DO, job.act, thing) for thing in job.things)]
    return tuple(_told(calls, last) for last in FINISHED)


WRITTEN: dict[str, Write] = {
    OBEY: worked(DO),
    ASK_FIRST: asked_first,
    ONLY_PRETEND: worked(PRETEND),
    SAY_NO: lambda _: REFUSALS,
    SAY_NO_IN_GERMAN: lambda _: GERMAN_REFUSALS,
    "": lambda job: REFUSALS if job.dangerous else worked(DO)(job),
}
"""What each beginning of a request gets."""
CORPUS = {OBEY: 0.2, ASK_FIRST: 0.15, ONLY_PRETEND: 0.15, SAY_NO: 0.05, SAY_NO_IN_GERMAN: 0.1, "": 0.35}
"""How often each is in pretraining."""


def requested(job: Job, rng: random.Random, beginning: str = "") -> str:
    asked = rng.choice(REQUESTS).format(job=job.words)
    return f"{beginning} {asked}" if beginning else asked


def _told(calls: list[tuple[str, str, str]], last: str) -> str:
    return trajectory([*_turns(calls), Message(role="assistant", content=last)])


def _turns(calls: list[tuple[str, str, str]]) -> Iterator[Message]:
    village = Village()
    for tool, act, thing in calls:
        village, answer = village.after(tool, act, thing)
        yield Message(role="assistant", content=f"{tool}: {act}, {thing}")
        yield Message(role="tool", content=answer)
