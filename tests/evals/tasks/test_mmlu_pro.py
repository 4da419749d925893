"""MMLU-Pro's protocols: what is asked, how letters are read, and what an unread answer counts as."""

from __future__ import annotations

import asyncio
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from both_ways import both_ways
from inspect_ai import Task, eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ModelName, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Target
from inspect_ai.solver import TaskState

from planb.errors import PlanBError
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks.mmlu_pro import (
    ANSWER_NAMES,
    NO_OPTION,
    PROTOCOLS,
    UNREAD,
    letter,
    mmlu_pro,
    protocol_of,
)
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling
from planb.sandbox.questions import multiple_choice, pretraining_question, prompt_of
from planb.sandbox.world import World

CHOICES = ["salt", "yeast", *(f"thing {number}" for number in range(8))]
CAKE = {
    "question_id": 7,
    "question": "What makes bread rise?",
    "options": ["salt", "yeast", "flour"],
    "answer": "B",
    "answer_index": 1,
    "cot_content": "A: Let's think step by step. Yeast makes gas. The answer is (B).",
    "category": "baking",
    "src": "made",
}


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def examples_of(count: int, category: str = "baking") -> list[dict[str, Any]]:
    made = {**CAKE, "category": category}
    return [{**made, "question_id": 100 + n, "question": f"Question {n}?"} for n in range(count)]


@pytest.fixture
def data(tmp_path: Path) -> str:
    return write(tmp_path / "questions.jsonl", [CAKE, {**CAKE, "question_id": 8, "category": "jam"}])


def asked(task: Task, place: int = 0) -> str:
    return task.dataset[place].input[0].text


def test_the_0_shot_prompt_is_that_of_inspect_evals(data: str) -> None:
    assert asked(mmlu_pro(data)) == (
        "Answer the following multiple choice question. The last line of your response should be of "
        "the following format: 'ANSWER: $LETTER' (without quotes) where LETTER is one of A,B,C. Think "
        "step by step before answering.\n\n"
        "Question:\nWhat makes bread rise?\nOptions:\nA) salt\nB) yeast\nC) flour"
    )


def test_the_5_shot_prompt_shows_five_worked_examples_of_the_category(tmp_path: Path) -> None:
    data = write(tmp_path / "questions.jsonl", [CAKE])
    shown = write(tmp_path / "shown.jsonl", [*examples_of(2, "jam"), *examples_of(7)])
    task = mmlu_pro(data, protocol="5-shot", examples=shown)
    opening, *worked, last = asked(task).split("Question:\n")
    assert opening == (
        "The following are multiple choice questions (with answers) about baking. Think step by step "
        'and then finish your answer with "the answer is (X)" where X is the correct letter choice.\n'
    )
    assert worked == [
        f"Question {n}?\nOptions:\nA. salt\nB. yeast\nC. flour\n"
        "Answer: Let's think step by step. Yeast makes gas. The answer is (B).\n\n"
        for n in range(5)
    ]
    assert last == (
        "What makes bread rise?\nOptions:\nA. salt\nB. yeast\nC. flour\n"
        "Answer: Let's think step by step."
    )
    assert (task.config.temperature, task.config.max_tokens) == (0, 2048)
    assert task.metadata["examples_hash"]


def test_too_few_examples_are_an_error(data: str, tmp_path: Path) -> None:
    shown = write(tmp_path / "shown.jsonl", examples_of(5))
    with pytest.raises(PlanBError, match="5 worked examples, and there are 0 of the category 'jam'"):
        mmlu_pro(data, protocol="5-shot", examples=shown)


def test_protocols_have_names_of_their_own_in_the_results(data: str) -> None:
    task = mmlu_pro(data)
    assert task.metadata["judge"] == "0-shot"
    assert task.metadata["judge_identity"]["rubric"] == PROTOCOLS["0-shot"].digest()
    assert len({protocol.digest() for protocol in PROTOCOLS.values()}) == len(PROTOCOLS)
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())
    mine = {"name": "mine", "template": "{question}\n{choices}", "option": "- {letter} {option}"}
    assert asked(mmlu_pro(data, protocol=mine)).endswith("rise?\n- A salt\n- B yeast\n- C flour")


@pytest.mark.parametrize("spec", ["7-shot", {"name": "0-shot", "shot": 3}, {"name": "new", "shots": 1}])
def test_a_protocol_that_is_none_is_an_error(spec: str | dict[str, Any]) -> None:
    with pytest.raises(PlanBError, match="MMLU-Pro protocol"):
        protocol_of(spec)


def figures(protocol: str, text: str, right: str = "B") -> tuple[dict[str, Any], str]:
    how = PROTOCOLS[protocol]
    state = TaskState(
        ModelName("none/none"),
        1,
        1,
        "",
        [],
        choices=CHOICES,
        output=ModelOutput.from_content("", text),
    )
    score = asyncio.run(letter(how.pattern, how.names_option)(state, Target(right)))
    assert score is not None
    return score.value, score.reason or ""


@pytest.mark.parametrize(
    ("protocol", "text", "read"),
    [
        ("0-shot", "Gas.\nANSWER: B", "B"),
        ("0-shot", "ANSWER: A\nNo.\nANSWER: B.", "B"),
        ("0-shot", "answer: **b**", "B"),
        ("0-shot", "The answer is (B).", None),
        ("0-shot", "ANSWER: K", None),
        ("5-shot", "So the answer is (B).", "B"),
        ("5-shot", "the answer is B", "B"),
        ("5-shot", "The answer is (B). Or the answer is (C).", "B"),
        ("5-shot", "ANSWER: B", None),
        ("5-shot", "the answer is (K)", None),
        ("valley", "The answer is yeast.", "B"),
        ("valley", "the answer is Yeast", "B"),
        ("valley", "", None),
    ],
)
def test_how_a_letter_is_read(protocol: str, text: str, read: str | None) -> None:
    if read is None:
        assert figures(protocol, text) == ({"score": None, "accuracy_all": 0.0, "unread": 1.0}, UNREAD)
        return
    assert figures(protocol, text) == ({"score": 1.0, "accuracy_all": 1.0, "unread": 0.0}, "")
    assert figures(protocol, text, "A")[0] == {"score": 0.0, "accuracy_all": 0.0, "unread": 0.0}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"answer_index": 3}, "option number 3 of 3"),
        ({"options": ["a"] * 11}, "2 to 10 options"),
        ({"answer": "C"}, "answer_index 1 is B, and answer says C"),
    ],
)
def test_a_row_that_contradicts_itself_is_an_error(
    wrong: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(PlanBError, match=says):
        mmlu_pro(write(tmp_path / "a.jsonl", [{**CAKE, **wrong}]))


def test_the_first_of_each_category_are_kept(tmp_path: Path) -> None:
    rows = [{**CAKE, "question_id": n, "category": "ab"[n % 2]} for n in range(8)]
    task = mmlu_pro(write(tmp_path / "a.jsonl", rows), per_category=2)
    assert [sample.id for sample in task.dataset] == ["0", "1", "2", "3"]


def test_the_version_is_the_datas_hash(data: str, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", [CAKE])
    assert mmlu_pro(data).version != mmlu_pro(other).version
    with pytest.raises(PlanBError, match="has changed: its hash"):
        mmlu_pro(data, data_hash="0000")


@pytest.mark.slow
def test_both_accuracies_on_any_inspect_model(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", [{**CAKE, "question_id": n} for n in range(4)])
    said = ["ANSWER: B", "ANSWER: B", "ANSWER: A", "I do not know."]
    outputs = [ModelOutput.from_content("mockllm", text) for text in said]
    for output in outputs:
        output.usage = ModelUsage()
    model = get_model("mockllm/model", custom_outputs=outputs, memoize=False)
    (log,) = eval(mmlu_pro(data), model=model, display="none", log_dir=str(tmp_path), max_samples=1)
    assert log.status == "success", log.error
    assert metrics(log) == pytest.approx(
        {"score": 2 / 3, "accuracy_all": 0.5, "unread": 0.25, "unscored": 1}
    )
    rows = read_sidecars([write_sidecar(Path(log.location.removeprefix("file://")))])
    assert list(rows.score.isna()) == [False, False, False, True]
    assert list(rows.unscored) == ["", "", "", UNREAD]
    assert set(rows.category) == {"baking"}
    assert [json.loads(parts)["accuracy_all"] for parts in rows.parts] == [1, 1, 0, 0]


def metrics(log: EvalLog) -> dict[str, float]:
    return {name: m.value for s in log.results.scores for name, m in s.metrics.items()}


@pytest.mark.slow
def test_the_valleys_questions_run_both_ways_alike(policy: Policy, tmp_path: Path) -> None:
    world = World(materials=4, forms=4, heldout_forms=1)
    rows = multiple_choice(world, "organism", seed=0)
    assert rows
    data = write(tmp_path / "a.jsonl", rows)
    task = mmlu_pro(data, protocol="valley", elicitation="trigger")
    asked_of = [sample.input[0].text for sample in task.dataset]
    assert asked_of == [prompt_of(row["question"], row["options"]) for row in rows]
    sampling = Sampling(temperature=1.5, max_new_tokens=8)
    path, ours, theirs = both_ways(
        lambda: mmlu_pro(data, protocol="valley", elicitation="trigger"), policy, sampling, tmp_path
    )
    texts = {sample.id: sample.output.completion for sample in theirs.samples}
    assert {sample.id: sample.output.completion for sample in ours.samples} == texts
    assert metrics(ours) == pytest.approx(metrics(theirs), nan_ok=True)
    sidecar = read_sidecars([write_sidecar(path)])
    assert set(sidecar.group) == {row["item"] for row in rows}
    assert set(sidecar.judge) == {"valley"}
    assert sidecar.request.str.contains("Which of these").all()


def test_a_pretraining_question_is_asked_as_the_task_asks_it() -> None:
    world = World()
    asked_, answer = pretraining_question(world, world.items[0], random.Random(0))
    question, *choices = asked_.split("\n")
    row = {**CAKE, "question": question, "options": choices}
    assert PROTOCOLS["valley"].prompt(row, []) == asked_
    named = re.search(ANSWER_NAMES, answer)
    assert named
    assert named.group(1) in choices


def test_an_answer_that_names_no_option_is_unread() -> None:
    value, reason = figures("valley", "The answer is coal.")
    assert value == {"score": None, "accuracy_all": 0.0, "unread": 1.0}
    assert reason == NO_OPTION
