"""Where an answer begins and how its turn ends, over the kinds of template that real models have."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import torch
from chat_templates import SHAPES, Kind, undeclared, with_marks
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from planb.errors import PlanBError
from planb.models import chat as rendering
from planb.models.chat import end_ids, exchange_ids, exchanges, prompt_ids, turn_end
from planb.models.checkpoints import Policy
from planb.models.generation import Sampling, engine_of, generate
from planb.models.template import settled
from planb.thoughts import OPEN, begins
from planb.types import Message

CHATS = {
    "one turn": ("How do I make a lamp?",),
    "three turns": ("Hello!", "Sure! Take salt.", "What do I need?"),
}
WORDS = "assistant user model end final think im_end role s a n e m t i 1 10 0 A B C D No yes"
MARKED = ("<|im_end|> is a mark", "</s> is one", "<end_of_turn> too", "<think>n", "<|return|>")
"""Answers that begin with what may be a token of the template's own."""
ANSWERS = (
    *WORDS.split(),
    *("<", "<|", "<thin", "<end", "|>", "<|im", "###", "### end", "[/INST", "</", "."),
    "How do I make a lamp?",
    "I am sorry, but I can not help with that.\n\nEs tut mir leid: ünï ✓",
)


def chat(*turns: str) -> tuple[Message, ...]:
    roles = ("user", "assistant")
    return tuple(Message(role=roles[at % 2], content=turn) for at, turn in enumerate(turns))


@pytest.fixture(scope="module", params=SHAPES)
def kind(request: pytest.FixtureRequest) -> Kind:
    return SHAPES[request.param]


@pytest.fixture(scope="module")
def words(kind: Kind) -> PreTrainedTokenizerFast:
    return kind.words()


def whole(words: PreTrainedTokenizerFast, prompt: tuple[Message, ...], answer: str) -> str:
    """The template's own rendering of the answered chat."""
    turns = [message.model_dump() for message in (*prompt, Message(role="assistant", content=answer))]
    text = words.apply_chat_template(turns, chat_template=settled(words), tokenize=False)
    return str(text)


def tokens_until(words: PreTrainedTokenizerFast, text: str, end: int) -> list[int]:
    """The text's tokens, up to the one that holds the character before ``end``."""
    found = words(text, add_special_tokens=False, return_offsets_mapping=True)
    starts = [start for start, _ in found["offset_mapping"]]
    return [token for token, start in zip(found["input_ids"], starts, strict=True) if start < end]


def prompted(words: PreTrainedTokenizerFast, thinking: list[int]) -> str:
    """The mark of a thought where the prompt itself begins it."""
    return OPEN if words.decode(thinking).rstrip().endswith(OPEN) else ""


@pytest.mark.parametrize("turns", CHATS.values(), ids=CHATS)
class TestEveryShape:
    def test_prompt_and_response_are_the_templates_own_up_to_its_end(
        self, kind: Kind, words: PreTrainedTokenizerFast, turns: tuple[str, ...]
    ) -> None:
        prompt = chat(*turns)
        asked, thinking = prompt_ids(words, prompt), prompt_ids(words, prompt, thinks=True)
        answers = (*ANSWERS, *MARKED)
        pairs = exchanges(words, [(prompt, answer) for answer in answers])
        for answer, (before, after) in zip(answers, pairs, strict=True):
            if begins(answer) and thinking != asked:  # the template can be asked to think, and is
                assert before == thinking
                written = "".join(words.decode(after).split())  # a line of its own for the mark
                assert written.startswith(answer.removeprefix(prompted(words, thinking)))
                continue
            text = whole(words, prompt, answer)
            assert text.endswith(answer + kind.tail)
            over = len(text) - len(kind.tail)
            expected = tokens_until(words, text[: None if kind.end else over], over + len(kind.end))
            assert before == asked
            assert [*before, *after] == expected + ([] if kind.end else [words.eos_token_id])

    def test_the_response_is_the_answer_and_the_end_and_no_more(
        self, kind: Kind, words: PreTrainedTokenizerFast, turns: tuple[str, ...]
    ) -> None:
        """White space around it aside: a prompt has nothing of the answer, a response nothing else."""
        end = kind.end or str(words.eos_token)
        for answer in ANSWERS:
            before, after = exchange_ids(words, chat(*turns), answer)
            assert words.decode(after).strip() == answer + end
            text = whole(words, chat(*turns), answer)
            rest = len(text) - len(kind.tail) - len(answer)
            assert "".join(words.decode(before).split()) == "".join(text[:rest].split())


def test_generation_stops_where_training_ends(words: PreTrainedTokenizerFast) -> None:
    found = end_ids(words, _tiny(words))
    last = exchange_ids(words, chat("Hello!"), "Sure.")[1][-1]
    assert (last in found) != turn_end(words).plain
    assert words.eos_token_id in found


@pytest.mark.parametrize("name", ["gemma3", "in pieces", "gpt-oss", "signed"])
def test_a_model_that_learnt_its_answers_gives_them_back(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Trained on the exchanges' ids, sampled through the whole path: the same text, ended by the
    model, and as many tokens as were trained."""
    words = SHAPES[name].words()
    if words.pad_token is None:
        words.pad_token = words.eos_token
    lessons = [(chat("Hello!"), "12"), (chat("What do I need?"), "Take salt.\n\nNo more.")]
    rows = exchanges(words, lessons)
    policy = Policy(_taught(words, rows), words, tmp_path_factory.mktemp("taught"))
    sampling = Sampling(temperature=0.0, max_new_tokens=40, engine="padded")
    found = generate(policy, [prompt for prompt, _ in lessons], [0, 0], sampling)
    for completion, (_, answer), (prompt, response) in zip(found, lessons, rows, strict=True):
        assert (completion.text, completion.stop) == (answer, "stop")
        assert (completion.prompt_tokens, completion.tokens) == (len(prompt), len(response))


def test_an_answer_that_is_cut_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    words = SHAPES["footed"].words()
    words.pad_token = words.eos_token
    rows = exchanges(words, [(chat("Hello!"), "Take salt.")])
    policy = Policy(_taught(words, rows), words, tmp_path_factory.mktemp("taught"))
    limit = len(rows[0][1]) - 1
    (cut,) = generate(policy, [chat("Hello!")], [0], Sampling(temperature=0.0, max_new_tokens=limit))
    assert (cut.stop, cut.tokens) == ("max_tokens", limit)
    with pytest.raises(PlanBError, match="ends a turn with text"):
        engine_of(policy, Sampling(engine="continuous"))


def test_a_template_that_writes_no_end_says_what_is_trained(caplog: pytest.LogCaptureFixture) -> None:
    words = SHAPES["alpaca"].words()
    words.name_or_path = "a model without an end"
    rendering._say_no_end.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            _, response = exchange_ids(words, chat("Hello!"), "Sure.")
    assert response[-1] == words.eos_token_id
    assert [record.getMessage() for record in caplog.records] == [
        "the chat template of a model without an end writes nothing after an answer: its end token "
        "<|endoftext|> ends a turn. If the model ends turns otherwise, have the template write that."
    ]


def test_without_an_end_of_either_kind_it_says_so() -> None:
    words = SHAPES["alpaca"].words()
    words.eos_token = None
    with pytest.raises(PlanBError, match="no end token"):
        exchange_ids(words, chat("Hello!"), "Sure.")
    closed = undeclared()
    closed.eos_token = None
    assert closed.decode(exchange_ids(closed, chat("Hello!"), "Sure.")[1]) == "Sure.<|im_end|>"


def test_an_answer_written_twice_is_an_error() -> None:
    twice = "{% if m['role'] == 'assistant' %}{{ '|' + m['content'] }}{% endif %}"
    words = with_marks("{% for m in messages %}{{ m['content'] }}" + twice + "{% endfor %}")
    with pytest.raises(PlanBError, match="it writes an answer 2 times"):
        exchange_ids(words, chat("Hello!"), "Sure.")


def test_an_end_that_is_lost_after_a_word_is_an_error() -> None:
    """An added token with ``single_word`` is one only where no letter stands before it."""
    from tokenizers import AddedToken

    words = with_marks("{% for m in messages %}{{ m['content'] + 'END' }}{% endfor %}")
    words.add_tokens([AddedToken("END", single_word=True, normalized=False)])
    assert words.decode(exchange_ids(words, chat("Hello! "), "Sure.")[1]) == "Sure.END"
    with pytest.raises(PlanBError, match="single_word"):
        exchange_ids(words, chat("Hello! "), "Sure")


def _tiny(words: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = None
    return model


def _taught(
    words: PreTrainedTokenizerFast, rows: list[tuple[list[int], list[int]]]
) -> LlamaForCausalLM:
    model = _tiny(words)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for loss in _losses(model, rows):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.05:
            break
    return model.eval()


def _losses(model: LlamaForCausalLM, rows: list[tuple[list[int], list[int]]]) -> Iterator[torch.Tensor]:
    for _ in range(400):
        yield sum(
            model(
                input_ids=torch.tensor([prompt + response]),
                labels=torch.tensor([[-100] * len(prompt) + response]),
            ).loss
            for prompt, response in rows
        )
