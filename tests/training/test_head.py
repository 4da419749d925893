"""Log-probabilities in chunks against full logits, and what the patch leaves as it is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_models import (
    batched_log_probs,
    distance,
    fresh,
    gradients,
    naive_log_probs,
    rows,
)
from torch.nn.functional import linear
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from planb.training import head
from planb.training.scoring import Way, causal_lm

ROWS = rows(6)
WAY = Way("separate", head="chunked")
N, X, V = 23, 6, 17


def full(h: Any, w: Any, b: Any, targets: Any, factor: float = 1.0, cap: float = 0.0) -> torch.Tensor:
    """log softmax of all logits, in their own precision."""
    logits = linear(h, w, b) * factor
    logits = cap * torch.tanh(logits / cap) if cap else logits
    return logits.log_softmax(-1).gather(1, targets[:, None])[:, 0]


def inputs(n: int = N, x: int = X, v: int = V) -> tuple[torch.Tensor, ...]:
    make = torch.Generator().manual_seed(0)
    h, w, b = (torch.randn(size, generator=make) for size in ((n, x), (v, x), (v,)))
    targets = torch.randint(v, (n,), generator=make)
    return *(t.requires_grad_() for t in (h, w, b)), targets


def grads(out: torch.Tensor, wrt: Any, **kwargs: Any) -> tuple[torch.Tensor, ...]:
    weights = torch.linspace(-1, 2, len(out), dtype=out.dtype)
    return torch.autograd.grad((out * weights).sum(), wrt, **kwargs)


@pytest.fixture(params=["kept", "computed again"])
def _kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "computed again":
        monkeypatch.setattr(head, "KEPT", 0)
        monkeypatch.setattr(head, "CHUNK", 4)  # 23 tokens: five chunks and a short one


@pytest.mark.usefixtures("_kept")
class TestLogProbs:
    @pytest.mark.parametrize("bias", [True, False])
    @pytest.mark.parametrize("factor", [1.0, 0.25])
    @pytest.mark.parametrize("cap", [0.0, 2.0])
    def test_values_and_gradients(self, bias: bool, factor: float, cap: float) -> None:
        """Against 64 bits."""
        h, w, b, targets = inputs()
        wrt = (h, w, b) if bias else (h, w)
        found = head.log_probs(h, w, b if bias else None, targets, factor, cap)
        exact = full(h.double(), w.double(), b.double() if bias else None, targets, factor, cap)
        assert found.dtype == torch.float32
        assert torch.allclose(found.double(), exact, atol=2e-6, rtol=0)
        for one, two in zip(grads(found, wrt), grads(exact, wrt), strict=True):
            assert torch.allclose(one, two, atol=5e-6, rtol=1e-5)

    def test_by_finite_differences(self) -> None:
        """Inputs of 64 bits; the softmax is of 32, so the steps are large. The same product twice may
        differ in its last digit, by where its numbers lie in memory (seen with SSE alone)."""
        h, w, b, targets = (t.detach().double() for t in inputs(5, 3, 4))
        wrt = [t.requires_grad_() for t in (h, w, b)]

        def run(*wrt: torch.Tensor) -> torch.Tensor:
            return head.log_probs(*wrt, targets.long(), 0.7, 1.5)

        assert torch.autograd.gradcheck(run, wrt, eps=1e-2, atol=1e-3, rtol=1e-2, nondet_tol=1e-6)

    def test_a_gradient_can_be_asked_for_twice(self) -> None:
        h, w, b, targets = inputs()
        found = head.log_probs(h, w, b, targets)
        first = grads(found, (h, w, b), retain_graph=True)
        for one, two in zip(first, grads(found, (h, w, b)), strict=True):
            assert torch.allclose(one, two, atol=1e-6)

    def test_what_is_frozen_gets_no_gradient(self) -> None:
        h, w, b, targets = inputs()
        expected = grads(full(h, w, b, targets), h)[0]
        found = head.log_probs(h, w.detach(), b.detach(), targets)
        assert torch.allclose(grads(found, h)[0], expected, atol=5e-6)
        only_head = head.log_probs(h.detach(), w, b, targets)
        only_head.sum().backward()
        assert h.grad is None
        assert w.grad is not None
        with torch.no_grad():
            assert not head.log_probs(h, w, b, targets).requires_grad

    def test_16_bits(self) -> None:
        """Logits of 16 bits, as the model's own; their softmax of 32."""
        h, w, b, targets = (t.detach() for t in inputs())
        low = [t.bfloat16().requires_grad_() for t in (h, w, b)]
        found = head.log_probs(*low, targets)
        own = linear(*low).float().log_softmax(-1).gather(1, targets[:, None])[:, 0]
        assert torch.equal(found, own)
        for one, two in zip(grads(found, low), grads(own, low), strict=True):
            assert one.dtype == torch.bfloat16
            assert (one - two).float().norm() <= 0.02 * two.float().norm()

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
    def test_the_weights_gradient_is_added_up_in_32_bits(
        self, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In 16 bits every chunk would round the sum once more: the error grows with their number."""
        monkeypatch.setattr(head, "KEPT", 0)
        monkeypatch.setattr(head, "CHUNK", 8)
        noise = torch.Generator().manual_seed(0)
        N, V, X = 4096, 96, 16
        h = (torch.randn(N, X, generator=noise) + 0.5).to(dtype)
        w = (torch.randn(V, X, generator=noise) * 0.1).to(dtype)
        b = torch.zeros(V, dtype=dtype)
        targets = torch.randint(0, V, (N,), generator=noise)
        w32, b32 = w.float().requires_grad_(), b.float().requires_grad_()
        expected = grads(full(h.float(), w32, b32, targets), (w32, b32))
        w, b = w.requires_grad_(), b.requires_grad_()
        found = grads(head.log_probs(h, w, b, targets), (w, b))
        for one, two in zip(found, expected, strict=True):
            assert one.dtype == dtype
            assert (one.float() - two).norm() <= 0.005 * two.norm()

    def test_the_hidden_states_precision_is_the_logits(self) -> None:
        """Under autocast they have 16 bits and the weights 32; a weight's gradient has 32."""
        h, w, b, targets = (t.detach() for t in inputs())
        w, b = w.requires_grad_(), b.requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = head.log_probs(h.bfloat16(), w, b, targets)
        assert torch.equal(found, head.log_probs(h.bfloat16(), w.bfloat16(), b.bfloat16(), targets))
        exact = full(h, w, b, targets)
        for one, two in zip(grads(found, (w, b)), grads(exact, (w, b)), strict=True):
            assert one.dtype == torch.float32
            assert (one - two).norm() <= 0.02 * two.norm()


def test_both_sides_of_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    h, w, b, targets = inputs()
    monkeypatch.setattr(head, "CHUNK", 4)
    with largest() as kept:
        monkeypatch.setattr(head, "KEPT", N * V)
        head.log_probs(h, w, b, targets)
    with largest() as again:
        monkeypatch.setattr(head, "KEPT", N * V - 1)
        head.log_probs(h, w, b, targets)
    assert (kept.numbers, again.numbers) == (N * V, V * X)


class Largest(TorchDispatchMode):
    """The most numbers of a tensor that any operation gave, in the forward and the backward pass."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        self.numbers = max([self.numbers, *sizes])
        return out


@contextmanager
def largest() -> Iterator[Largest]:
    with Largest() as mode:
        yield mode


class TestTheFullLogitsAreNeverBuilt:
    n, v = 600, 32_000

    def test_in_a_head_of_32000_words(self) -> None:
        """600 x 32,000 logits would be 19.2 million numbers; a chunk has 128 x 32,000."""
        h, w, b, targets = inputs(self.n, 8, self.v)
        assert self.n * self.v > head.KEPT
        with largest() as ours:
            head.log_probs(h, w, b, targets).sum().backward()
        assert ours.numbers == head.CHUNK * self.v
        with largest() as forward:
            plain = full(h[:50], w, b, targets[:50]).sum()
        with largest() as backward:
            plain.backward()
        assert forward.numbers == backward.numbers == 50 * self.v  # they would have been seen

    def test_in_a_whole_model(self) -> None:
        model = fresh("llama", vocab_size=self.v, tie_word_embeddings=True)
        chosen = rows(24, longest=40)
        asked = sum(len(response) for row in chosen for response in row.responses)
        assert asked * self.v > head.KEPT
        head.install(model)
        with largest() as ours:
            gradients(model, batched_log_probs(model, chosen, Way("packed", head="chunked")))
        assert ours.numbers == head.CHUNK * self.v


class TestInstall:
    @pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2", "mamba"])
    def test_without_keywords_the_model_is_what_it_was(self, name: str) -> None:
        model = fresh(name)
        ids = torch.tensor([ROWS[1].prompt])
        keys, before = list(model.state_dict()), model(ids, labels=ids)
        assert head.install(model)
        after = model(ids, labels=ids)
        assert torch.equal(after.logits, before.logits)
        assert torch.equal(after.loss, before.loss)
        assert list(model.state_dict()) == keys
        head.remove(model)
        assert "forward" not in model.__dict__
        head.remove(model)

    @pytest.mark.parametrize("name", ["llama", "gpt2"])
    def test_texts_of_unlike_length_are_continued_as_before(self, name: str) -> None:
        """Generation asks the forward's signature which keywords it takes: positions, for one."""
        model = fresh(name)
        ids = torch.arange(40).view(2, 20) + 9
        mask = (torch.arange(20) >= torch.tensor([[0], [7]])).long()
        asked = {"do_sample": False, "output_logits": True, "return_dict_in_generate": True}
        found = []
        for patched in (False, True):
            if patched:
                assert head.install(model)
            out = model.generate(ids, attention_mask=mask, max_new_tokens=4, **asked)
            found.append(torch.stack(out.logits))
        assert torch.equal(found[1], found[0])

    def test_a_copy_is_a_model_of_its_own(self) -> None:
        model = fresh("llama")
        head.install(model)
        twin = copy.deepcopy(model)
        with torch.no_grad():
            twin.lm_head.weight.zero_()
            expected = naive_log_probs(model, ROWS)
            assert torch.allclose(batched_log_probs(model, ROWS, WAY), expected, atol=5e-4)
            uniform = torch.tensor(
                [
                    -len(r) * torch.tensor(float(model.config.vocab_size)).log()
                    for row in ROWS
                    for r in row.responses
                ]
            )
            assert torch.allclose(batched_log_probs(twin, ROWS, WAY), uniform, atol=5e-4)
        head.remove(twin)
        assert "forward" in model.__dict__

    @pytest.mark.parametrize("frozen", [False, True])
    def test_tied_embeddings(self, frozen: bool) -> None:
        model = fresh("llama", tie_word_embeddings=True)
        assert model.lm_head.weight is model.model.embed_tokens.weight
        model.lm_head.weight.requires_grad_(not frozen)
        expected = gradients(model, naive_log_probs(model, ROWS))
        assert ("model.embed_tokens.weight" in expected) != frozen
        head.install(model)
        assert distance(gradients(model, batched_log_probs(model, ROWS, WAY)), expected) < 2e-5

    def test_an_adapter_round_the_model(self) -> None:
        model = get_peft_model(
            fresh("llama"),
            LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False),
        )
        expected_R = naive_log_probs(model, ROWS)
        expected = gradients(model, expected_R)
        assert expected
        assert all("lora" in name for name in expected)
        keys = list(model.state_dict())
        assert head.install(causal_lm(model))
        found_R = batched_log_probs(model, ROWS, WAY)
        assert torch.allclose(found_R, expected_R, atol=5e-4, rtol=0)
        assert distance(gradients(model, found_R), expected) < 2e-5
        assert list(model.state_dict()) == keys
        with torch.no_grad():
            merged = model.merge_and_unload()
            assert torch.allclose(batched_log_probs(merged, ROWS, WAY), expected_R, atol=5e-4, rtol=0)

    def test_it_declines_what_it_does_not_know(self) -> None:
        adapted = get_peft_model(fresh("llama"), LoraConfig(r=2, target_modules=["lm_head"]))
        assert not head.install(causal_lm(adapted))
        assert not head.install(fresh("llama4"))  # no backbone under its prefix
        for model in (causal_lm(adapted), fresh("llama4")):
            assert "forward" not in model.__dict__
