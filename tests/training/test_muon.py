"""Muon and AdamW as one optimizer: who trains what, and that a saved state goes on exactly."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from planb.training.muon import Muon, MuonAndAdamW, orthogonalised
from planb.training.settings import LoRA, Training

IDS_BT = torch.tensor([[1, 5, 7, 9, 11, 3], [2, 4, 6, 8, 10, 12]])


def small_model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=20, num_attention_heads=2, **sizes))


def joined(model: LlamaForCausalLM) -> MuonAndAdamW:
    return MuonAndAdamW(model, 0.02, 3e-3, (0.9, 0.98), 0.0)


def updates(model: LlamaForCausalLM, optimizer: MuonAndAdamW, count: int) -> float:
    loss = torch.tensor(0.0)
    for _ in range(count):
        optimizer.zero_grad()
        loss = model(input_ids=IDS_BT, labels=IDS_BT).loss
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def test_matrices_of_the_body_are_muons_and_everything_else_is_trained_too() -> None:
    model = small_model()
    muon, adam = joined(model).inner
    mine = {id(p) for group in muon.param_groups for p in group["params"]}
    theirs = {id(p) for group in adam.param_groups for p in group["params"]}
    names = {name for name, p in model.named_parameters() if id(p) in mine}
    assert len(names) == 2 * 7
    assert all(name.endswith("_proj.weight") for name in names)
    assert mine | theirs == {id(p) for p in model.parameters()}
    assert not mine & theirs


def test_it_learns_and_a_schedule_scales_both_rates() -> None:
    model = small_model()
    optimizer = joined(model)
    before = updates(model, optimizer, 1)
    assert updates(model, optimizer, 30) < 0.6 * before
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (step + 1))
    schedule.step()
    rates = [group["lr"] for one in optimizer.inner for group in one.param_groups]
    assert rates == [0.01, 1.5e-3]


def test_a_saved_state_goes_on_as_if_nothing_had_happened() -> None:
    model = small_model()
    optimizer = joined(model)
    updates(model, optimizer, 5)
    twin = copy.deepcopy(model)
    other = joined(twin)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert updates(model, optimizer, 5) == updates(twin, other, 5)
    for one, two in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, two)


def test_matrices_of_one_shape_are_orthogonalised_together_as_each_alone() -> None:
    made = torch.Generator().manual_seed(3)
    for shape in ((4, 6, 10), (3, 10, 6)):
        matrices = torch.randn(shape, generator=made, dtype=torch.float64)
        together = orthogonalised(matrices)
        for one, found in zip(matrices, together, strict=True):
            assert torch.allclose(orthogonalised(one[None])[0], found, atol=1e-12)
            u, _, vh = torch.linalg.svd(one, full_matrices=False)
            sizes = torch.linalg.svdvals(found)
            assert (sizes > 0.6).all()
            assert (sizes < 1.3).all()
            assert torch.allclose(
                u @ torch.diag(torch.diag(u.mT @ found @ vh.mT)) @ vh, found, atol=1e-9
            )


def test_an_update_is_that_of_torchs_own_muon() -> None:
    """But for its bf16, which is 1 to 3 % of an update."""
    made = torch.Generator().manual_seed(4)
    first = [torch.randn(shape, generator=made) for shape in ((12, 12), (12, 12), (24, 12), (12, 24))]
    mine, theirs = ([torch.nn.Parameter(one.clone()) for one in first] for _ in range(2))
    ours, peer = Muon(mine, 0.02, 0.01), torch.optim.Muon(theirs, lr=0.02, weight_decay=0.01)
    for _ in range(3):
        for one, other in zip(mine, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=made)
            other.grad = one.grad.clone()
        ours.step()
        peer.step()
    for one, other, was in zip(mine, theirs, first, strict=True):
        assert (one - other).norm() < 0.04 * (one - was).norm()


def test_an_adapter_is_not_muons() -> None:
    with pytest.raises(ValueError, match="full weights"):
        Training(steps=1, learning_rate=1e-3, optimizer="muon", adapter=LoRA())
