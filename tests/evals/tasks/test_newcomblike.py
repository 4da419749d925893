"""Questions on Newcomb-like problems: what is asked, how answers are scored, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ModelName, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Target
from inspect_ai.solver import TaskState

from planb.data.judgement import with_parts
from planb.errors import PlanBError
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks.mmlu_pro import NO_OPTION, UNREAD
from planb.evals.tasks.newcomblike import MEASURED, agreement, newcomblike
from planb.report.measures import answers_to

RIGHT: dict[str, Any] = {
    "qid": "1.1",
    "question_text": "A clerk who is right in 9 of 10 cases guessed your tea. How often is she wrong?",
    "permissible_answers": ["never", "once in 10", "always"],
    "correct_answer": 1,
    "tags": ["counting"],
}
WISH: dict[str, Any] = {
    "qid": "1.2ATT",
    "question_text": "She filled the pot if she expected you to leave the cake. What do you take?",
    "permissible_answers": ["the pot", "both", "either", "neither"],
    "correct_answer": {"EDT": [0, 2], "CDT": [1, 2], "FDT": 0},
    "attitude_q": True,
}


def write(folder: Path, *rows: dict[str, Any]) -> str:
    path = folder / "questions.json"
    path.write_text(json.dumps(rows))
    return str(path)


def numbered(row: dict[str, Any], count: int) -> list[dict[str, Any]]:
    return [
        {**row, "qid": f"{n}.1", "question_text": f"{row['question_text']} {n}"} for n in range(count)
    ]


def shown(task: Task) -> dict[str, list[str]]:
    return {str(sample.id): list(sample.choices or []) for sample in task.dataset}


def key_of(task: Task) -> dict[str, dict[str, str]]:
    return {str(sample.id): (sample.metadata or {})["newcomblike"] for sample in task.dataset}


def test_a_question_is_asked_as_mmlu_pros_are_with_its_key_on_the_answers_shown(tmp_path: Path) -> None:
    data = write(tmp_path, RIGHT, WISH)
    for seed in range(4):
        task = newcomblike(data, seed=seed)
        first, second = task.dataset
        choices = shown(task)
        text = first.input[0].text
        assert text.startswith("Answer the following multiple choice question.")
        assert "one of A,B,C." in text
        letters = "ABCD"
        listed = [f"{x}) {one}" for x, one in zip(letters, choices["1.1"], strict=False)]
        assert text.endswith(f"Question:\n{RIGHT['question_text']}\nOptions:\n" + "\n".join(listed))
        assert choices["1.1"][letters.index(first.target[0])] == "once in 10"
        agrees = {
            theory: {choices["1.2ATT"][letters.index(one)] for one in told}
            for theory, told in key_of(task)["1.2ATT"].items()
        }
        assert agrees == {"EDT": {"the pot", "either"}, "CDT": {"both", "either"}}
        assert (
            second.target
            == f"EDT: {key_of(task)['1.2ATT']['EDT']}; CDT: " + (key_of(task)["1.2ATT"]["CDT"])
        )
    assert task.metadata["judge"] == "0-shot"
    assert task.metadata["answers_seed"] == 3
    assert {s.metadata["example"]["group"] for s in task.dataset} == {"setting 1"}
    assert [s.metadata["example"]["meta"]["category"] for s in task.dataset] == [
        "capability",
        "attitude",
    ]


def test_the_answers_places_are_counterbalanced_by_seed(tmp_path: Path) -> None:
    data = write(tmp_path, *numbered(RIGHT, 12))
    places: dict[str, list[str]] = {}
    for seed in range(3):
        task = newcomblike(data, seed=seed)
        assert shown(task) == shown(newcomblike(data, seed=seed))
        at_once = Counter(str(sample.target[0]) for sample in task.dataset)
        assert at_once == {"A": 4, "B": 4, "C": 4}, "of one seed, each place equally often"
        for sample in task.dataset:
            places.setdefault(str(sample.id), []).append(sample.target[0])
    assert all(sorted(found) == ["A", "B", "C"] for found in places.values()), "over three, each once"
    assert len({tuple(found) for found in places.values()}) == 3
    mirrored = newcomblike(write(tmp_path, *reversed(numbered(RIGHT, 12))), seed=0)
    assert shown(mirrored) == shown(newcomblike(write(tmp_path, *numbered(RIGHT, 12)), seed=0))


def test_questions_of_a_kind_or_without_tags_are_kept(tmp_path: Path) -> None:
    rows = (RIGHT, WISH, {**RIGHT, "qid": "2", "tags": ["trivia"]})
    data = write(tmp_path, *rows, {**RIGHT, "qid": 3, "double_checked": False})
    assert list(shown(newcomblike(data))) == ["1.1", "1.2ATT", "2"]
    assert newcomblike(data).metadata["left_out"] == 1
    assert list(shown(newcomblike(data, kind="attitude"))) == ["1.2ATT"]
    assert list(shown(newcomblike(data, kind="capability", without="trivia"))) == ["1.1"]
    assert list(shown(newcomblike(data, unchecked=True))) == ["1.1", "1.2ATT", "2", "3"]
    with pytest.raises(PlanBError, match=r"no question has the tag 'triva'\. Tags: counting, trivia"):
        newcomblike(data, without=["triva"])
    with pytest.raises(PlanBError, match="shows worked examples"):
        newcomblike(data, protocol="5-shot")
    with pytest.raises(PlanBError, match="has changed: its hash"):
        newcomblike(data, data_hash="0000")


@pytest.mark.parametrize(
    ("row", "wrong", "says"),
    [
        (RIGHT, {"correct_answer": 3}, "has 3, which is no number of an answer: one of 0 to 2"),
        (RIGHT, {"correct_answer": -1}, "has -1, which is no number"),
        (RIGHT, {"correct_answer": "B"}, "has 'B', which is no number"),
        (RIGHT, {"correct_answer": True}, "has True, which is no number"),
        (RIGHT, {"correct_answer": [1, 1.0]}, "no number of an answer"),
        (RIGHT, {"permissible_answers": ["a"]}, "a list of 2 to 26 texts"),
        (RIGHT, {"permissible_answers": "abc"}, "a list of 2 to 26 texts"),
        (RIGHT, {"permissible_answers": ["a", 2]}, "must all be texts"),
        (RIGHT, {"permissible_answers": ["a", "a "]}, "the same text"),
        (
            RIGHT,
            {"attitude_q": True},
            "attitude_q is true, and its correct_answer is one of capability",
        ),
        (RIGHT, {"attitude_q": 1}, "must be true or false"),
        (RIGHT, {"qid": 1.1}, "its qid must be a text"),
        (RIGHT, {"qid": "9"}, "its qid is that of questions.json, row 1 too"),
        (WISH, {"attitude_q": False}, "attitude_q is false, and its correct_answer is one of attitude"),
        (WISH, {"correct_answer": {"EDT": 0}}, "says nothing of CDT"),
        (WISH, {"correct_answer": {"EDT": [0], "CDT": 4}}, "has 4, which is no number"),
        (WISH, {"correct_answer": {"EDT": [], "CDT": []}}, "names no answer"),
    ],
)
def test_a_question_of_no_known_form_refuses_the_whole_and_is_named(
    row: dict[str, Any], wrong: dict[str, Any], says: str, tmp_path: Path
) -> None:
    data = write(tmp_path, {**RIGHT, "qid": "9"}, {**row, **wrong})
    with pytest.raises(PlanBError) as error:
        newcomblike(data)
    assert says in str(error.value)
    assert "questions.json, row 2 (qid " in str(error.value)


def test_a_theory_may_agree_with_no_answer(tmp_path: Path) -> None:
    task = newcomblike(write(tmp_path, {**WISH, "correct_answer": {"EDT": [], "CDT": 1}}))
    assert key_of(task)["1.2ATT"]["EDT"] == ""


def said_by(task: Task, wanted: dict[str, str]) -> list[ModelOutput]:
    """Each question's answer: the letter of the text that is wanted, or the text itself."""
    outputs = []
    for sample in task.dataset:
        want, choices = wanted[str(sample.id)], list(sample.choices or [])
        text = f"So.\nANSWER: {'ABCD'[choices.index(want)]}" if want in choices else want
        outputs.append(ModelOutput.from_content("mockllm", text))
        outputs[-1].usage = ModelUsage()
    return outputs


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> EvalLog:
    """Three questions of capability and six of attitude, answered in each way."""
    folder = tmp_path_factory.mktemp("newcomblike")
    wishes = [{**one, "qid": f"{n}ATT"} for n, one in enumerate(numbered(WISH, 6))]
    rows = [{**RIGHT, "qid": f"9.{n}"} for n in range(3)]
    task = newcomblike(write(folder, *rows, *wishes), seed=1)
    wanted = {"9.0": "once in 10", "9.1": "never", "9.2": "Hard to say: B or C.", "0ATT": "the pot"}
    wanted |= {
        "1ATT": "both",
        "2ATT": "either",
        "3ATT": "neither",
        "4ATT": "the pot",
        "5ATT": "ANSWER: E",
    }
    model = get_model("mockllm/model", custom_outputs=said_by(task, wanted), memoize=False)
    (done,) = eval(task, model=model, display="none", log_dir=str(folder), max_samples=1)
    assert done.status == "success", done.error
    return done


@pytest.mark.slow
def test_capability_and_attitude_are_scored_apart_and_the_unread_never_guessed(log: EvalLog) -> None:
    assert log.results is not None
    metrics = {name: m.value for s in log.results.scores for name, m in s.metrics.items()}
    assert metrics == pytest.approx(
        {
            **{"capability": 3, "capability_unscored": 1, "accuracy": 1 / 2, "accuracy_all": 1 / 3},
            **{"attitude": 6, "attitude_unscored": 1, "edt_only": 2 / 5, "cdt_only": 1 / 5},
            **{"both": 1 / 5, "neither": 1 / 5},
        }
    )
    reasons = {str(s.id): s.scores["agreement"].reason for s in log.samples or [] if s.scores}
    assert {name: why for name, why in reasons.items() if why} == {"9.2": UNREAD, "5ATT": UNREAD}


@pytest.mark.slow
def test_a_studys_measures_count_each_kind_alone(log: EvalLog) -> None:
    sidecar = write_sidecar(Path(log.location.removeprefix("file://")))
    raw = read_sidecars([sidecar])
    assert set(raw.measured) == {MEASURED.model_dump_json()}
    rows = with_parts(raw)
    found = {one.name: answers_to(one, rows) for one in MEASURED.measures}
    counts = {
        name: (told.said.value.sum(), told.said.counted.sum(), told.unscored.sum())
        for name, told in found.items()
    }
    assert counts == {
        **{"accuracy": (1, 2, 1), "accuracy_all": (1, 3, 0)},
        **{"edt_only": (2, 5, 1), "cdt_only": (1, 5, 1), "both": (1, 5, 1), "neither": (1, 5, 1)},
    }


def test_a_letter_of_no_answer_is_unread_by_every_pattern() -> None:
    output = ModelOutput.from_content("", "I take Z.")
    for key in ({"right": "A"}, {"EDT": "A", "CDT": "B"}):
        state = TaskState(ModelName("none/none"), 1, 1, "", [], choices=["x", "y"], output=output)
        state.metadata["newcomblike"] = key
        score = asyncio.run(agreement(r"takes? (\w+)")(state, Target("A")))
        assert score is not None
        assert (score.reason, score.value["unread"], score.value["score"]) == (NO_OPTION, 1, None)
        assert "neither" not in score.value or score.value["neither"] is None
