"""Tools through a chat template, in both loops: calls are made, what cannot be made is answered with
the error, and an episode that no longer fits the model ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from evals.both_ways import both_ways
from evals.fitted import fitted
from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ChatMessageTool
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import Tool, ToolDef, ToolInfo, tool
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from planb.errors import PlanBError
from planb.evals.sampling import functions_of
from planb.models.chat import exchanges
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling
from planb.models.tools import with_tools
from planb.types import Message

TEMPLATE = (
    "{% if tools %}{{ '<|im_start|>system\nTools:' }}{% for tool in tools %}{{ '\n' + tool | tojson }}"
    "{% endfor %}{{ '<|im_end|>\n' }}{% endif %}{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content }}"
    "{% for call in message.tool_calls or [] %}{{ '<tool_call>' + call.function | tojson }}"
    "{{ '</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GREEDY = Sampling(temperature=0.0, max_new_tokens=64)
POSITIONS = 440


def call(name: str, loaves: str) -> str:
    return f'<tool_call>{{"name": "{name}", "arguments": {{"loaves": {loaves}}}}}</tool_call>'


ONE, LONG, WORDS = "One loaf.", "loaf " * 300, "it is no JSON"
LESSONS = {
    "Bake.": [call("bake", "1"), "All is done."],
    "Bake twice.": [call("bake", "1") + call("bake", "1"), "Both are done."],
    "Break.": ['<tool_call>{"name": "bake", "arg', "Excuse me."],
    "Dig.": [call("dig", "1"), "I cannot."],
    "Bake half.": [call("bake", '"half"'), "I cannot."],
    "Bake all.": [call("bake", "900"), "never said"],
    "Greet.": ["Good morning."],
}
"""What the policy is taught to say, turn by turn."""


@tool
def bake() -> Tool:
    async def execute(loaves: int) -> str:
        """Bake loaves.

        Args:
            loaves: How many.
        """
        return LONG if loaves > 100 else ONE

    return execute


def tools() -> dict[str, dict[str, object]]:
    told = ToolDef(bake())
    info = ToolInfo(name=told.name, description=told.description, parameters=told.parameters)
    return functions_of([info])


ANSWERS = {
    "Break.": "Error: this call of a tool cannot be read: it is no JSON",
    "Dig.": "Error: Tool dig not found",
    "Bake half.": "Error: Found 1 validation errors",
}


def words() -> PreTrainedTokenizerFast:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    marks = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=marks,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [*LESSONS, *(turn for turns in LESSONS.values() for turn in turns), str(tools()), ONE]
    core.train_from_iterator(texts * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        chat_template=TEMPLATE,
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"],
    )


def lessons(known: PreTrainedTokenizerFast) -> list[tuple[list[int], list[int]]]:
    """Prompts and responses as tokens, with the errors that the loop answers."""
    found = []
    for asked, turns in LESSONS.items():
        chat = with_tools(known, [Message(role="user", content=asked)], tools())
        for turn in turns:
            found.append((chat, turn))
            said = Message(role="assistant", content=turn)
            answer = Message(role="tool", content=ANSWERS.get(asked, ONE))
            chat = (*chat, said, *[answer] * max(1, turn.count("</tool_call>")))
    return exchanges(known, [pair for pair in found if pair[1] != "never said"])


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder, known = tmp_path_factory.mktemp("baker"), words()
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(known),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=POSITIONS,
            eos_token_id=known.eos_token_id,
            pad_token_id=known.pad_token_id,
        )
    )
    rows = lessons(known)
    width = max(len(prompt) + len(response) for prompt, response in rows)
    assert width + GREEDY.max_new_tokens < POSITIONS
    return fitted(model, known, [(*row, ()) for row in rows], 3e-3, folder)


def baking() -> Task:
    samples = [Sample(id=asked, input=asked, target="done") for asked in LESSONS]
    return Task(dataset=samples, solver=[use_tools(bake()), generate()], scorer=includes())


def by_id(log: EvalLog) -> dict[str, EvalSample]:
    return {str(sample.id): sample for sample in log.samples or []}


@pytest.fixture(scope="module")
def logs(policy: Policy, tmp_path_factory: pytest.TempPathFactory) -> tuple[EvalLog, EvalLog]:
    _, ours, theirs = both_ways(baking, policy, GREEDY, tmp_path_factory.mktemp("baked"))
    return ours, theirs


@pytest.mark.slow
def test_both_loops_make_the_calls_and_answer_the_rest(logs: tuple[EvalLog, EvalLog]) -> None:
    ours, theirs = logs
    found, other = by_id(ours), by_id(theirs)
    assert found.keys() == LESSONS.keys()
    for asked, sample in found.items():
        assert [(m.role, m.text) for m in sample.messages] == [
            (m.role, m.text) for m in other[asked].messages
        ]
        assert sample.output.stop_reason == other[asked].output.stop_reason
        said = [message.text for message in sample.messages if message.role == "assistant"]
        assert said == [turn for turn in LESSONS[asked] if turn != "never said"] or asked == "Bake all."
        wrong = [m.error for m in sample.messages if isinstance(m, ChatMessageTool) and m.error]
        assert bool(wrong) == (asked in ANSWERS)
        for one in wrong:
            assert one.type == "parsing"
            assert ANSWERS[asked].removeprefix("Error: ") in one.message
    assert [m.role for m in found["Bake twice."].messages].count("tool") == 2


@pytest.mark.slow
def test_an_episode_that_no_longer_fits_the_model_ends_and_the_others_go_on(
    logs: tuple[EvalLog, EvalLog],
) -> None:
    for log in logs:
        last = by_id(log)["Bake all."]
        assert [message.role for message in last.messages] == ["user", "assistant", "tool", "assistant"]
        assert (last.output.stop_reason, last.output.completion) == ("model_length", "")
        assert by_id(log)["Greet."].output.stop_reason == "stop"


@pytest.mark.slow
def test_a_first_prompt_that_does_not_fit_is_refused(policy: Policy, tmp_path: Path) -> None:
    def long() -> Task:
        sample = Sample(id=1, input="bread " * POSITIONS, target="done")
        return Task(dataset=[sample], solver=[use_tools(bake()), generate()], scorer=includes())

    with pytest.raises(PlanBError, match="do not fit the model's 440 positions"):
        both_ways(long, policy, GREEDY, tmp_path)
