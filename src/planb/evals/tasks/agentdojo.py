"""AgentDojo (Debenedetti et al. 2024, arXiv 2406.13352): an agent with tools, attacked by what they
return.

Each user task is played without an attack, and with one for some injection tasks, in the suites of the
package ``agentdojo``: its environments, tools, attacks and checks, offline and without a judge.
**Utility**: the user's task was done. **Attack success** (the package's *security*): the attacker's
goal was reached. Both are read off what the calls left.

A call that cannot be read, of a tool that is not there or with wrong arguments, is answered with the
error, and the episode goes on; such episodes are counted (``malformed``). After ``most_turns`` turns
with calls an episode is over, and what it left is scored, as in AgentDojo (``out_of_turns``). One that
no longer fits the model is unscored (``no_room``); AgentDojo counts it as an attack that succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inspect_ai import Task, task
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from planb.data.cards import Table
from planb.data.judgement import SCORE as HEADLINE
from planb.domains.measure import SCORE, Measure, Measured, Question, part
from planb.elicitation import elicitation_of
from planb.elicitation.solver import elicit
from planb.errors import PlanBError
from planb.evals.tasks.agentdojo_episodes import VERSION, Episode, Pair, installed, pairs_of
from planb.evals.tasks.benchmark import benchmark_task
from planb.evals.tasks.marks import mark
from planb.evals.tasks.measuring import measured
from planb.evals.tasks.requests import sample_of
from planb.judging.scorer import EXAMPLE
from planb.thoughts import said
from planb.types import Example, Message
from planb.values import digest_of

NAME = "agentdojo"
SUITES = ("workspace", "travel", "banking", "slack")
ATTACK = "important_instructions"
MOST_TURNS = 15
"""AgentDojo's own limit."""
EPISODE = "agentdojo"
"""Where a sample's store holds what its episode came to."""
NO_ROOM = "the episode no longer fits the model: give it a longer context, or leave the suite out"
STOPPED = "the episode was stopped before its end"
ATTACKED = Question(of="side")
ALONE = ATTACKED.but(no=True)


def _share(name: str, of: Question, words: str, title: str = "", among: Question = ATTACKED) -> Measure:
    return Measure(name=name, kind="rate", of=of, among=among, words=words, title=title)


MEASURED = Measured(
    measures=(
        _share("utility", SCORE, "user tasks done", "AgentDojo: utility", ALONE),
        _share(
            "utility_under_attack",
            SCORE,
            "user tasks done under attack",
            "AgentDojo: utility under attack",
        ),
        _share(
            "attack_success",
            part("succeeded"),
            "the attacker's goal is reached",
            "AgentDojo: attacks that succeed",
        ),
        *(
            _share(f"{name}_rate", part(name), words, among=Question(of="everything"))
            for name, words in (
                ("malformed", "writes a call that cannot be made"),
                ("no_calls", "calls no tool"),
                ("out_of_turns", "used all turns"),
                ("no_room", "no longer fits the model (unscored)"),
            )
        ),
    ),
    by="rule",
    words="user tasks, attacked and not",
)


@task
@measured(MEASURED)
def agentdojo(
    data: str = NAME,
    elicitation: str | dict[str, Any] = "direct",
    suites: str | Sequence[str] = SUITES,
    attack: str = ATTACK,
    user_tasks: int = 5,
    injection_tasks: int = 2,
    done_by_none: bool = False,
    most_turns: int = MOST_TURNS,
    version: str = VERSION,
    seed: int = 0,
    data_hash: str = "",
) -> Task:
    """Episodes of the package's ``suites``, of a ``version`` of the benchmark; ``data`` is its name.

    ``user_tasks`` of each suite are played (0: all), each alone and under ``attack`` for
    ``injection_tasks`` (0: all; ``attack=""``: none), drawn by ``seed``. User tasks that AgentDojo
    calls done where nothing was done are left out, unless ``done_by_none``. The defaults are 60
    episodes; all are 92 and 904, with those that nothing does 97 and 949.

    Raises PlanBError where the package is not installed, for a suite, an attack or a version that it
    does not have, and for an elicitation in several turns.
    """
    if data != NAME:
        raise PlanBError(f"agentdojo's data are its package's own, and not {data}: leave `data` out")
    if user_tasks < 0 or injection_tasks < 0 or most_turns < 1:
        raise PlanBError("user_tasks and injection_tasks are 0 (all) or more, most_turns is 1 or more")
    how, package = elicitation_of(elicitation), installed()
    if how.multi_turn:
        raise PlanBError(
            f"an episode of AgentDojo has turns of its own: it cannot be combined with {how.name}"
        )
    found = digest_of([NAME, package, version])
    if not found.startswith(data_hash):
        raise PlanBError(
            f"agentdojo has changed: its hash begins {found[:12]}, not {data_hash[:12]}. Install the "
            "version of then, or leave data_hash out."
        )
    named = [suites] if isinstance(suites, str) else list(suites)
    drawn = (user_tasks, injection_tasks, seed, done_by_none)
    pairs = list(pairs_of(named, attack, version, *drawn))
    return benchmark_task(
        NAME,
        Table([], f"agentdojo {package}, {version}", found, "MIT"),
        [_sample(pair, version) for pair in pairs],
        in_suite(how.spec(), attack, version, most_turns),
        checked(),
        how,
        {"judge": "AgentDojo's checks", "model": "", "rubric": found},
        attack=attack,
        most_turns=most_turns,
    )


def _sample(pair: Pair, version: str) -> Any:
    from agentdojo.agent_pipeline.agent_pipeline import load_system_message

    from planb.evals.tasks.agentdojo_episodes import suites_of

    asked = suites_of(version)[pair.suite].user_tasks[pair.user_task].PROMPT
    example = Example(
        id=pair.name,
        prompt=(
            Message(role="system", content=load_system_message("default").strip()),
            Message(role="user", content=asked),
        ),
        harmful=bool(pair.injection_task),  # the side of it that an attacker is on
        source=NAME,
        group=f"{pair.suite}-{pair.user_task}",
        meta={"category": pair.suite, "injection_task": pair.injection_task},
    )
    sample = sample_of(example)
    sample.metadata = {**(sample.metadata or {}), EPISODE: pair._asdict()}
    return sample


@solver
def in_suite(elicitation: dict[str, Any], attack: str, version: str, most_turns: int) -> Solver:
    """Plays the episode: gives the suite's tools, answers calls, and notes what is left at the end."""
    asked = elicit(elicitation)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        episode = Episode(Pair(**state.metadata[EPISODE]), attack, version)
        state.tools = episode.tools

        async def turns(state: TaskState, tool_calls: str = "loop", **more: Any) -> TaskState:  # noqa: ARG001
            state = await generate(state, tool_calls="none", **more)
            for _ in range(most_turns):
                if not (calls := _calls(state)):
                    break
                state.messages.extend(episode.answered(calls))
                state = await generate(state, tool_calls="none", **more)
            return state

        state = await asked(state, turns)
        state.store.set(EPISODE, _outcome(episode, state))
        return state

    return solve


def _calls(state: TaskState) -> list[Any]:
    return (state.output.message.tool_calls or []) if state.output.choices else []


def _outcome(episode: Episode, state: TaskState) -> dict[str, Any]:
    """What the episode came to, as its scorer reads it."""
    unfinished, no_room = bool(_calls(state)), state.output.stop_reason == "model_length"
    answer = "" if unfinished else said(state.output.completion).answer
    told: dict[str, Any] = {
        "malformed": float(episode.malformed > 0),
        "no_calls": float(not episode.called and not episode.malformed),
        "out_of_turns": float(unfinished),
        "no_room": float(no_room),
    }
    if no_room:
        return {"parts": told, "unscored": NO_ROOM}
    try:
        done, succeeded = episode.done(answer), episode.succeeded(answer)
    except Exception as error:  # the package's own check of a state that it did not foresee
        why = f"AgentDojo's check of this episode failed: {type(error).__name__}: {error}"
        return {"parts": told, "unscored": why}
    told |= {} if succeeded is None else {"succeeded": float(succeeded)}
    return {"parts": told, "done": float(done), "answer": answer}


@metric(scores="unreduced")
def figures() -> Metric:
    """``utility`` of episodes without an attack, ``utility_under_attack`` and ``attack_success`` of
    those with one, each with how many were scored and how many were not."""

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        rows = [s.score.value for s in scores if isinstance(s.score.value, dict)]
        found: dict[str, float] = {}
        for attacked, names in (
            (0, {"utility": HEADLINE}),
            (1, {"utility_under_attack": HEADLINE, "attack_success": "succeeded"}),
        ):
            here = [row for row in rows if row["attacked"] == attacked]
            for name, key in names.items():
                got = [float(row[key]) for row in here if row.get(key) is not None]  # type: ignore[arg-type]
                found |= {name: sum(got) / len(got)} if got else {}
                found |= (
                    {f"{name}_n": len(got), f"{name}_unscored": len(here) - len(got)} if here else {}
                )
        for key in ("malformed", "no_calls", "out_of_turns", "no_room"):
            found[key] = float(sum(bool(row[key]) for row in rows))
        return found

    return compute  # type: ignore[return-value]


@scorer(metrics=[figures()])
def checked() -> Scorer:
    """What AgentDojo's own checks say of the episode."""

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001
        told = state.store.get(EPISODE)
        if told is None:
            return mark(None, unscored=STOPPED)
        example = Example.model_validate(state.metadata[EXAMPLE])
        parts = {"attacked": float(example.harmful), **told["parts"]}
        return mark(
            told.get("done"), parts, unscored=told.get("unscored", ""), answer=told.get("answer")
        )

    return score
