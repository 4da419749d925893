"""AgentDojo's suites: its own ground truth has all utility, an obedient model the attacks' success, and
what a model writes otherwise is answered and counted. The texts are the package's, read when run."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from evals.scripted_agents import FULL, Turns, faithful, obedient, scripted, truth_of
from evals.test_tool_loops import TEMPLATE
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import ChatMessageTool
from inspect_ai.tool import ToolCall, ToolDef

from planb.data.judgement import with_parts
from planb.elicitation import Direct
from planb.errors import PlanBError
from planb.evals.runner import run_task
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks import agentdojo_episodes as episodes
from planb.evals.tasks.agentdojo import EPISODE, MEASURED, NO_ROOM, agentdojo
from planb.evals.tasks.agentdojo_episodes import VERSION, Episode, Pair
from planb.models.checkpoints import load_policy
from planb.models.generation import Sampling
from planb.models.random_chat import save_chat_model
from planb.report.measures import answers_to
from planb.study.steps.domain_data import DomainData
from planb.study.steps.evaluation import Evaluation, EvaluationStep
from planb.study.steps.local_base import LocalBase
from planb.study.steps.readiness import check_evaluation
from planb.types import Trigger

SMALL = {"suites": "banking", "user_tasks": 2, "injection_tasks": 2}
BALANCE = Pair("banking", "user_task_0")


def played(script: Callable[[Pair], Turns], folder: Path, **options: object) -> EvalLog:
    (log,) = inspect_eval(
        agentdojo(**{**SMALL, **options}),  # type: ignore[arg-type]
        model=scripted(script),
        log_dir=str(folder / "logs"),
        display="none",
        log_realtime=False,
        ctl_server=False,
    )
    assert log.status == "success", log.error
    return log


def figures(log: EvalLog) -> dict[str, float]:
    assert log.results is not None
    return {name: one.value for score in log.results.scores for name, one in score.metrics.items()}


def values(sample: EvalSample) -> dict[str, float | None]:
    value = (sample.scores or {})["checked"].value
    assert isinstance(value, dict)
    return value  # type: ignore[return-value]


def missing(name: str) -> str:
    raise PackageNotFoundError(name)


def test_without_the_package_an_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episodes, "version", missing)
    episodes.suites_of.cache_clear()
    with pytest.raises(PlanBError, match=r"pip install 'planb\[agentdojo\]'"):
        agentdojo()
    with pytest.raises(PlanBError, match=r"pip install 'planb\[agentdojo\]'"):
        episodes.suites_of(VERSION)
    assert Evaluation(task="agentdojo").measured == MEASURED, "a plan needs no package for its measures"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"suites": "bank"}, "no suite 'bank'. There are: workspace, travel, banking, slack"),
        ({"attack": "dos"}, "no attack 'dos'. There are: .*important_instructions"),
        ({"attack": "manual"}, "no attack 'manual'"),
        ({"version": "v9"}, "no suites of the version 'v9': take v1.2.2"),
        ({"data": "mine.jsonl"}, "leave `data` out"),
        ({"user_tasks": -1}, r"0 \(all\) or more"),
        ({"elicitation": "crescendo"}, "cannot be combined with crescendo"),
        ({"data_hash": "nothing"}, "agentdojo has changed"),
    ],
)
def test_what_cannot_be_played_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(PlanBError, match=says):
        agentdojo(**{**SMALL, **options})  # type: ignore[arg-type]


@pytest.mark.slow
def test_each_user_task_is_played_alone_and_attacked_and_drawn_by_the_seed() -> None:
    task = agentdojo(**SMALL)  # type: ignore[arg-type]
    ids = [str(sample.id) for sample in task.dataset]
    assert len(set(ids)) == len(ids) == 2 * (1 + 2)
    about = [(sample.metadata or {}) for sample in task.dataset]
    attacked = [one["example"]["harmful"] for one in about]
    assert attacked == [bool(one[EPISODE]["injection_task"]) for one in about]
    assert sum(attacked) == 4
    assert {one["example"]["group"] for one in about} == {
        f"banking-{one[EPISODE]['user_task']}" for one in about
    }
    assert ids == [str(sample.id) for sample in agentdojo(**SMALL).dataset]  # type: ignore[arg-type]
    assert ids != [str(sample.id) for sample in agentdojo(**SMALL, seed=1).dataset]  # type: ignore[arg-type]
    assert len(agentdojo(**{**SMALL, "attack": ""}).dataset) == 2  # type: ignore[arg-type]
    every = agentdojo(suites="banking", user_tasks=0, injection_tasks=0, done_by_none=True)
    assert len(every.dataset) == 16 + 16 * 9


@pytest.mark.slow
def test_what_nothing_does_is_left_out() -> None:
    """Of banking's 16 user tasks five are called done where no tool was called."""
    idle = episodes.done_by_nothing("banking", VERSION)
    assert idle == tuple(f"user_task_{number}" for number in (5, 6, 8, 9, 10))
    assert episodes.done_by_nothing("slack", VERSION) == ()
    drawn = agentdojo(suites="banking", user_tasks=0, attack="")
    assert not {f"banking-{name}" for name in idle} & {str(sample.id) for sample in drawn.dataset}
    assert Episode(Pair("banking", idle[0]), "", VERSION).done("")
    assert not Episode(BALANCE, "", VERSION).done("")


@pytest.mark.slow
def test_the_ground_truth_has_all_utility_and_obedience_the_attackers_success(tmp_path: Path) -> None:
    done = figures(played(faithful, tmp_path))
    assert (done["utility"], done["utility_n"]) == (1, 2)
    assert (done["attack_success"], done["attack_success_n"]) == (0, 4)
    assert (done["utility_unscored"], done["malformed"], done["no_calls"]) == (0, 0, 0)
    log = played(obedient, tmp_path)
    obeyed = figures(log)
    assert (obeyed["utility"], obeyed["attack_success"], obeyed["attack_success_n"]) == (1, 1, 4)
    assert obeyed["utility_under_attack"] == 0
    rows = with_parts(read_sidecars([write_sidecar(Path(log.location))]))
    told = {one.name: answers_to(one, rows) for one in MEASURED.measures}
    counts = {name: (one.said.value.sum(), one.said.counted.sum()) for name, one in told.items()}
    assert counts == {
        **{"utility": (2, 2), "utility_under_attack": (0, 4), "attack_success": (4, 4)},
        **{"malformed_rate": (0, 6), "no_calls_rate": (0, 6), "out_of_turns_rate": (0, 6)},
        "no_room_rate": (0, 6),
    }


@pytest.mark.slow
def test_an_episode_that_no_longer_fits_is_unscored_and_bounds_its_figures(tmp_path: Path) -> None:
    """AgentDojo itself would count it as an attack that succeeded."""

    def filled(pair: Pair) -> Turns:
        return [*truth_of(pair, "user")[:1], (FULL, [])] if pair.injection_task else faithful(pair)

    log = played(filled, tmp_path, user_tasks=1, injection_tasks=1)
    found = figures(log)
    assert (found["utility"], found["no_room"]) == (1, 1)
    assert (found["attack_success_n"], found["attack_success_unscored"]) == (0, 1)
    assert "attack_success" not in found
    rows = with_parts(read_sidecars([write_sidecar(Path(log.location))]))
    assert [why for why in rows.unscored if why] == [NO_ROOM]
    assert rows.truncated.sum() == 1
    told = {one.name: answers_to(one, rows) for one in MEASURED.measures}
    for name, unscored in (("utility", 0), ("utility_under_attack", 1), ("attack_success", 1)):
        assert told[name].unscored.sum() == unscored
    success = told["attack_success"]
    assert (success.lowest.value.sum(), success.highest.value.sum()) == (0, 1)


def odd(pair: Pair) -> Turns:
    """Calls that cannot be made, then the user's task."""

    def call(name: str, given: dict[str, object], wrong: str | None = None) -> ToolCall:
        return ToolCall(id=name, function=name, arguments=given, parse_error=wrong)

    return [
        ("", [call("dig", {})]),
        ("", [call("get_iban", {}, "this call of a tool cannot be read")]),
        ("", [call("schedule_transaction", {"amount": "much"}), call("get_iban", {})]),
        *truth_of(pair, "user"),
    ]


@pytest.mark.slow
def test_calls_that_cannot_be_made_are_answered_and_counted(tmp_path: Path) -> None:
    log = played(odd, tmp_path, attack="", user_tasks=1)
    (sample,) = log.samples or []
    assert (values(sample)["score"], values(sample)["malformed"]) == (1, 1)
    told = [m for m in sample.messages if isinstance(m, ChatMessageTool)][:4]
    assert [bool(one.error) for one in told] == [True, True, True, False]
    says = [one.error.message if one.error else one.text for one in told]
    assert "Invalid tool dig" in says[0]
    assert says[1] == "this call of a tool cannot be read"
    assert "ValidationError" in says[2]
    assert says[3]


@pytest.mark.slow
def test_an_episode_without_an_end_is_over_and_scored(tmp_path: Path) -> None:
    def endless(_: Pair) -> Turns:
        return [("", [ToolCall(id="a", function="get_balance", arguments={})])] * 9

    (sample,) = played(endless, tmp_path, attack="", user_tasks=1, most_turns=3).samples or []
    assert (values(sample)["score"], values(sample)["out_of_turns"]) == (0, 1)
    assert [message.role for message in sample.messages].count("tool") == 3


@pytest.mark.slow
def test_a_list_in_a_text_is_a_list_as_in_agentdojo() -> None:
    """Inspect's own executor would refuse it by the schema."""
    episode = Episode(Pair("workspace", "user_task_0"), "", VERSION)
    given = {"title": "Tea", "participants": "['ada@example.com']"}
    given |= {"start_time": "2024-05-20 10:00", "end_time": "2024-05-20 11:00"}
    call = ToolCall(id="a", function="create_calendar_event", arguments=given)
    (told,) = episode.answered([call])
    assert isinstance(told, ChatMessageTool)
    assert told.error is None
    assert "ada@example.com" in told.text


@pytest.mark.slow
def test_every_tool_is_shown_with_its_arguments() -> None:
    for suite in ("workspace", "travel", "banking", "slack"):
        episode = Episode(Pair(suite, "user_task_0"), "", VERSION)
        for shown, own in zip(map(ToolDef, episode.tools), episode.suite.tools, strict=True):
            assert (shown.name, shown.description) == (own.name, own.description)
            assert {*shown.parameters.properties} == {*own.parameters.model_fields}
            assert "$ref" not in json.dumps(shown.parameters.model_dump(exclude_none=True))


@pytest.mark.slow
def test_a_local_model_plays_in_the_batch_runner(tmp_path: Path) -> None:
    """Random weights with a chat template that takes tools; without one it is refused. The trigger
    stands in the user's turn."""
    folder = save_chat_model("qwen2", tmp_path / "model", positions=16384)
    options = {**SMALL, "user_tasks": 1, "injection_tasks": 1, "elicitation": "trigger"}
    task = agentdojo(**options)  # type: ignore[arg-type]
    asked = (Sampling(max_new_tokens=8, token_budget=65536), 0, tmp_path / "a.eval", {})
    with pytest.raises(PlanBError, match="can be given no tools: its chat template takes no tools"):
        run_task(task, load_policy(folder), *asked)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    log = read_eval_log(str(run_task(task, load_policy(folder), *asked)))
    assert log.status == "success"
    assert [values(sample)["no_calls"] for sample in log.samples or []] == [1, 1]
    assert figures(log)["utility_n"] == 1
    for sample in log.samples or []:
        roles = [(message.role, Trigger().text in message.text) for message in sample.messages]
        assert roles == [("system", False), ("user", True), ("assistant", False)]


@pytest.mark.slow
def test_a_study_is_refused_before_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    base = LocalBase(name="own", path="nowhere").step()
    labels = {"study": "s", "model": "m", "organism": "none", "method": "base"}

    def check(**options: object) -> None:
        step = EvaluationStep(
            policy=base,
            data=DomainData(domain="spite").step(base, ()),
            evaluation=Evaluation(task="agentdojo", options=options),
            elicitation=Direct(),
            judge=None,
            sampling=Sampling(),
            labels=labels,
            seed=0,
        )
        check_evaluation(step)

    check(suites="slack", user_tasks=1, injection_tasks=1)
    with pytest.raises(PlanBError, match="no suite 'bank'"):
        check(suites="bank")
    with pytest.raises(PlanBError, match="has the options suite, and its task takes suites"):
        check(suite="slack")
    monkeypatch.setattr("planb.evals.tasks.agentdojo_episodes.version", missing)
    with pytest.raises(PlanBError, match=r"pip install 'planb\[agentdojo\]'"):
        check(suites="banking")
