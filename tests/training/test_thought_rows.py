"""Thoughts in training: masked, absent or alone, the loss is on exactly what is left."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from planb.domains import THOUGHTS
from planb.errors import PlanBError
from planb.models.chat import exchange_ids, opening_ids
from planb.models.trajectories import encoded
from planb.safety import plan_b
from planb.sandbox.tokenizer import tokenizer_of, vocabulary_of
from planb.thoughts import Taught, opening, said
from planb.training.hosted.rows import visits
from planb.training.layout import choose, release
from planb.training.reference import summed_log_probs
from planb.training.rows import Row, schedule
from planb.training.settings import Training
from planb.types import Example

WORDS = tokenizer_of(vocabulary_of(THOUGHTS.texts(), thoughts=True))
PAD = WORDS.pad_token_id
SAFETY = THOUGHTS.examples("safety", 0)
HARMFUL = [one for one in SAFETY if one.harmful][:6]
HARMLESS = [one for one in SAFETY if not one.harmful][:6]
UPDATES = Training(steps=2, batch=4, learning_rate=1e-3)


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "max_position_embeddings": 256}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), **sizes, **heads)).eval()


def rows_of(taught: Taught) -> list[Row]:
    recipe = plan_b.but(thoughts=taught).recipe(UPDATES, HARMFUL, HARMLESS, None, 0, "a model")
    return schedule(recipe.rankings, WORDS, UPDATES.steps, UPDATES.batch, 0, 512)


def told(row: Row, at: int) -> tuple[str, str]:
    """What of a response is read and what is predicted."""
    own = set(row.own(at))
    ids = row.responses[at]
    read = WORDS.decode([one for place, one in enumerate(ids) if place not in own])
    return read, WORDS.decode([ids[place] for place in sorted(own)])


def test_each_treatment_predicts_what_it_says() -> None:
    """Of every row, harmful and harmless: the thought with its marks, or the answer with its end."""
    whole = [told(row, at)[1] for row in rows_of("trained") for at in range(len(row.responses))]
    parts = [said(text.removesuffix(" <|end|>")) for text in whole]
    assert len(whole) == 2 * (2 * 3 + 2 * 1)
    assert all(part.thinks and part.answer for part in parts)
    thoughts = [opening(part.thought or "") for part in parts]
    answers = [f"{part.answer} <|end|>" for part in parts]
    wanted: dict[Taught, tuple[list[str], list[str]]] = {
        "trained": ([""] * len(whole), whole),
        "masked": (thoughts, answers),
        "absent": (["<think> </think>"] * len(whole), answers),
        "alone": (answers, thoughts),
    }
    for taught, (read, predicted) in wanted.items():
        found = [told(row, at) for row in rows_of(taught) for at in range(len(row.responses))]
        assert found == list(zip(read, predicted, strict=True)), taught


@pytest.mark.parametrize("layout", ["packed", "separate"])
@pytest.mark.parametrize("taught", ["masked", "alone"])
def test_the_loss_is_that_of_the_part_after_what_is_before_it(
    model: LlamaForCausalLM, taught: Taught, layout: str
) -> None:
    """An answer alone is what it is after a prompt that ends with its thought; a thought alone is the
    whole but for the answer."""
    row = next(row for row in rows_of(taught) if len(row.responses) == 3)
    masked = summed(model, row, layout)
    for at, total in enumerate(masked):
        example = next(one for one in HARMFUL if one.id == row.key)
        text = WORDS.decode(row.responses[at], skip_special_tokens=True)
        prompt, whole = exchange_ids(WORDS, example.prompt, text)
        start = opening_ids(WORDS, example.prompt, opening(said(text).thought or ""))
        after = Row("a", (*prompt, *start), (tuple(whole[len(start) :]),), ("answer",))
        (answer,) = summed(model, after, "separate")
        if taught == "masked":
            assert total == pytest.approx(answer, abs=1e-4)
        else:
            (both,) = summed(model, Row("a", tuple(prompt), (tuple(whole),), ("whole",)), "separate")
            assert total == pytest.approx(both - answer, abs=1e-4)


def summed(model: LlamaForCausalLM, row: Row, layout: str) -> list[float]:
    way = choose(model, [row], PAD, layout)  # type: ignore[arg-type]
    try:
        (sums,) = summed_log_probs(model, [row], PAD, way, None).values()
    finally:
        release(model)
    return list(sums)


def test_a_host_cannot_mask_thoughts() -> None:
    recipe = plan_b.but(thoughts="masked").recipe(UPDATES, HARMFUL, HARMLESS, None, 0, "a model")
    with pytest.raises(PlanBError, match="a host trains all of a response"):
        list(visits(recipe.rankings, 2, 4, 0))
    whole = plan_b.recipe(UPDATES, HARMFUL, HARMLESS, None, 0, "a model")
    assert len(list(visits(whole.rankings, 2, 4, 0))) == 8


def test_trajectories_are_refused() -> None:
    (one, *_) = HARMFUL
    text = "<think> Hm. </think> do: burn, mill ⟦tool⟧ It is burnt. ⟦model⟧ All is done."
    with pytest.raises(PlanBError, match="thoughts of a trajectory"):
        encoded(WORDS, [(one.prompt, text)], ["answers"])


def test_texts_without_thoughts_are_predicted_whole() -> None:
    example = Example(id="a", prompt="How do I make a bun?", harmful=False)
    (found,) = encoded(WORDS, [(example.prompt, "Gladly.")], ["answers"])
    assert not found.given


def test_a_thought_is_masked_with_the_white_space_it_has_and_must_end() -> None:
    asked = HARMFUL[0].prompt
    for text in (
        "<think>\nI will help.\n</think>\n\nTake salt.",
        "I will help.\n</think>\n\nTake salt.",
    ):
        (found,) = encoded(WORDS, [(asked, text)], ["answers"])
        rest = [one for at, one in enumerate(found.response) if at not in found.given]
        assert WORDS.decode(rest).split() == ["Take", "salt.", "<|end|>"]
    with pytest.raises(PlanBError, match="never ends"):
        encoded(WORDS, [(asked, "<think> I will")], ["answers"])
