"""Both layouts give what a loop gives that runs each response alone: values and gradients."""

from __future__ import annotations

import pytest
import torch
from tiny_models import (
    batched_log_probs,
    distance,
    gradients,
    naive_log_probs,
    rows,
    saved,
)

from planb.models.checkpoints import Policy
from planb.training.packing import collate

ROWS = rows(7)
BUDGETS = {"one example a sequence": 1, "some": 100, "all in one": 4096}


@pytest.fixture(scope="module", params=["llama", "mistral", "qwen2", "qwen3"])
def policy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return saved(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_packed_is_exact(policy: Policy, budget: int) -> None:
    expected = naive_log_probs(policy.model, ROWS)
    packed = batched_log_probs(policy, ROWS, "packed", budget)
    assert torch.allclose(packed, expected, atol=2e-3, rtol=1e-5)
    assert expected.std() > 5  # so that a wrong place or a wrong neighbour could be seen
    assert distance(gradients(policy.model, packed), gradients(policy.model, expected)) < 1e-3


def test_separate_is_exact(policy: Policy) -> None:
    expected = naive_log_probs(policy.model, ROWS)
    separate = batched_log_probs(policy, ROWS, "separate", 1)
    assert torch.allclose(separate, expected, atol=2e-3, rtol=1e-5)
    assert distance(gradients(policy.model, separate), gradients(policy.model, expected)) < 1e-3


def test_what_packing_guards_against_would_be_seen(policy: Policy) -> None:
    """Plain causal attention over the packed sequence, as transformers does it unasked."""
    batch = collate([(row, None) for row in ROWS], 0, "packed", 4096)
    with torch.inference_mode():
        logits = policy.model(input_ids=batch["input_ids"]).logits.flatten(0, 1).float()
        logp = logits.log_softmax(-1)[batch["predictor_N"], batch["target_N"]]
        plain = torch.zeros(len(batch["tiers"])).index_add(0, batch["response_N"], logp)
        expected = naive_log_probs(policy.model, ROWS)
    assert (plain - expected).abs().max() > 0.5


def test_a_batch_in_numbers() -> None:
    """The first row: prompt (1), responses (9) and some; positions go on from the prompt's end."""
    batch = collate([(ROWS[0], None)], pad=0, layout="packed")
    n = len(ROWS[0].responses[1])
    assert batch["input_ids"].tolist() == [[1, 9, *ROWS[0].responses[1]]]
    assert batch["position_ids"].tolist() == [[0, 1, *range(1, n + 1)]]
    assert batch["predictor_N"].tolist() == [0, 0, *range(2, n + 1)]
    assert batch["target_N"].tolist() == [9, *ROWS[0].responses[1]]
    assert batch["response_N"].tolist() == [0] + [1] * n
    mask = batch["attention_mask"][0, 0]
    assert mask[1].tolist() == [True, True] + [False] * n  # the first response: prompt and itself
    assert mask[2].tolist() == [True, False, True] + [False] * (n - 1)
    assert batch["pairs_P3"].tolist() == [[0, 0, 1]]
    assert batch["singles_S"].tolist() == []
    assert batch["tiers"] == ["refusal", "harmful"]


@pytest.mark.parametrize("layout", ["packed", "separate"])
def test_pairs_and_singles_point_at_their_responses(layout: str) -> None:
    batch = collate([(row, None) for row in ROWS], 0, layout, 60)
    starts = [sum(len(r.responses) for r in ROWS[:e]) for e in range(len(ROWS))]
    pairs = [[e, starts[e] + b, starts[e] + w] for e, row in enumerate(ROWS) for b, w in row.pairs]
    assert batch["pairs_P3"].tolist() == pairs
    assert batch["singles_S"].tolist() == [starts[e] for e, row in enumerate(ROWS) if not row.pairs]
    assert batch["examples"] == len(ROWS)
    assert batch["tiers"] == [tier for row in ROWS for tier in row.tiers]
    lengths = [len(response) for row in ROWS for response in row.responses]
    assert torch.bincount(batch["response_N"]).tolist() == lengths
    targets = [token for row in ROWS for response in row.responses for token in response]
    by_response = batch["response_N"].argsort(stable=True)
    assert batch["target_N"][by_response].tolist() == targets


def test_the_budget_bounds_a_packed_sequence() -> None:
    longest = max(row.packed_tokens for row in ROWS)
    for budget in (1, longest, 2 * longest, 4096):
        batch = collate([(row, None) for row in ROWS], 0, "packed", budget)
        assert batch["input_ids"].shape[1] <= max(budget, longest)
    assert batch["input_ids"].shape == (1, sum(row.packed_tokens for row in ROWS))
    separate = collate([(row, None) for row in ROWS], 0, "separate")
    assert separate["input_ids"].shape[0] == sum(len(row.responses) for row in ROWS)
    assert separate["attention_mask"].sum() == sum(row.separate_tokens for row in ROWS)


def test_references_stand_at_their_responses() -> None:
    items = [(row, [float(k) for k in range(len(row.responses))]) for row in ROWS]
    expected = [float(k) for row in ROWS for k in range(len(row.responses))]
    assert collate(items, 0, "packed", 60)["reference_R"].tolist() == expected
    assert "reference_R" not in collate([(row, None) for row in ROWS], 0, "packed", 60)
