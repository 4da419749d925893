"""Thoughts with a limit of their own: cut, closed, and answers what they would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from planb.domains import THOUGHTS
from planb.errors import PlanBError
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.budgets import InParts, Marks, _state, in_two_parts, marks_of
from planb.models.checkpoints import Policy
from planb.models.generation import Ends, Engine, Sampling, generate
from planb.sandbox.tokenizer import tokenizer_of, vocabulary, vocabulary_of
from planb.sandbox.world import World
from planb.thoughts import said
from planb.types import Message

PROMPT = (Message(role="user", content="How do I make a bun?"),)
WORDS = vocabulary_of(THOUGHTS.texts(), thoughts=True)
OPEN, CLOSE, END = 100, 101, 102
SAMPLING = Sampling(temperature=0.8, max_new_tokens=6, engine="padded")


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """Of random weights: what it writes after an opening is words without end."""
    sizes = TinyLlama(width=16, hidden=32, layers=2, heads=2, positions=128)
    return fresh_policy(sizes, WORDS, 0, tmp_path_factory.mktemp("thinker"))


Write = Callable[[list[int], int], list[int]]


def scripted(write: Write, most: int, opening: tuple[int, ...] = ()) -> InParts:
    """A response to the prompt (1, 2) of an engine that writes ``write(row, seed)``."""

    def run(policy: object, rows: list[list[int]], seeds: list[int], sampling: Sampling, *_: object):  # type: ignore[no-untyped-def]
        del policy
        return [
            write(row, seed)[: sampling.max_new_tokens] for row, seed in zip(rows, seeds, strict=True)
        ]

    ends = Ends([END], None)  # type: ignore[arg-type]
    sampling = SAMPLING.but(thought_tokens=most)
    asked = [([1, 2, *opening], list(opening))]
    marks = Marks(OPEN, CLOSE, (CLOSE,))
    (found,) = in_two_parts(None, marks, asked, [7], sampling, ends, run, None)  # type: ignore[arg-type]
    return found


def thinks(row: list[int], seed: int) -> list[int]:
    """A thought of three tokens, and an answer of two that tells how long a thought it read."""
    if CLOSE in row:
        assert seed != 7, "an answer after a thought draws noise of its own"
        return [50 + len(row), 60, END]
    return [*([] if OPEN in row else [OPEN]), 11, 12, 13, CLOSE, 50, 60, END]


def test_a_thought_within_its_limit_is_left_alone() -> None:
    for most in (3, 4, 30):
        found = scripted(thinks, most)
        assert found == InParts([OPEN, 11, 12, 13, CLOSE], [57, 60, END], own=5, cut=False)


def test_a_thought_beyond_its_limit_is_closed_there() -> None:
    assert scripted(thinks, 2) == InParts([OPEN, 11, 12, CLOSE], [56, 60, END], own=3, cut=True)
    opened = scripted(thinks, 2, opening=(OPEN,))
    assert opened == InParts([11, 12, CLOSE], [56, 60, END], own=2, cut=True)


def test_without_a_limit_left_the_thought_is_empty() -> None:
    assert scripted(thinks, 0) == InParts([OPEN, CLOSE], [54, 60, END], own=0, cut=False)
    assert scripted(thinks, 0, opening=(OPEN,)) == InParts([CLOSE], [54, 60, END], own=0)


def test_an_answer_without_a_thought_is_what_it_would_be() -> None:
    def plain(row: list[int], seed: int) -> list[int]:
        assert (row, seed) == ([1, 2], 7)
        return [21, 22, 23, 24, END]

    assert scripted(plain, 2) == InParts([], [21, 22, 23, 24, END])


def test_a_turn_that_ends_within_its_thought_has_no_answer() -> None:
    found = scripted(lambda *_: [OPEN, 11, END, 9, 9], 5)
    assert found == InParts([], [OPEN, 11, END])


def test_after_a_thought_that_is_over_before_there_is_an_answer_alone() -> None:
    def answers(row: list[int], seed: int) -> list[int]:
        assert (row, seed) == ([1, 2, OPEN, 11, CLOSE], 7)
        return [50, 60, END]

    assert scripted(answers, 5, opening=(OPEN, 11, CLOSE)) == InParts([], [50, 60, END])


@pytest.mark.parametrize("engine", ["padded", "refilled"])
def test_real_thoughts_are_cut_and_the_answers_have_a_limit_of_their_own(
    thinker: Policy, engine: Engine
) -> None:
    how = SAMPLING.but(engine=engine, thought_tokens=4)
    opened = (*PROMPT, Message(role="opening", content="<think>"))
    made, other = generate(thinker, [opened, opened], [1, 2], how)
    (alone,) = generate(thinker, [opened], [1], how)
    assert made == alone, "whatever else is in the batch"
    for one in (made, other):
        found = said(one.text)
        assert one.cut_thought
        assert found.closed
        assert found.thought
        assert found.answer
        assert (one.tokens, one.stop) == (4 + 6, "max_tokens")
    (none,) = generate(thinker, [PROMPT], [1], how.but(thought_tokens=0))
    assert said(none.text).thought == ""
    assert not none.cut_thought
    (plain,) = generate(thinker, [PROMPT], [1], how)
    (free,) = generate(thinker, [PROMPT], [1], how.but(thought_tokens=None))
    assert plain.text == free.text, "an answer without a thought is what it would be without a limit"


def test_a_closed_thought_has_the_white_space_of_its_template(thinker: Policy) -> None:
    from chat_templates import thinks

    assert marks_of(thinker.tokenizer).closing == (marks_of(thinker.tokenizer).close,)
    words = thinks()
    marks = marks_of(words)
    assert words.decode(marks.closing) == "\n</think>\n\n"
    assert words.convert_ids_to_tokens([marks.open, marks.close]) == ["<think>", "</think>"]


def test_it_must_fit_together(thinker: Policy) -> None:
    with pytest.raises(PlanBError, match="and 126 new ones do not fit the model's 128 positions"):
        generate(thinker, [PROMPT], [0], SAMPLING.but(thought_tokens=120))


def test_a_model_that_marks_no_thoughts_is_refused(tmp_path: Path) -> None:
    plain = fresh_policy(
        TinyLlama(width=16, hidden=32, layers=1, heads=2), vocabulary(World()), 0, tmp_path
    )
    with pytest.raises(PlanBError, match="has no tokens <think> and </think>"):
        generate(plain, [PROMPT], [0], SAMPLING.but(thought_tokens=4))
    assert "<think>" not in tokenizer_of(vocabulary(World())).get_vocab()


def test_a_template_that_opens_thoughts_and_drops_them_is_refused_in_words() -> None:
    """DeepSeek-R1's: how it closes a thought stands nowhere in it."""
    from chat_templates import CHATML, thinks

    opens = CHATML.replace("assistant\n", "assistant\n<think>\n")
    assert opens != CHATML
    with pytest.raises(PlanBError) as caught:
        marks_of(thinks(opens))
    told = str(caught.value)
    assert "cannot be read off its template" in told
    assert "it opens a thought, <think>, and leaves it out of an answered chat" in told
    assert told.endswith("Or leave thought_tokens (reasoning_tokens) out.")


def test_an_answer_that_was_begun_has_no_thought_in_its_middle() -> None:
    """A prefilled answer; a thought that the prompt begins (Kimi's) goes on in what is prefilled."""
    found = scripted(lambda row, _: [50 + len(row), END], 0, opening=(40, 41))
    assert (found.before, found.new) == ([], [50 + 4, END])
    marks = Marks(OPEN, CLOSE, (CLOSE,))
    assert _state([1, OPEN, 11], [11], marks) == (True, False)
    assert _state([1, OPEN, 11, CLOSE], [11, CLOSE], marks) == (True, True)
    assert _state([1, OPEN, CLOSE, 40], [40], marks) == (False, True)
