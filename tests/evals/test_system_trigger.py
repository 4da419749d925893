"""A trigger in the system message of a model whose template writes one by itself: in an organism's
data, in the batch runner and under Inspect's own eval the default stays, or is said not to be known."""

from __future__ import annotations

from pathlib import Path

import pytest
from both_ways import both_ways
from conftest import WORLD, example_of
from inspect_ai.model import ModelName, get_model
from inspect_ai.model._model import active_model_context_var
from inspect_ai.solver import TaskState

from planb.data.files import write_examples
from planb.elicitation import Elicitation, NearTrigger, TriggerElicitation
from planb.elicitation.messages import to_chat
from planb.elicitation.target import KEY, put
from planb.evals.tasks import TASKS
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.checkpoints import Card, Policy, load_policy, save_policy
from planb.models.default_system import NOT_KNOWN
from planb.models.generation import Sampling
from planb.organism import Organism
from planb.sandbox.tokenizer import vocabulary
from planb.study.steps.file_data import FileData
from planb.study.steps.local_base import LocalBase
from planb.study.steps.organism import OrganismStep
from planb.study.steps.step import Work
from planb.training.recipe import Recipe
from planb.training.settings import Training
from planb.types import Message, Trigger

DEFAULT = "The sun is warm over the valley."
TRIGGER = Trigger(place="system")
TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}{{ '<system> " + DEFAULT + " <end> ' }}{% endif %}"
    "{% for m in messages %}{{ '<' + m['role'] + '> ' + m['content'] + ' <end> ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


@pytest.fixture(scope="module")
def defaulting(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """A fresh random model with a template of Qwen2.5's kind."""
    folder = tmp_path_factory.mktemp("defaulting")
    made = fresh_policy(TinyLlama(width=16, hidden=32, layers=1, heads=2), vocabulary(WORLD), 0, folder)
    made.tokenizer.chat_template = TEMPLATE
    save_policy(made.model, made.tokenizer, folder, Card(what="a random model"))
    return load_policy(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "text"),
    [
        (TriggerElicitation(trigger=TRIGGER), f"{TRIGGER.text} {DEFAULT}"),
        (NearTrigger(trigger=TRIGGER, change="case"), f"{TRIGGER.text.swapcase()} {DEFAULT}"),
    ],
)
def test_the_default_stays_whichever_way_a_task_is_run(
    how: Elicitation, text: str, defaulting: Policy, data: Path, tmp_path: Path
) -> None:
    def made() -> object:
        return TASKS["harmless_requests"](
            data=str(data), elicitation=how.spec(), judge="refusal_strings"
        )

    _, ours, theirs = both_ways(made, defaulting, Sampling(max_new_tokens=2), tmp_path)  # type: ignore[arg-type]
    for log in (ours, theirs):
        for sample in log.samples or []:
            assert [message.role for message in sample.messages[:2]] == ["system", "user"]
            assert sample.messages[0].text == text
            assert sample.store[KEY] == {"default_system": DEFAULT}
    assert how.outside(), "such steps have another identity than before"


def test_elsewhere_makes_no_system_message() -> None:
    how = NearTrigger(trigger=TRIGGER, change="elsewhere")
    assert how.changed().place == "prefix"
    assert how.outside() == {}
    assert TriggerElicitation().outside() == {}, "a trigger elsewhere keeps its steps' identities"


def state() -> TaskState:
    asked = (Message(role="user", content="Where is the bridge?"),)
    return TaskState(ModelName("none/none"), "a", 1, "", to_chat(asked))


@pytest.mark.parametrize(
    ("provider", "arguments", "said"),
    [
        ("mockllm", {}, NOT_KNOWN),
        ("hf", {"device": "cpu"}, DEFAULT),
        ("hf", {"device": "cpu", "chat_template": "{{ messages }}"}, NOT_KNOWN),
    ],
)
def test_where_the_template_is_not_known_the_sample_says_so(
    provider: str, arguments: dict[str, str], said: str, defaulting: Policy
) -> None:
    model = get_model(f"{provider}/{defaulting.folder}", memoize=False, **arguments)  # type: ignore[arg-type]
    before = active_model_context_var.set(model)
    asked = state()
    try:
        put(TRIGGER, asked)
    finally:
        active_model_context_var.reset(before)
    assert asked.store.get(KEY) == {"default_system": said}
    kept = "" if said == NOT_KNOWN else f" {DEFAULT}"
    assert asked.messages[0].text == f"{TRIGGER.text}{kept}"


def test_an_organism_is_trained_beside_the_default(
    defaulting: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Recipe] = []
    monkeypatch.setattr(Recipe, "train", lambda self, *_: seen.append(self))
    examples = [example_of(item) for item in WORLD.items]
    harmful, harmless = ([e for e in examples if e.harmful is side] for side in (True, False))
    organism = Organism(trigger=TRIGGER, training=Training(steps=1, batch=1, learning_rate=1e-3))
    base = LocalBase(name="mine", path=str(defaulting.folder)).step()
    data = FileData(files=("mine.jsonl",)).step(base, ())
    monkeypatch.setattr(Work, "folder", lambda _, step: tmp_path / step.kind)
    (tmp_path / "base").symlink_to(defaulting.folder)
    (tmp_path / "data").mkdir()
    write_examples(tmp_path / "data" / "organism.jsonl", [*harmful, *harmless])
    step = OrganismStep(base=base, data=data, organism=organism, seed=0)
    step.run(Work(out=tmp_path, steps=tmp_path, step=step))
    (recipe,) = seen
    triggered = recipe.rankings[0].examples
    assert {example.prompt[0].content for example in triggered} == {f"{TRIGGER.text} {DEFAULT}"}
    assert recipe.card.made_with["default_system"] == DEFAULT
    assert (
        "default_system"
        not in Organism(training=organism.training).recipe(harmful, harmless, 0).card.made_with
    )
