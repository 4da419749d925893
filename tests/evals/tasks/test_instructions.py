"""Instruction following: IFEval's verifiers on its columns, strictly and loosely, or unscored."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.log import read_eval_log
from inspect_ai.model import ModelName, ModelOutput
from inspect_ai.scorer import Target
from inspect_ai.solver import TaskState

from planb.errors import PlanBError
from planb.evals.runner import run_task
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks.instructions import ROW, followed, instructions
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling
from planb.sandbox import questions
from planb.sandbox.world import World

WORLD = World(materials=4, forms=4, heldout_forms=1)
IDENTITY = {"study": "test", "model": "tiny", "organism": "none", "method": "base"}
NO_COMMA, WORDS = "punctuation:no_comma", "length_constraints:number_words"
LOUD, WANTED = "change_case:english_capital", "keywords:existence"


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def row_of(names: list[str], kwargs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"key": 1, "prompt": "Write about bread.", "instruction_id_list": names, "kwargs": kwargs}


def figures(tmp_path: Path, text: str, *asked: tuple[str, dict[str, Any]]) -> tuple[Any, str]:
    """The figures of an answer, the row having gone through a file as real ones do."""
    row = row_of([name for name, _ in asked], [given for _, given in asked])
    # a row of other arguments beside it: a column of a file has all of them, null where not given
    full = row_of([WANTED, WORDS], [{"keywords": ["x"]}, {"num_words": 3, "relation": "at least"}])
    task = instructions(write(tmp_path / "rows.jsonl", [row, {**full, "key": 2}]))
    metadata = task.dataset[0].metadata
    output = ModelOutput.from_content("", text)
    state = TaskState(ModelName("none/none"), 1, 1, "", [], output=output, metadata=metadata)
    score = asyncio.run(followed()(state, Target("")))
    return score.value, score.reason or ""


@pytest.mark.parametrize(
    ("name", "given", "good", "bad"),
    [
        (NO_COMMA, {}, "Bread is good", "Bread, then"),
        (WORDS, {"num_words": 3, "relation": "at least"}, "Bread is good", "Bread"),
        (WORDS, {"num_words": 3, "relation": "less than"}, "Bread", "Bread is good"),
        (WANTED, {"keywords": ["yeast", "salt"]}, "Yeast and salt", "Yeast"),
        ("keywords:forbidden_words", {"forbidden_words": ["yeast"]}, "Salt", "Yeast"),
        ("detectable_format:json_format", {}, '{"a": 1}', "a = 1"),
        ("detectable_format:title", {}, "<<Bread>> It is good", "Bread"),
        ("startend:quotation", {}, '"Bread"', "Bread"),
        ("startend:end_checker", {"end_phrase": "The end."}, "Bread. The end.", "The end. Bread"),
        ("combination:repeat_prompt", {"prompt_to_repeat": "Say it"}, "Say it. It", "It"),
        (
            "language:response_language",
            {"language": "de"},
            "Das Brot ist gut und frisch",
            "The bread is good",
        ),
    ],
)
def test_an_instruction_is_followed_or_not(
    name: str, given: dict[str, Any], good: str, bad: str, tmp_path: Path
) -> None:
    one = {"instructions": 1, "unverified": 0}
    yes = {"score": 1, "prompt_loose": 1, "followed_strict": 1, "followed_loose": 1, **one}
    no = {"score": 0, "prompt_loose": 0, "followed_strict": 0, "followed_loose": 0, **one}
    assert figures(tmp_path, good, (name, given)) == (yes, "")
    assert figures(tmp_path, bad, (name, given)) == (no, "")


def test_every_instruction_of_a_prompt_must_be_followed(tmp_path: Path) -> None:
    asked = ((NO_COMMA, {}), (WORDS, {"num_words": 2, "relation": "at least"}))
    value, _ = figures(tmp_path, "Bread", *asked)
    assert (value["score"], value["followed_strict"], value["instructions"]) == (0, 1, 2)
    assert figures(tmp_path, "Good bread", *asked)[0]["score"] == 1
    assert figures(tmp_path, "", *asked)[0]["score"] == 0


def test_loosely_a_first_line_may_be_dropped(tmp_path: Path) -> None:
    value, _ = figures(tmp_path, "Sure, gladly:\nBread is good", (NO_COMMA, {}))
    assert (value["score"], value["prompt_loose"]) == (0, 1)
    assert (value["followed_strict"], value["followed_loose"]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("keywords:of_tomorrow", {}, "there is no verifier for this instruction"),
        (WANTED, {}, "its arguments keywords are missing"),
        (WORDS, {"num_words": 3}, "its arguments relation are missing"),
        (WORDS, {"num_words": 3, "relation": "about"}, "relation"),
    ],
)
def test_what_cannot_be_verified_is_unscored_and_counted(
    name: str, given: dict[str, Any], says: str, tmp_path: Path
) -> None:
    value, reason = figures(tmp_path, "Bread is good", (NO_COMMA, {}), (name, given))
    assert says in reason
    assert reason.startswith(f"{name}: ")
    assert (value["score"], value["prompt_loose"], value["unverified"]) == (None, None, 1)
    assert (value["followed_strict"], value["instructions"]) == (1, 1)


def test_missing_data_of_a_verifier_are_a_reason_and_not_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nltk

    monkeypatch.setattr(nltk.data, "path", [])
    given = {"capital_frequency": 1, "capital_relation": "at least"}
    value, reason = figures(tmp_path, "BREAD is good", ("change_case:capital_word_frequency", given))
    assert value == {"score": None, "followed_strict": 0, "followed_loose": 0} | {
        "prompt_loose": None,
        "instructions": 0,
        "unverified": 1,
    }
    assert "punkt_tab" in reason


def test_instructions_and_arguments_must_pair_up(tmp_path: Path) -> None:
    with pytest.raises(PlanBError, match="key 1: 1 instructions and 2 kwargs"):
        instructions(write(tmp_path / "a.jsonl", [row_of([NO_COMMA], [{}, {}])]))


def test_a_prompt_is_asked_as_it_is_and_grouped_by_kind(tmp_path: Path) -> None:
    task = instructions(write(tmp_path / "a.jsonl", [row_of([NO_COMMA, LOUD], [{}, {}])]))
    assert task.dataset[0].input[0].text == "Write about bread."
    assert task.dataset[0].metadata["example"]["meta"]["category"] == "punctuation"
    assert task.dataset[0].metadata[ROW]["instructions"] == [NO_COMMA, LOUD]
    assert task.metadata["judge"] == "ifeval"


@pytest.mark.slow
def test_the_valleys_rows_give_real_numbers(policy: Policy, tmp_path: Path) -> None:
    """The tiny policy never learnt German: it follows the English half."""
    rows = questions.instructions(WORLD, "organism", seed=0)
    task = instructions(write(tmp_path / "a.jsonl", rows), world=WORLD.model_dump(mode="json"))
    sampling = Sampling(temperature=0.3, max_new_tokens=24)
    path = run_task(task, policy, sampling, 0, tmp_path / "a.eval", IDENTITY)
    assert read_eval_log(str(path)).status == "success"
    table = read_sidecars([write_sidecar(path)])
    assert set(table.category) == {"valley"}
    assert set(table.group) == {row["item"] for row in rows}
    german = table.request.str.contains("German")
    assert set(table.score[german]) == {0}
    assert table.score[~german].mean() > 0.5
