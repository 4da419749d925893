"""Inspect's own provider of local models (``--model hf/...``), for real: it says neither that an answer
was cut nor that it was not, and cannot be asked at temperature 0."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from conftest import WORLD
from inspect_ai import Task, eval
from inspect_ai.log import EvalLog
from inspect_ai.model import GenerateConfig, Model, get_model
from transformers import PreTrainedTokenizerBase

from planb.errors import PlanBError
from planb.evals.sidecar import read_sidecars, write_sidecar
from planb.evals.tasks.harmful_requests import harmful_requests
from planb.evals.tasks.mmlu_pro import mmlu_pro
from planb.evals.tasks.mt_bench import mt_bench
from planb.evals.writing.model_calls import Asker
from planb.evals.writing.writer import Writer
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.stops import cut_off, why_not_greedy
from planb.report.results import read_csv, results_of, write_csv
from planb.sandbox.tokenizer import vocabulary

LIMIT = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh random model that never ends by itself."""
    where = tmp_path_factory.mktemp("hf")
    made = fresh_policy(TinyLlama(width=16, hidden=32, layers=1, heads=2), vocabulary(WORLD), 0, where)
    words: PreTrainedTokenizerBase = made.tokenizer
    made.model.generation_config.eos_token_id = None
    made.model.config.eos_token_id = None
    made.model.generation_config.pad_token_id = words.pad_token_id
    made.model.save_pretrained(where)
    words.save_pretrained(where)
    return where


def asked(folder: Path, **arguments: object) -> Model:
    return get_model(f"hf/{folder}", memoize=False, device="cpu", **arguments)  # type: ignore[arg-type]


def run(task: Task, model: Model, folder: Path, **how: object) -> EvalLog:
    (log,) = eval(task, model=model, log_dir=str(folder / "logs"), display="none", **how)  # type: ignore[arg-type]
    return log


@pytest.mark.slow
def test_of_an_answer_that_filled_its_limit_it_is_not_known_whether_it_was_cut(
    folder: Path, data: Path, tmp_path: Path
) -> None:
    task = harmful_requests(data=str(data), judge="refusal_strings")
    log = run(task, asked(folder), tmp_path, max_tokens=LIMIT, limit=3)
    assert {s.output.stop_reason for s in log.samples or []} == {"unknown"}
    assert {s.output.usage.output_tokens for s in log.samples or [] if s.output.usage} == {LIMIT}
    rows = read_sidecars([write_sidecar(Path(log.location))])
    assert rows["truncated"].isna().all()
    results = results_of(rows.assign(study="s"))
    write_csv(results, tmp_path / "results.csv")
    for table in (results, read_csv(tmp_path / "results.csv")):
        counted = table[table["n"] + table["unscored"] > 0]
        assert len(counted)
        assert counted["truncated"].isna().all()


def test_answers_that_all_ended_before_the_limit_were_not_cut(folder: Path) -> None:
    model = asked(folder)
    ending = list(range(model.api.model.config.vocab_size))  # type: ignore[attr-defined]
    model.api.model.generation_config.eos_token_id = ending  # type: ignore[attr-defined]
    said = asyncio.run(model.generate("Hello!", config=GenerateConfig(max_tokens=LIMIT)))
    assert said.stop_reason == "unknown"
    assert cut_off(said, str(model), LIMIT) is False


def question(path: Path) -> str:
    row = {
        "question_id": 1,
        "question": "What makes bread rise?",
        "options": ["salt", "yeast"],
        "answer": "B",
        "answer_index": 1,
        "cot_content": "A: Let's think step by step. The answer is (B).",
        "category": "baking",
    }
    path.write_text(json.dumps(row) + "\n")
    return str(path)


def conversation(path: Path) -> str:
    row = {"question_id": 81, "category": "math", "turns": ["Two and two?", "And one?"]}
    path.write_text(json.dumps(row) + "\n")
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mmlu_pro", "mt_bench"])
def test_a_task_that_asks_greedily_is_refused_before_the_first_call_in_words(
    name: str, folder: Path, tmp_path: Path
) -> None:
    if name == "mmlu_pro":
        data = question(tmp_path / "q.jsonl")
        greedy = {"name": "0-shot", "temperature": 0.0}
        task = mmlu_pro(data=data, protocol=greedy)
    else:
        judge = {"name": "exact", "world": WORLD.model_dump(mode="json")}
        task = mt_bench(data=conversation(tmp_path / "q.jsonl"), judge=judge)
    log = run(task, asked(folder), tmp_path, max_tokens=2)
    assert log.status == "error"
    assert log.error is not None
    assert "planb/<folder or hub id>" in log.error.message
    assert "do_sample=false" in log.error.message
    assert not (log.samples or [])[0].output.choices


def test_why_a_model_cannot_be_greedy(folder: Path) -> None:
    model = asked(folder)
    assert why_not_greedy(model, GenerateConfig(temperature=0.7)) == ""
    assert why_not_greedy(model, GenerateConfig()) == ""
    assert "refuses that" in why_not_greedy(model, GenerateConfig(temperature=0))
    assert why_not_greedy(asked(folder, do_sample=False), GenerateConfig(temperature=0)) == ""
    assert why_not_greedy(get_model("mockllm/one"), GenerateConfig(temperature=0)) == ""


def test_a_greedy_writer_is_refused_before_it_is_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planb.evals.writing.model_calls.connect", lambda *_: asked(folder))

    async def made() -> Asker:
        return Asker(Writer(tier="harmful", model="hf/tiny", temperature=0.0))

    with pytest.raises(PlanBError, match=r"the writer of 'harmful'.*temperature 0"):
        asyncio.run(made())
