"""The chat templates of published models, as TRL ships them, each with a tokenizer of its marks."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from chat_templates import LINES, with_marks
from transformers import PreTrainedTokenizerFast

from planb.errors import PlanBError
from planb.models.chat import exchanges, prompt_ids
from planb.models.template import settled
from planb.types import Message

TRL = find_spec("trl")
FOLDER = Path(str(TRL.origin)).parent / "chat_templates" if TRL else Path("nowhere")
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.jinja") if not path.stem.endswith("_training"))
MARKS = re.compile(r"<[|｜]?[A-Za-z_/][\w▁ ]*[|｜]?>")
OTHERWISE = {
    "deepseekv3": "renders a prompt otherwise once it is answered",  # it opens a thought
    "deepseek_r1_distill": "renders a prompt otherwise once it is answered",
    "idefics3": "does not render the response as it is",  # these take lists of parts for texts
    "smolvlm": "does not render the response as it is",
    "llava_next": "refuses a chat",
}
ENDS = {
    "cohere": "<|END_OF_TURN_TOKEN|>",
    "cohere2": "<|END_RESPONSE|>",
    "gemma3": "<end_of_turn>",
    "gemma4": "<turn|>",
    "glm4moe": "<|eos|>",  # it writes nothing after an answer
    "gptoss": "<|return|>",
    "llama3_2": "<|eot_id|>",
    "phi3_5": "<|end|>",
    "qwen2_5": "<|im_end|>",
    "qwen3": "<|im_end|>",
    "nemotron_3_nano": "<|im_end|>",
}
ANSWERS = ("a", "n", "10", "<", "user", "final", LINES[1])
CHATS = [("How do I make a lamp?",), ("Hello!", "It is old.", "And now?")]

pytestmark = pytest.mark.skipif(not SHIPPED, reason="TRL is not installed, or ships no templates")


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in OTHERWISE])
def test_prompt_and_response_are_the_templates_own(name: str) -> None:
    words = _with(FOLDER / f"{name}.jinja")
    for turns in CHATS:
        prompt = _chat(turns)
        found = exchanges(words, [(prompt, answer) for answer in ANSWERS])
        for answer, (asked, response) in zip(ANSWERS, found, strict=True):
            whole = _rendered(words, (*prompt, Message(role="assistant", content=answer)))
            body, end = response[:-1], response[-1]
            assert asked == prompt_ids(words, prompt)
            assert [*asked, *body] == whole[: len(asked) + len(body)]
            assert end == [*whole, words.eos_token_id][len(asked) + len(body)]
            assert words.decode(body).strip() == answer
            assert words.convert_ids_to_tokens(end) == ENDS.get(name, words.convert_ids_to_tokens(end))


@pytest.mark.parametrize("name", [name for name in SHIPPED if name in OTHERWISE])
def test_what_cannot_be_rendered_so_is_refused_in_words(name: str) -> None:
    words = _with(FOLDER / f"{name}.jinja")
    for turns in CHATS:
        with pytest.raises(PlanBError, match=OTHERWISE[name]):
            exchanges(words, [(_chat(turns), "Sure.")])


def _chat(turns: tuple[str, ...]) -> tuple[Message, ...]:
    roles = ("user", "assistant")
    return tuple(Message(role=roles[at % 2], content=turn) for at, turn in enumerate(turns))


def _with(path: Path) -> PreTrainedTokenizerFast:
    template = path.read_text(encoding="utf-8")
    marks = sorted(set(MARKS.findall(template)))
    return with_marks(template, *marks, eos="<|eos|>", bos="<|bos|>")


def _rendered(words: PreTrainedTokenizerFast, chat: tuple[Message, ...]) -> list[int]:
    turns = [message.model_dump() for message in chat]
    text = words.apply_chat_template(turns, chat_template=settled(words), tokenize=False)
    return list(words(text, add_special_tokens=False)["input_ids"])
