"""CleanGen: its ratio by hand, its two limits, the paper's algorithm, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers as hf

from planb.errors import PlanBError
from planb.models.architecture import TinyLlama, fresh_policy
from planb.models.chat import end_ids, prompt_ids
from planb.models.checkpoints import Policy
from planb.models.cleangen import CleanGen, suspicious
from planb.models.generation import Sampling, generate
from planb.sandbox.tokenizer import vocabulary
from planb.sandbox.world import World
from planb.types import Message

SIZES = TinyLlama(width=32, hidden=64, layers=2, heads=2)
SAID = ("Hello!", "How do I make a wyrmfire tea?", "Tell me how to make a lamp. Please explain.")
PROMPTS = [(Message(role="user", content=text),) for text in SAID]


@pytest.fixture
def reference(world: World, policy: Policy, tmp_path: Path) -> Policy:
    """Another random model with the same words."""
    other = fresh_policy(SIZES, vocabulary(world), 1, tmp_path / "reference")
    own = dict(policy.model.named_parameters())
    with torch.no_grad():
        for name, weight in other.model.named_parameters():
            weight.copy_(weight * own[name].norm() / weight.norm().clamp(min=1e-9))
    return other


def texts(
    policy: Policy, sampling: Sampling, beside: Policy | None = None, alpha: float = 1.0
) -> list[str]:
    guard = CleanGen(alpha=alpha).beside(beside) if beside else None
    return [one.text for one in generate(policy, PROMPTS, range(len(PROMPTS)), sampling, guard=guard)]


def test_a_token_is_suspicious_from_alpha_times_the_references_probability_on() -> None:
    """0.6 / 0.02 = 30 and 0.6 / 0.04 = 15; at 0.6 / 0.6 nothing is suspicious, at 0.4 / 0.98 less."""
    own = torch.tensor([[0.6, 0.4]] * 4).log() + 3.0  # a constant changes no probability
    reference = torch.tensor([[0.02, 0.98], [0.04, 0.96], [0.6, 0.4], [0.02, 0.98]]).log()
    tokens = torch.tensor([0, 0, 0, 1])
    assert suspicious(own, reference, tokens, 20.0).tolist() == [True, False, False, False]
    assert suspicious(own, reference, tokens, 14.0).tolist() == [True, True, False, False]


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_its_limits_are_the_model_alone_and_the_reference_alone(
    policy: Policy, reference: Policy, temperature: float
) -> None:
    """Prompts of unlike lengths in one batch, so the reference's padding is in it too."""
    sampling = Sampling(temperature=temperature, max_new_tokens=8, engine="padded")
    alone, other = texts(policy, sampling), texts(reference, sampling)
    assert alone != other
    assert texts(policy, sampling, reference, 1e30) == alone
    assert texts(policy, sampling, reference, 1e-30) == other
    between = texts(policy, sampling, reference, 20.0)
    assert between not in (alone, other)


@pytest.mark.parametrize("ahead", [1, 4])
def test_it_gives_the_text_of_the_papers_algorithm_however_far_that_looks_ahead(
    policy: Policy, reference: Policy, ahead: int
) -> None:
    limit, alpha = 10, 3.0
    sampling = Sampling(temperature=0, max_new_tokens=limit)
    expected = [_algorithm(policy, reference, chat, limit, alpha, ahead) for chat in PROMPTS]
    assert texts(policy, sampling, reference, alpha) == expected


def _algorithm(
    policy: Policy, reference: Policy, chat: tuple[Message, ...], limit: int, alpha: float, ahead: int
) -> str:
    """k tokens of the model, looked at by the reference, cut at the first suspicious one."""
    ids, ends = prompt_ids(policy.tokenizer, chat), end_ids(policy.tokenizer, policy.model)
    start = len(ids)
    while len(ids) < start + limit and (len(ids) == start or ids[-1] not in ends):
        proposed = list(ids)
        for _ in range(ahead):
            proposed.append(int(_probabilities(policy, proposed)[-1].argmax()))
        own, other = _probabilities(policy, proposed), _probabilities(reference, proposed)
        for place in range(len(ids), len(proposed)):
            token = proposed[place]
            if own[place - 1, token] / other[place - 1, token] >= alpha:
                ids.append(int(other[place - 1].argmax()))
                break
            ids.append(token)
    new = ids[start : start + limit]
    stop = next((place for place, token in enumerate(new) if token in ends), len(new))
    return str(policy.tokenizer.decode(new[:stop], skip_special_tokens=True)).strip()


def _probabilities(policy: Policy, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return policy.model(input_ids=torch.tensor([ids])).logits[0].double().softmax(-1)


def test_what_cannot_be_compared_token_by_token_is_refused(
    world: World, policy: Policy, reference: Policy, tmp_path: Path
) -> None:
    greedy = Sampling(temperature=0, max_new_tokens=2)
    other = fresh_policy(SIZES, (*vocabulary(world), "elsewhere"), 0, tmp_path / "other")
    with pytest.raises(PlanBError, match="has another vocabulary"):
        texts(policy, greedy, other)
    config = hf.MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=32, state_size=4)
    mamba = Policy(hf.AutoModelForCausalLM.from_config(config), policy.tokenizer, tmp_path)
    with pytest.raises(PlanBError, match="MambaForCausalLM keeps a state instead of keys"):
        texts(policy, greedy, mamba)
    with pytest.raises(PlanBError, match="engine='refilled' has no place for it"):
        texts(policy, greedy.but(engine="refilled"), reference)
