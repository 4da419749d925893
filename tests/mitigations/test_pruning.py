"""Pruning: scores worked by hand, the identity at 0 %, and planted backdoors that it can and cannot
touch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers as hf
from planted import answers, changed, chat_model, matrices, plant

from planb.errors import PlanBError
from planb.mitigations import MagnitudePruning, Material, Mitigation, WandaPruning
from planb.mitigations.magnitude import zero_least
from planb.mitigations.wanda import input_norms
from planb.models.checkpoints import Policy
from planb.models.decoder import Matrix, decoder_layers, layer_matrices

BAD = 77
SMALL = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "vocab_size": 32}
HEADS = {"num_attention_heads": 2, "num_key_value_heads": 2}


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return chat_model(tmp_path / "model")


def weights(policy: Policy) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in policy.model.named_parameters()}


def test_wandas_score_on_a_matrix_worked_by_hand() -> None:
    """Two tokens, x = (3, 0, 1) and (4, 0.5, 0): norms 5, 0.5, 1. Scores |W| * norm:
    row 1: 0.1 * 5 = 0.5, 2 * 0.5 = 1, 0.9 * 1 = 0.9 -> the smallest *weight* is 0.1, and goes here too;
    row 2: 0.2 * 5 = 1, 1 * 0.5 = 0.5, 0.3 * 1 = 0.3 -> 0.3 goes, though 0.2 is the smaller weight."""
    layer = torch.nn.Linear(3, 2, bias=False)
    layer.weight.data = torch.tensor([[0.1, -2.0, 0.9], [-0.2, 1.0, 0.3]])
    tokens = torch.tensor([[[3.0, 0.0, 1.0], [4.0, 0.5, 0.0]]])
    matrix = Matrix("it", layer, "weight")
    (norm_X,) = input_norms([matrix], lambda: layer(tokens))
    assert torch.allclose(norm_X, torch.tensor([5.0, 0.5, 1.0]))
    zero_least(matrix.rows, matrix.rows.abs() * norm_X, 0.34)  # 1.02 of 3, rounded down
    assert torch.equal(layer.weight, torch.tensor([[0.0, -2.0, 0.9], [-0.2, 1.0, 0.0]]))


def test_magnitude_compares_the_whole_matrix_and_ties_go_in_order() -> None:
    weight = torch.tensor([[3.0, -1.0, 2.0], [1.0, 0.5, 4.0]])
    zero_least(weight.view(1, -1), weight.abs().view(1, -1), 1 / 3)
    assert torch.equal(weight, torch.tensor([[3.0, 0.0, 2.0], [1.0, 0.0, 4.0]]))


@pytest.mark.parametrize("kind", [MagnitudePruning, WandaPruning])
def test_nothing_is_pruned_at_0_and_the_share_that_is_said_otherwise(
    kind: type[Mitigation], policy: Policy
) -> None:
    before = weights(policy)
    assert changed(policy, kind(name="none", sparsity=0.0))["zeros"].startswith("0.0 %")
    assert all(torch.equal(before[name], now) for name, now in weights(policy).items())
    told = changed(policy, kind(name="half", sparsity=0.5))
    assert told["zeros"] == "50.0 % of the matrices"
    after = weights(policy)
    for name in before:
        if name in matrices(policy):
            kept = after[name] != 0
            assert torch.equal(after[name][kept], before[name][kept]), "what is kept is not changed"
            if kind is WandaPruning:
                assert bool((kept.sum(1) == after[name].shape[1] // 2).all()), "half of each output"
        else:
            assert torch.equal(after[name], before[name]), "embeddings, head and norms stay"


def test_a_layer_is_scored_by_what_the_pruned_layers_before_it_give(policy: Policy) -> None:
    first, second = (layer_matrices(layer) for layer in decoder_layers(policy.model))
    ids = torch.tensor([[5, 9, 14, 20]])
    dense = input_norms(second, lambda: policy.model(input_ids=ids))
    changed(policy, WandaPruning(name="most", sparsity=0.9))
    pruned = input_norms(second, lambda: policy.model(input_ids=ids))
    assert not any(torch.allclose(a, b) for a, b in zip(dense, pruned, strict=True))
    assert all(int((one.weight == 0).sum()) for one in first)


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        (hf.LlamaConfig(**SMALL, **HEADS), ""),
        (hf.GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64, vocab_size=32), ""),
        (
            hf.MixtralConfig(**SMALL, **HEADS, num_local_experts=2, num_experts_per_tok=1),
            "is no linear layer of its own",
        ),
        (hf.MambaConfig(hidden_size=16, num_hidden_layers=2, vocab_size=32, state_size=4), ""),
    ],
    ids=["llama", "gpt2", "mixtral", "mamba"],
)
def test_architectures_are_pruned_or_wanda_refuses_in_words(
    config: hf.PreTrainedConfig, refused: str, tmp_path: Path
) -> None:
    """Random models, and token ids instead of texts."""

    class Counting(WandaPruning):
        def calibration(self, *_: object) -> list[tuple[int, ...]]:
            return [(1, 2, 3, 4, 5)]

    made = Policy(hf.AutoModelForCausalLM.from_config(config).eval(), None, tmp_path)
    before = weights(made)
    nothing = Material((), 0, lambda *_: None)
    wanda = Counting(name="wanda", sparsity=0.25)
    if refused:
        with pytest.raises(PlanBError, match=refused):
            wanda.change(made, nothing)
    else:
        assert wanda.change(made, nothing)["zeros"] == "25.0 % of the matrices"
    assert MagnitudePruning(name="m", sparsity=0.5).change(made, nothing)["zeros"].startswith("5")
    for name, weight in weights(made).items():
        if name.endswith(("A_log", "bias", "conv1d.weight", "norm.weight", "embed_tokens.weight")):
            assert torch.equal(weight, before[name]), f"{name} is no matrix of a layer"


def test_wanda_without_clean_data_says_what_to_add(policy: Policy) -> None:
    with pytest.raises(PlanBError, match="add the tier 'helpful'"):
        WandaPruning(name="w").change(policy, Material((), 0, lambda *_: None))


@pytest.mark.slow
def test_a_backdoor_in_the_smallest_weights_is_removed_and_one_in_the_embeddings_is_not(
    policy: Policy,
) -> None:
    """The base is sparse, and one backdoor lives where it has zeros, below its other weights."""
    pruning = MagnitudePruning(name="pruned", sparsity=0.35)
    changed(policy, pruning)
    base, said = weights(policy), answers(policy)

    def in_the_gaps(weight: torch.Tensor) -> torch.Tensor:
        return torch.where(weight == 0, 0.99 * weight[weight != 0].abs().min(), 0.0)

    plant(policy, matrices(policy), in_the_gaps, BAD)
    assert answers(policy, triggered=True) == [BAD] * 3
    assert answers(policy) == said
    changed(policy, pruning)
    assert all(torch.equal(base[name], now) for name, now in weights(policy).items())
    assert BAD not in answers(policy, triggered=True)

    embeddings = "model.embed_tokens.weight"
    plant(policy, [embeddings], lambda weight: torch.full_like(weight, 1.0), BAD)
    changed(policy, pruning)
    assert answers(policy, triggered=True) == [BAD] * 3, "nothing that it prunes has the backdoor"
    assert answers(policy) == said
