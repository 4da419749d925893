"""An opening in the model's mouth: it goes on as from words of its own, and the answer holds both."""

from __future__ import annotations

import pytest
from test_generation import PROMPTS

from planb.models.chat import opening_ids
from planb.models.checkpoints import Policy
from planb.models.generation import Engine, Sampling, generate
from planb.types import Message

GREEDY = Sampling(temperature=0, max_new_tokens=10)


def opened(prompt: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    return (*prompt, Message(role="opening", content=words))


@pytest.mark.parametrize("engine", ["padded", "refilled"])
def test_the_models_own_first_words_change_nothing(policy: Policy, engine: Engine) -> None:
    """Greedily, an answer that is given its own beginning ends as it did without."""
    prompts, how = PROMPTS[:4], GREEDY.but(engine=engine)
    free = generate(policy, prompts, [0] * 4, how)
    first = [" ".join(one.text.split()[:3]) for one in free]
    assert all(first)
    for prompt, words, alone in zip(prompts, first, free, strict=True):
        given = len(opening_ids(policy.tokenizer, prompt, words))
        left = how.but(max_new_tokens=10 - given)
        (made,) = generate(policy, [opened(prompt, words)], [0], left)
        assert (made.text, made.stop) == (alone.text, alone.stop)
        assert made.tokens + given == alone.tokens
        assert made.prompt_tokens == alone.prompt_tokens + given > given


def test_other_words_are_gone_on_from(policy: Policy) -> None:
    words = "Hello, how can"
    both = [PROMPTS[0], opened(PROMPTS[0], words)]
    free, made = generate(policy, both, [0, 0], GREEDY)
    assert made.text.startswith(words)
    assert len(made.text.split()) > len(words.split())
    assert not free.text.startswith(words)
