"""The command lines of docs/evaluation.md, docs/meow.md and docs/gpus.md that ask a local model, run as
they stand there: only the model, the grader and the data are small ones."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import WORLD
from evals.test_tool_loops import TEMPLATE
from inspect_ai._cli.main import inspect
from inspect_ai.log import list_eval_logs, read_eval_log

from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.checkpoints import Card, save_policy
from planb.models.random_chat import save_chat_model
from planb.sandbox.tokenizer import vocabulary

DOCS = Path(__file__).parents[2] / "docs"


def commands() -> list[str]:
    """Every ``inspect eval`` of a shell block that names a model of planb's provider."""
    found = []
    for page in ("evaluation.md", "meow.md", "gpus.md"):
        for block in re.findall(
            r"```sh\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL
        ):
            lines = block.replace("\\\n", " ").splitlines()
            found += [
                line for line in lines if line.startswith("inspect eval") and "--model planb/" in line
            ]
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documented") / "my-model"
    sizes = TinyLlama(width=16, hidden=32, layers=1, heads=2, positions=4096)
    made = fresh_policy(sizes, vocabulary(WORLD), 0, folder)
    save_policy(made.model, made.tokenizer, folder, Card(what="a random model"))
    return folder


@pytest.fixture(scope="module")
def with_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random chat model whose template takes tools."""
    where = tmp_path_factory.mktemp("tools") / "my-model"
    folder = save_chat_model("qwen2", where, positions=16384)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question of MT-Bench's and one of MMLU-Pro's, with what their tasks need beside them."""
    folder = tmp_path_factory.mktemp("bench")
    turns = {"question_id": 81, "category": "writing", "turns": ["Where is the bridge?", "And whose?"]}
    names = ("single-v1", "single-v1-multi-turn", "single-math-v1", "single-math-v1-multi-turn")
    prompts = [{"name": n, "system_prompt": "Rate.", "prompt_template": "Rate it."} for n in names]
    question = {
        **{"question_id": 1, "question": "What makes bread rise?", "options": ["salt", "yeast"]},
        **{"answer": "B", "answer_index": 1, "category": "baking", "cot_content": "The answer is (B)."},
    }
    files = {"question": [turns], "judge_prompts": prompts, "mmlu_pro": [question]}
    files["examples"] = [{**question, "question_id": number} for number in range(2, 8)]
    for name, rows in files.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    return folder


def test_there_are_commands_and_none_asks_inspects_own_provider() -> None:
    assert len(commands()) >= 5
    for page in DOCS.glob("*.md"):
        assert "--model hf/" not in page.read_text(encoding="utf-8"), page


@pytest.mark.parametrize("command", commands())
@pytest.mark.slow
def test_a_documented_command_runs(
    command: str, model: Path, with_tools: Path, bench: Path, data: Path, tmp_path: Path
) -> None:
    model = with_tools if "planb/agentdojo" in command else model
    said = {
        r"mt_bench/question\.jsonl": str(bench / "question.jsonl"),
        r"data=requests\.jsonl": f"data={data}",
        r"--model planb/\S+": f"--model planb/{model}",
        r"grader=openai/\S+": "grader=mockllm/model",
    }
    for pattern, mine in said.items():
        command = re.sub(pattern, mine, command)
    if "mmlu_pro" in command:
        command += f" -T data={bench}/mmlu_pro.jsonl -T examples={bench}/examples.jsonl"
    words = [*shlex.split(command)[1:], "--limit", "1", "--max-tokens", "2", "--display", "none"]
    ran = CliRunner().invoke(inspect, [*words, "--log-dir", str(tmp_path)])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    (info,) = list_eval_logs(str(tmp_path))
    log = read_eval_log(info)
    assert log.status == "success", log.error
    assert [sample.output.stop_reason for sample in log.samples or []] == ["max_tokens"]
