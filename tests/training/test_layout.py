"""Which layout is used, and that the other one is right wherever it is used."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from tiny_models import (
    WINDOW,
    batched_log_probs,
    distance,
    gradients,
    naive_log_probs,
    rows,
    saved,
)

from planb.training.layout import choose_layout, self_check

ROWS = rows(6)
SHORT = rows(6, longest=3)


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "qwen3"])
def test_full_attention_is_packed(name: str, tmp_path: Path) -> None:
    policy = saved(name, tmp_path)
    assert choose_layout(policy, ROWS) == "packed"
    assert self_check(policy, ROWS) < 1e-3


@pytest.mark.parametrize("name", ["mistral_window", "qwen2_window", "gemma2", "gpt2", "bloom"])
def test_other_attention_is_separate_and_separate_is_exact(name: str, tmp_path: Path) -> None:
    policy = saved(name, tmp_path)
    assert choose_layout(policy, ROWS) == "separate"
    expected = naive_log_probs(policy.model, ROWS)
    found = batched_log_probs(policy, ROWS, "separate", 1)
    assert torch.allclose(found, expected, atol=2e-3, rtol=1e-4)
    assert expected.std() > 5
    assert distance(gradients(policy.model, found), gradients(policy.model, expected)) < 2e-3


def test_eager_attention_is_separate_and_exact(tmp_path: Path) -> None:
    """Eager adds a bool mask as numbers, in silence."""
    policy = saved("llama", tmp_path, attention="eager")
    assert choose_layout(policy, ROWS) == "separate"
    with torch.inference_mode():
        expected = naive_log_probs(policy.model, ROWS)
        assert torch.allclose(batched_log_probs(policy, ROWS, "separate", 1), expected, atol=2e-3)


def test_rows_within_the_window_are_packed(tmp_path: Path) -> None:
    assert max(row.packed_tokens for row in SHORT) < WINDOW
    policy = saved("mistral_window", tmp_path)
    assert choose_layout(policy, SHORT) == "packed"
    with torch.inference_mode():  # also where many of them share a sequence longer than the window
        expected = naive_log_probs(policy.model, SHORT)
        assert torch.allclose(batched_log_probs(policy, SHORT, "packed", 4096), expected, atol=2e-3)


def test_a_model_that_passes_the_rule_and_fails_the_check_is_separate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its configuration denies the window that it uses: only its own numbers tell."""
    policy = saved("mistral_window", tmp_path)
    policy.model.config.use_sliding_window = False
    assert self_check(policy, ROWS) > 0.1
    with caplog.at_level(logging.WARNING, logger="planb.training.layout"):
        assert choose_layout(policy, ROWS) == "separate"
    assert "differ by" in caplog.text


def test_the_check_looks_at_rows_with_most_responses(tmp_path: Path) -> None:
    """Rows that fit the window agree; they must not crowd out those with more responses."""
    policy = saved("mistral_window", tmp_path)
    fitting = [row for row in rows(30, seed=2, longest=6) if len(row.responses) == 1]
    wide = [row for row in ROWS if len(row.responses) == 3]
    assert len(fitting) > 4
    assert self_check(policy, fitting) < 1e-3 < self_check(policy, [*fitting, *wide])
