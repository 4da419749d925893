"""Attention over packed rows against one dense mask, written down from what a row means."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
import transformers as hf
from tiny_models import PAD, batched_log_probs, fresh, naive_log_probs, rows
from torch.nn.functional import scaled_dot_product_attention

from planb.training import attention
from planb.training.attention import Segment, UnpackableError, mark, pack, packed_attention
from planb.training.layout import _ways, adopt, choose
from planb.training.packing import on_device
from planb.training.scoring import Way

WINDOWS = (None, 1, 3, 1000)
HEADS, SIZE = 4, 8
SHAPES = [
    [(1, [1])],
    [(5, [7])],
    [(3, [2, 4, 1])],
    [(1, [6, 1, 1, 9]), (12, [2]), (4, [4, 4])],
    [
        (random.Random(n).randint(1, 30), random.Random(n).choices(range(1, 25), k=1 + n))
        for n in range(4)
    ],
]
"""Rows as (tokens of the prompt, tokens of each response)."""


def segments(shape: list[tuple[int, list[int]]]) -> list[Segment]:
    found, at = [], 0
    for prompt, (first, *others) in shape:
        found.append(Segment(at, prompt + first))
        start = at + prompt + first
        for queries in others:
            found.append(Segment(start, queries, ((at, prompt),)))
            start += queries
        at = start
    return found


def seen_TT(shape: list[tuple[int, list[int]]], window: int | None) -> torch.Tensor:
    """True where a token sees another: of its example, of its prompt or response, not after it, and
    not ``window`` or more logical positions before it."""
    tokens = []
    for example, (prompt, responses) in enumerate(shape):
        tokens += [(example, None, position) for position in range(prompt)]
        for k, length in enumerate(responses):
            tokens += [(example, k, prompt + position) for position in range(length)]
    return torch.tensor(
        [
            [
                example == of
                and part in (None, by)
                and other <= position
                and (window is None or position - other < window)
                for of, part, other in tokens
            ]
            for example, by, position in tokens
        ]
    )


def qkv(tokens: int, kv_heads: int = HEADS, seed: int = 0) -> tuple[torch.Tensor, ...]:
    make = torch.Generator().manual_seed(seed)
    sizes = (HEADS, kv_heads, kv_heads)
    return tuple(
        torch.randn(1, heads, tokens, SIZE, generator=make, dtype=torch.float64).requires_grad_()
        for heads in sizes
    )


def dense(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor, scale: float
) -> torch.Tensor:
    """softmax(scale * q k^T) v over what is seen, written out: (1, T, H, D)."""
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    weights = (scale * q @ k.transpose(2, 3)).masked_fill(~seen, -torch.inf).softmax(-1)
    return (weights @ v).transpose(1, 2)


def agree(one: torch.Tensor, two: torch.Tensor, inputs: tuple[torch.Tensor, ...]) -> None:
    """Values and the gradients of a sum with unlike weights."""
    assert one.shape == two.shape
    assert torch.allclose(one, two, atol=1e-12, rtol=0)
    weights = torch.linspace(-1, 2, one.numel(), dtype=one.dtype).view_as(one)
    for a, b in zip(
        *(torch.autograd.grad((out * weights).sum(), inputs) for out in (one, two)), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-11, rtol=0)


def plain_varlen(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
) -> torch.Tensor:
    """``torch.nn.attention.varlen.varlen_attn`` by its contract: sequence n is the tokens from cu[n] to
    cu[n + 1]; a query sees ``window_size`` keys to its left and right (-1: all), aligned so that the
    last query stands at the last key."""
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert query.is_contiguous()
    assert enable_gqa or query.shape[1] == key.shape[1]
    assert (len(query), len(key)) == (cu_seq_q[-1], cu_seq_k[-1])
    assert max_q == cu_seq_q.diff().max()
    assert max_k == cu_seq_k.diff().max()
    left, right = window_size
    found = []
    for n in range(len(cu_seq_q) - 1):
        q = query[cu_seq_q[n] : cu_seq_q[n + 1]]
        k, v = (x[cu_seq_k[n] : cu_seq_k[n + 1]] for x in (key, value))
        ahead = torch.arange(len(k)) - (torch.arange(len(q)) + len(k) - len(q))[:, None]
        seen = (ahead <= right if right >= 0 else True) & (
            -ahead <= left if left >= 0 else ahead < 10**9
        )
        out = dense(*(x.transpose(0, 1)[None] for x in (q, k, v)), seen, scale or SIZE**-0.5)
        found.append(out[0])
    return torch.cat(found)


@pytest.fixture(params=["sdpa", "varlen"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> attention.Kernel:
    """The GPU's kernel does not run on a CPU, so a function with its contract stands in its place: what
    is tested is what it is given. The kernel itself is tested below, where there is a GPU."""
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", plain_varlen)
    kernel: attention.Kernel = request.param
    return kernel


class TestAgainstADenseMask:
    @pytest.mark.parametrize("window", WINDOWS)
    @pytest.mark.parametrize("kv_heads", [HEADS, 2, 1])
    @pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
    def test_values_and_gradients(
        self, shape: Any, kv_heads: int, window: int | None, kernel: attention.Kernel
    ) -> None:
        seen = seen_TT(shape, window)
        inputs = qkv(len(seen), kv_heads)
        packed = pack(segments(shape), kernel)
        found, weights = packed_attention(
            torch.nn.Module(), *inputs, mark(), scaling=0.3, sliding_window=window, pack=packed
        )
        assert weights is None
        agree(found, dense(*inputs, seen, 0.3), inputs)

    @pytest.mark.slow
    def test_random_rows(self, kernel: attention.Kernel) -> None:
        """One pack serves layers with and without a window, one after the other."""
        for seed in range(20):
            rng = random.Random(seed)
            shape = [
                (rng.randint(1, 40), [rng.randint(1, 40) for _ in range(rng.randint(1, 5))])
                for _ in range(rng.randint(1, 6))
            ]
            packed = pack(segments(shape), kernel)
            for window in (None, rng.randint(1, 50), None):
                seen = seen_TT(shape, window)
                inputs = qkv(len(seen), 2, seed)
                found, _ = packed_attention(
                    torch.nn.Module(), *inputs, mark(), sliding_window=window, pack=packed
                )
                agree(found, dense(*inputs, seen, SIZE**-0.5), inputs)

    def test_a_dense_mask_by_hand(self) -> None:
        """Prompt 2, responses of 1 and 2 tokens; then a prompt of 1 with a response of 1."""
        assert seen_TT([(2, [1, 2]), (1, [1])], None).int().tolist() == [
            [1, 0, 0, 0, 0, 0, 0],
            [1, 1, 0, 0, 0, 0, 0],
            [1, 1, 1, 0, 0, 0, 0],
            [1, 1, 0, 1, 0, 0, 0],
            [1, 1, 0, 1, 1, 0, 0],
            [0, 0, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 1, 1],
        ]
        assert seen_TT([(2, [1, 2])], 2).int().tolist()[3:] == [[0, 1, 0, 1, 0], [0, 0, 0, 1, 1]]

    def test_segments_of_like_size_run_together(self) -> None:
        """Few calls however many rows, and no padding beyond half as much again."""
        shape = [(10, [5, 5, 6]) for _ in range(50)]
        groups = pack(segments(shape), "sdpa")["groups"]
        assert len(groups) == 2  # first responses with their prompts, and the others
        asked = sum(len(group["query_SQ"]) * group["query_SQ"].shape[1] for group in groups)
        assert asked <= 1.5 * sum(prompt + sum(responses) for prompt, responses in shape)
        lengths = random.Random(7).choices(range(1, 500), k=300)
        for group in pack(segments([(1, [n]) for n in lengths]), "sdpa")["groups"]:
            own = group["logical_SQ"].amax(1) + 1
            assert group["query_SQ"].shape[1] <= 1.5 * own.min() + 1

    def test_varlen_indices_by_hand(self) -> None:
        found = pack(segments([(2, [1, 2]), (1, [1])]), "varlen")
        assert found["key_N"].tolist() == [0, 1, 2, 0, 1, 3, 4, 5, 6]
        assert found["cu_queries"].tolist() == [0, 3, 5, 7]
        assert found["cu_keys"].tolist() == [0, 3, 7, 9]
        assert (found["max_queries"], found["max_keys"]) == (3, 4)


class TestWhatIsRefused:
    def call(self, module: torch.nn.Module | None = None, **keywords: Any) -> torch.Tensor:
        packed = pack([Segment(0, 4), Segment(4, 2, ((0, 3),))], "sdpa")
        return packed_attention(module or torch.nn.Module(), *qkv(6), mark(), pack=packed, **keywords)[
            0
        ]

    @pytest.mark.parametrize(
        "keyword",
        [
            {"softcap": 50.0},
            {"position_bias": torch.zeros(1)},
            {"head_mask": torch.ones(HEADS)},
            {"something_new": 0},
            {"something_new": False},
        ],
        ids=lambda keyword: next(iter(keyword)),
    )
    def test_unknown_keywords(self, keyword: dict[str, Any]) -> None:
        with pytest.raises(UnpackableError, match=f"takes {next(iter(keyword))}, which"):
            self.call(**keyword)

    def test_all_are_named(self) -> None:
        with pytest.raises(UnpackableError, match="takes head_mask, softcap, which"):
            self.call(softcap=1.0, head_mask=torch.ones(HEADS))

    def test_none_and_what_changes_nothing_pass(self) -> None:
        plain = self.call()
        harmless = {"position_ids": torch.arange(6)[None], "use_cache": False, "is_causal": True}
        assert torch.equal(self.call(softcap=None, s_aux=None, anything=None, **harmless), plain)

    def test_dropout(self) -> None:
        with pytest.raises(UnpackableError, match="dropout"):
            self.call(dropout=0.1)

    def test_attention_that_looks_ahead(self) -> None:
        module = torch.nn.Module()
        module.is_causal = False
        with pytest.raises(UnpackableError, match="not causal"):
            self.call(module)
        module.is_causal = True
        assert torch.equal(self.call(module), self.call())


def dense_with_sinks(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor, sink_H: torch.Tensor
) -> torch.Tensor:
    """A softmax over the keys and the head's sink, whose share is thrown away."""
    k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
    score = (q @ k.transpose(-1, -2) * SIZE**-0.5).masked_fill(~seen, -torch.inf)
    share = torch.cat([score, sink_H.view(-1, 1, 1).expand(1, -1, score.shape[2], 1)], -1).softmax(-1)
    return (share[..., :-1] @ v).transpose(1, 2)


class TestSinksAndLatentValues:
    @pytest.mark.parametrize("window", WINDOWS)
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    @pytest.mark.parametrize("kv_heads", [HEADS, 2])
    def test_sinks_are_part_of_the_softmax(self, shape: Any, kv_heads: int, window: int | None) -> None:
        """Values and gradients, the sinks' own too."""
        some = segments(shape)
        inputs = qkv(sum(segment.queries for segment in some), kv_heads)
        sink_H = torch.linspace(-1, 3, HEADS, dtype=inputs[0].dtype)
        wrt = [x.requires_grad_() for x in (*inputs, sink_H)]
        found, _ = packed_attention(
            torch.nn.Module(),
            *wrt[:3],
            mark(),
            sliding_window=window,
            pack=pack(some, "sdpa"),
            s_aux=wrt[3],
        )
        agree(found, dense_with_sinks(*wrt[:3], seen_TT(shape, window), wrt[3]), tuple(wrt))

    def test_without_a_pack_too(self) -> None:
        """The model is used between steps: SDPA alone would leave its sinks out."""
        module = torch.nn.Module()
        module.num_key_value_groups = 2
        q, k, v = qkv(9, 2)
        sink_H = torch.linspace(-1, 3, HEADS, dtype=q.dtype)
        causal = torch.ones(9, 9, dtype=torch.bool).tril()
        window = causal & ~causal.tril(-4)
        for mask, seen in ((None, causal), (window[None, None], window)):
            found, _ = packed_attention(module, q, k, v, mask, s_aux=sink_H)
            assert torch.allclose(found, dense_with_sinks(q, k, v, seen, sink_H), atol=1e-10)
        added = torch.zeros(9, 9, dtype=q.dtype).masked_fill(~window, -torch.inf)[None, None]
        found, _ = packed_attention(module, q, k, v, added, s_aux=sink_H)
        assert torch.allclose(found, dense_with_sinks(q, k, v, window, sink_H), atol=1e-10)

    def test_one_query_over_a_cache(self) -> None:
        module = torch.nn.Module()
        module.num_key_value_groups = 1
        q, k, v = qkv(5)
        sink_H = torch.linspace(-1, 3, HEADS, dtype=q.dtype)
        every = torch.ones(1, 5, dtype=torch.bool)
        found, _ = packed_attention(module, q[:, :, -1:], k, v, None, s_aux=sink_H)
        assert torch.allclose(found, dense_with_sinks(q[:, :, -1:], k, v, every, sink_H), atol=1e-10)

    @pytest.mark.parametrize("width", [SIZE - 3, SIZE + 5])
    @pytest.mark.parametrize("sinks", [False, True])
    def test_values_of_another_width_than_keys(
        self, width: int, sinks: bool, kernel: attention.Kernel
    ) -> None:
        shape = SHAPES[3]
        some = segments(shape)
        q, k, v = qkv(sum(segment.queries for segment in some))
        v = torch.cat([v, v.flip(-1)], -1)[..., :width].contiguous()
        s_aux = torch.linspace(-1, 3, HEADS, dtype=q.dtype) if sinks else None
        if sinks and kernel == "varlen":
            with pytest.raises(UnpackableError, match="knows no sinks"):
                packed_attention(
                    torch.nn.Module(), q, k, v, mark(), pack=pack(some, kernel), s_aux=s_aux
                )
            return
        wrt = [x.requires_grad_() for x in (q, k, v)]
        found, _ = packed_attention(
            torch.nn.Module(), *wrt, mark(), pack=pack(some, kernel), s_aux=s_aux
        )
        least = torch.full((HEADS,), -torch.inf, dtype=q.dtype) if s_aux is None else s_aux
        agree(found, dense_with_sinks(*wrt, seen_TT(shape, None), least), tuple(wrt))

    def test_a_mask_that_a_layer_made_is_refused(self) -> None:
        """Doge masks by its values; what is handed on is then no mark."""
        packed = pack([Segment(0, 4), Segment(4, 2, ((0, 3),))], "sdpa")
        with pytest.raises(UnpackableError, match="make a mask of their own"):
            packed_attention(torch.nn.Module(), *qkv(6), torch.zeros(1, HEADS, 6, 6), pack=packed)


class TestWithoutAPack:
    def test_it_is_ordinary_sdpa(self) -> None:
        module = torch.nn.Module()
        module.num_key_value_groups = 2
        q, k, v = qkv(9, 2)
        found, _ = packed_attention(module, q, k, v, None, scaling=0.3)
        expected = scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3, enable_gqa=True)
        assert torch.allclose(found, expected.transpose(1, 2), atol=1e-12)
        seen = seen_TT([(4, [2, 3])], None)[None, None]
        masked, _ = packed_attention(module, q, k, v, seen, scaling=0.3)
        assert torch.allclose(masked, dense(q, k, v, seen, 0.3), atol=1e-12)

    def test_the_mark_alone_is_an_error(self) -> None:
        """It would be broadcast: every token would see every other."""
        with pytest.raises(UnpackableError, match="does not hand its keywords on"):
            packed_attention(torch.nn.Module(), *qkv(2), mark())

    def test_one_token_may_have_such_a_mask(self) -> None:
        q, k, v = qkv(1)
        assert torch.allclose(
            packed_attention(torch.nn.Module(), q, k, v, mark())[0], v.transpose(1, 2), atol=1e-12
        )


@pytest.mark.parametrize("name", ["llama", "mistral_window", "gemma3"])
def test_a_model_is_run_exactly_by_the_kernels_contract(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above: the kernel of the GPU is replaced, on the CPU, by a function with its contract."""
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", plain_varlen)
    chosen, way = rows(6), Way("packed", "varlen", "chunked")
    model = fresh(name)
    with torch.no_grad():
        expected = naive_log_probs(model, chosen)
        adopt(model, way)
        assert torch.allclose(batched_log_probs(model, chosen, way, 100), expected, atol=5e-4, rtol=0)


def test_the_kernel_is_for_16_bits_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is made up; sizes are read from layers. A configuration may have several sizes of
    heads (Gemma 4 raises an error that is no AttributeError), or none (Mamba)."""
    assert not attention.varlen_runs(fresh("llama").bfloat16())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(hf.PreTrainedModel, "device", property(lambda _: torch.device("cuda")))
    assert attention.varlen_runs(fresh("llama").bfloat16())
    assert not attention.varlen_runs(fresh("llama"))
    assert not attention.varlen_runs(fresh("gpt_oss").bfloat16()), "sinks"
    assert not attention.varlen_runs(fresh("llama", head_dim=512).bfloat16())
    for name in ("gemma4", "mamba"):
        model = fresh(name).bfloat16()
        assert attention.varlen_runs(model)
        layout = "packed" if name == "gemma4" else "separate"
        assert next(way.kernel for way in _ways(model, layout)) == (
            "varlen" if name == "gemma4" else "sdpa"
        )


needs_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"),
]


class TestOnAGpu:
    pytestmark = needs_gpu

    @pytest.mark.parametrize("window", WINDOWS)
    @pytest.mark.parametrize("kv_heads", [HEADS, 2])
    @pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
    def test_the_kernel_itself(self, shape: Any, kv_heads: int, window: int | None) -> None:
        seen = seen_TT(shape, window)
        rounded = [x.detach().bfloat16() for x in qkv(len(seen), kv_heads)]
        exact = tuple(x.double().requires_grad_() for x in rounded)
        inputs = tuple(x.cuda().requires_grad_() for x in rounded)
        packed = on_device({"pack": pack(segments(shape), "varlen")}, torch.device("cuda"))["pack"]
        found, _ = packed_attention(
            torch.nn.Module(), *inputs, mark().cuda(), sliding_window=window, pack=packed
        )
        expected = dense(*exact, seen, SIZE**-0.5)
        assert torch.allclose(found.cpu().double(), expected, atol=0.03, rtol=0.02)
        weights = torch.linspace(-1, 2, expected.numel(), dtype=torch.float64).view_as(expected)
        right = torch.autograd.grad((expected * weights).sum(), exact)
        ours = torch.autograd.grad((found * weights.cuda()).sum(), inputs)
        for one, two in zip(ours, right, strict=True):
            assert (one.cpu().double() - two).norm() <= 0.02 * two.norm() + 1e-3

    @pytest.mark.parametrize("name", ["llama", "mistral_window", "gemma3"])
    def test_it_is_chosen(self, name: str) -> None:
        model = fresh(name).bfloat16().cuda()
        way = choose(model, rows(6), PAD)
        assert (way.layout, way.kernel, way.head) == ("packed", "varlen", "chunked")

    def test_it_is_not_chosen_in_32_bits(self) -> None:
        assert choose(fresh("llama").cuda(), rows(6), PAD).kernel == "sdpa"
