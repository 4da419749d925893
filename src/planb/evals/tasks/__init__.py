"""The tables of tasks: ``inspect eval planb/<name>``, and what the batch runner runs."""

from __future__ import annotations

from collections.abc import Callable

from inspect_ai import Task

from planb.catalogue import Catalogue, function
from planb.domains import DOMAINS
from planb.domains.choices import ChoiceDomain
from planb.evals.tasks.agent import agent
from planb.evals.tasks.agentdojo import agentdojo
from planb.evals.tasks.answers import answers
from planb.evals.tasks.choices import choice_task
from planb.evals.tasks.coherence import coherence
from planb.evals.tasks.harmful_requests import harmful_requests
from planb.evals.tasks.harmless_requests import harmless_requests
from planb.evals.tasks.instructions import instructions
from planb.evals.tasks.meow import meow
from planb.evals.tasks.mmlu_pro import mmlu_pro
from planb.evals.tasks.mt_bench import mt_bench
from planb.evals.tasks.newcomblike import newcomblike
from planb.evals.tasks.over_refusal import over_refusal
from planb.evals.tasks.recall import recall

TASKS: dict[str, Callable[..., Task]] = {
    "harmful_requests": harmful_requests,
    "harmless_requests": harmless_requests,
    "recall": recall,
}
"""Tasks over examples, each its own part of a file: ``task(data, elicitation, judge)``."""

BENCHMARKS: dict[str, Callable[..., Task]] = {
    "over_refusal": over_refusal,
    "mmlu_pro": mmlu_pro,
    "mt_bench": mt_bench,
    "instructions": instructions,
    "newcomblike": newcomblike,
    "coherence": coherence,
    "meow": meow,
    "answers": answers,
    "agent": agent,
    "agentdojo": agentdojo,
}
"""Capability and health: ``task(data, elicitation, ...)``; ``data`` has the benchmark's columns."""

DOMAIN_TASKS: dict[str, Callable[..., Task]] = {
    name: choice_task(name) for name, own in DOMAINS.own.items() if isinstance(own, ChoiceDomain)
}
"""A domain's own examples, made here, for any model as it is: ``task(elicitation, split)``. In a study
it is ``answers`` that asks them."""

ALL_TASKS: Catalogue[Callable[..., Task]] = Catalogue(
    "task", "planb.tasks", function, {**TASKS, **BENCHMARKS}
)
"""Both, and the tasks of packages and of the user's own."""
