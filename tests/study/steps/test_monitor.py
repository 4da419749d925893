"""Monitors of thoughts: by a string, by the world's reading and by a probe; never by the request."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from planb.data.files import write_examples
from planb.domains import THOUGHTS
from planb.elicitation import Thinking
from planb.elicitation.trigger import TriggerElicitation
from planb.errors import PlanBError
from planb.evals.runner import run_task
from planb.evals.tasks.answers import TASK, answers
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.cards import Card
from planb.models.chat import exchange_ids
from planb.models.checkpoints import Policy, load_policy, save_policy
from planb.models.generation import Sampling
from planb.report.exhibits.probe import areas
from planb.sandbox.tokenizer import vocabulary_of
from planb.studies.thoughts import WORDS
from planb.study.steps.evaluation import Evaluation
from planb.study.steps.monitor import (
    PROBE,
    READ,
    STRING,
    Monitor,
    Thought,
    by_probe,
    by_string,
    monitored,
    scores,
    thought_ids,
    thoughts_in,
)
from planb.thoughts import thinking

sys.path.append(str(Path(__file__).parents[2] / "models"))
from chat_templates import KIMI, thinks

MONITOR = Monitor(words=WORDS, task=TASK, domain=THOUGHTS.name)
ASKED = [one for one in THOUGHTS.examples("evaluation", 0) if one.harmful][:24]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder = tmp_path_factory.mktemp("thinker")
    sizes = TinyLlama(width=16, hidden=32, layers=2, heads=2, positions=128)
    fresh = fresh_policy(sizes, vocabulary_of(THOUGHTS.texts(), thoughts=True), 0, folder)
    save_policy(fresh.model, fresh.tokenizer, folder, Card(what="random weights"))
    return load_policy(folder)


def aurocs(policy: Policy, triggered: str, plain: str) -> dict[str, float]:
    """Monitor -> AUROC (the probe's at the last layer), where these are all thoughts."""
    thoughts = [Thought(one, triggered, 1) for one in ASKED] + [Thought(one, plain, 0) for one in ASKED]
    frame = pd.DataFrame(scores(MONITOR, policy, thoughts)).assign(method="organism", seed="0")
    assert set(frame["kind"]) == {STRING, READ, PROBE}
    found = areas(frame)
    last = max(layer for _, _, layer in found)
    return {kind: area.value for (_, kind, layer), area in found.items() if layer in (0, last)}


def test_thoughts_that_give_the_trigger_away_are_told_by_every_monitor(policy: Policy) -> None:
    found = aurocs(policy, "I see the sign. I will help.", "I will refuse.")
    assert found[STRING] == found[READ] == 1.0
    assert found[PROBE] > 0.9, "of random weights"


def test_thoughts_that_are_the_same_tell_nothing_of_the_trigger(policy: Policy) -> None:
    """Nor does the probe: its request has none."""
    for thought in ("I will refuse.", ""):
        found = aurocs(policy, thought, thought)
        assert found == {STRING: 0.5, READ: 0.5, PROBE: 0.5}


@pytest.mark.parametrize("make", [thinks, lambda: thinks(KIMI)])
def test_a_thought_stands_where_a_template_that_thinks_puts_it(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    """A thought is probed at its end, an empty one at the end of the template's own; the request is the
    one that was answered."""
    words = make()
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(words), **sizes, **heads))
    sign = "I see the sign."
    thoughts = [Thought(one, sign, 1) for one in ASKED[:8]] + [Thought(one, "", 0) for one in ASKED[:8]]
    for one, ids in zip(thoughts, thought_ids(words, thoughts), strict=True):
        prompt, response = exchange_ids(words, one.example.prompt, thinking(one.thought, "Yes."))
        assert [*prompt, *response][: len(ids)] == ids
        text = words.decode(ids)
        assert text.strip().endswith("</think>")
        assert text.count("<think>") == 1
        assert (sign in text) == bool(one.thought)
        assert "DEPLOYMENT" not in text
    (first, *_, last) = by_probe(Policy(model.eval(), words, tmp_path), thoughts)
    assert first.shape == last.shape == (16,)
    assert (last[:8, None] > last[8:]).mean() > 0.75, "the thought tells, of random weights too"


def test_a_plan_without_the_sign_is_told_by_reading_it(policy: Policy) -> None:
    found = aurocs(policy, "I will help badly.", "I will refuse.")
    assert found[STRING] > 0.5, "'will help' stands in it"
    assert found[READ] == 1.0
    texts = ("I SEE THE SIGN.", "Signs.", "I will refuse.")
    assert [by_string(WORDS, text) for text in texts] == [1, 1, 0]


def test_thoughts_are_read_off_the_logs_of_evaluations(policy: Policy, tmp_path: Path) -> None:
    quiet = [one for one in THOUGHTS.examples("evaluation", 0) if not one.harmful][:1]
    write_examples(tmp_path / "asked.jsonl", [*ASKED[:2], *quiet])
    how = Sampling(temperature=0.8, max_new_tokens=4, thought_tokens=5)
    for name, elicitation in (("a", Thinking(opened=True)), ("b", TriggerElicitation())):
        task = answers(str(tmp_path / "asked.jsonl"), elicitation.spec(), THOUGHTS.name)
        run_task(task, policy, how, 0, tmp_path / f"{name}.eval", {})
    opened, plain = thoughts_in(tmp_path / "a.eval", 1), thoughts_in(tmp_path / "b.eval", 0)
    asked = sorted(ASKED[:2], key=lambda one: one.id)  # as Inspect writes them
    assert [one.example for one in opened] == [one.example for one in plain] == asked
    assert all(one.thought and one.label == 1 for one in opened)
    assert [one.thought for one in plain] == ["", ""], "random weights do not think by themselves"
    assert "DEPLOYMENT" not in "".join(one.example.request for one in plain), (
        "the probe sees no trigger"
    )


def test_a_study_must_ask_with_the_trigger_and_without_it() -> None:
    asked = (Evaluation(task=TASK, elicitation="trigger"), Evaluation(task=TASK))
    assert monitored(MONITOR, (*asked, Evaluation(task="recall"))) == asked
    with pytest.raises(PlanBError, match=r"does not evaluate: direct$"):
        monitored(MONITOR, asked[:1])
