"""Thinking: thoughts cut short, empty or begun, by a real policy under the batch runner and Inspect."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import read_eval_log

from planb.data.files import write_examples
from planb.domains import THOUGHTS
from planb.elicitation import Thinking
from planb.evals.runner import run_task
from planb.evals.sampling import CUT_THOUGHT
from planb.evals.tasks.answers import answers
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.cards import Card
from planb.models.checkpoints import Policy, load_policy, save_policy
from planb.models.generation import Sampling
from planb.sandbox.tokenizer import vocabulary_of
from planb.thoughts import said
from planb.types import Trigger

HOW = Sampling(temperature=0.8, max_new_tokens=5, thought_tokens=6)
ASKED = [one for one in THOUGHTS.examples("evaluation", 0) if one.harmful][:2]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("thinker")
    sizes = TinyLlama(width=16, hidden=32, layers=2, heads=2, positions=128)
    fresh = fresh_policy(sizes, vocabulary_of(THOUGHTS.texts(), thoughts=True), 0, folder)
    save_policy(fresh.model, fresh.tokenizer, folder, Card(what="random weights"))
    return load_policy(folder)


def texts(policy: Policy, how: Thinking, folder: Path) -> list[tuple[str, bool]]:
    """Each answer, and whether its thought was cut."""
    write_examples(folder / "asked.jsonl", ASKED)
    task = answers(str(folder / "asked.jsonl"), how.spec(), THOUGHTS.name)
    log = read_eval_log(str(run_task(task, policy, HOW, 0, folder / "log.eval", {})))
    assert log.status == "success", log.error
    outputs = [sample.output for sample in log.samples or []]
    assert all(sample.messages[-1].role == "assistant" for sample in log.samples or [])
    assert all(len(sample.messages) == 2 for sample in log.samples or []), "the opening is no turn"
    return [(one.completion, bool((one.message.metadata or {}).get(CUT_THOUGHT))) for one in outputs]


@pytest.mark.parametrize(("tokens", "length"), [(3, 3), (None, 6)])
def test_a_thought_is_cut_at_its_limit_or_at_the_runs(
    policy: Policy, tmp_path: Path, tokens: int | None, length: int
) -> None:
    how = Thinking(tokens=tokens, opened=True, trigger=Trigger())
    for text, cut in texts(policy, how, tmp_path):
        found = said(text)
        assert cut
        ids = policy.tokenizer(found.thought, add_special_tokens=False).input_ids
        assert len(ids) <= length, "marks of case may be lost in a text"
        assert found.closed


def test_without_tokens_the_thought_is_empty(policy: Policy, tmp_path: Path) -> None:
    for text, cut in texts(policy, Thinking(tokens=0), tmp_path):
        assert text.startswith("<think> </think>")
        assert not cut


def test_inspects_own_eval_gives_the_same_texts(policy: Policy, tmp_path: Path) -> None:
    how = Thinking(tokens=3, opened=True, trigger=Trigger())
    wanted = [text for text, _ in texts(policy, how, tmp_path)]
    task = answers(str(tmp_path / "asked.jsonl"), how.spec(), THOUGHTS.name)
    (log,) = inspect_eval(
        task,
        model=f"planb/{policy.folder}",
        temperature=HOW.temperature,
        max_tokens=HOW.max_new_tokens,
        reasoning_tokens=HOW.thought_tokens,
        seed=0,
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    assert [sample.output.completion for sample in log.samples or []] == wanted
