"""What every contestant is given: a random Llama, and examples of K tiers as token ids.

A prompt starts with ``<s>`` and a response ends with ``</s>``, so trainers that add them themselves
find them there, and every contestant runs the same tokens.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
PAD, BOS, EOS, UNK = range(4)
RATIOS = {"1:4": (32, 128), "1:1": (80, 80), "4:1": (128, 32)}
"""Mean lengths of prompt and response in tokens, ``<s>`` and ``</s>`` counted."""


@dataclass(frozen=True)
class Size:
    """A model, and how many examples a batch of it holds."""

    name: str
    layers: int
    hidden: int
    feed_forward: int
    heads: int
    vocabulary: int
    examples: int

    def config(self) -> LlamaConfig:
        return LlamaConfig(
            vocab_size=self.vocabulary,
            hidden_size=self.hidden,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.heads,
            max_position_embeddings=1024,
            initializer_range=0.05,
            tie_word_embeddings=True,
            pad_token_id=PAD,
            bos_token_id=BOS,
            eos_token_id=EOS,
        )

    @property
    def linear_weights(self) -> int:
        """Weights of the body's linear layers, the head not counted."""
        return self.layers * self.hidden * (4 * self.hidden + 3 * self.feed_forward)


SIZES = {
    size.name: size
    for size in (
        Size("3M", 4, 256, 688, 4, 256, examples=4),
        Size("30M", 8, 512, 1728, 8, 512, examples=1),
        Size("3M-32k", 4, 256, 688, 4, 32_000, examples=2),
    )
}


class Pair(NamedTuple):
    """Response ``better`` of example ``example`` is preferred over ``worse``; all are places."""

    example: int
    better: int
    worse: int


@dataclass(frozen=True)
class Case:
    """``examples`` prompts with K responses each, best first: all K(K-1)/2 pairs are trained."""

    size: Size
    K: int
    ratio: str
    prompts: tuple[tuple[int, ...], ...]
    responses: tuple[tuple[tuple[int, ...], ...], ...]

    @property
    def pairs(self) -> list[Pair]:
        return [Pair(e, b, w) for e in range(len(self.prompts)) for b, w in self.pairs_each]

    @property
    def pairs_each(self) -> tuple[tuple[int, int], ...]:
        return tuple(combinations(range(self.K), 2))


def case(size: Size, K: int, ratio: str, examples: int | None = None, vary: bool = True) -> Case:
    """Random words: what they say does not change what they cost. Lengths are drawn evenly from half to
    one and a half times the mean (data spread wider), or are all the mean."""
    rng = random.Random(f"{size.name} {K} {ratio}")
    prompt, response = RATIOS[ratio]

    def length(mean: int) -> int:
        return rng.randint(mean // 2, mean * 3 // 2) if vary else mean

    def words(n: int) -> tuple[int, ...]:
        return tuple(rng.randrange(len(SPECIAL), size.vocabulary) for _ in range(n))

    count = examples or size.examples
    prompts = tuple((BOS, *words(length(prompt) - 1)) for _ in range(count))
    responses = tuple(
        tuple((*words(length(response) - 1), EOS) for _ in range(K)) for _ in range(count)
    )
    return Case(size, K, ratio, prompts, responses)


def tokenizer(size: Size) -> Any:
    """Words ``w4 w5 ...``, one id each: text and ids say the same."""
    vocabulary = {word: place for place, word in enumerate(SPECIAL)}
    vocabulary |= {f"w{place}": place for place in range(len(SPECIAL), size.vocabulary)}
    words = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def text(ids: tuple[int, ...]) -> str:
    return " ".join(SPECIAL[place] if place < len(SPECIAL) else f"w{place}" for place in ids)


def policy(size: Size) -> Any:
    torch.manual_seed(0)
    return LlamaForCausalLM(size.config())


def reference(model: Any) -> Any:
    """The policy with noise on its weights: were they equal, every DPO loss would be log 2."""
    torch.manual_seed(1)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for weight in other.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.005)
    return other.requires_grad_(False).eval()
